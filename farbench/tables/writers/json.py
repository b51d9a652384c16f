"""Writes tables as JSON: the whole model, raw fractions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from farbench.tables.model import Table


def write(tables: Sequence[Table]) -> str:
    """Return ``{"schema": 1, "tables": [...]}``; see ``farbench.tables.model`` for the fields."""
    held = {"schema": 1, "tables": [asdict(table) for table in tables]}
    return json.dumps(held, indent=1, ensure_ascii=False, allow_nan=False)
