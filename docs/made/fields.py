"""Fields of models as rows: options of plugins, keys of files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from made.markdown import code, in_a_line, table

if TYPE_CHECKING:
    from pydantic import BaseModel


def field_table(name: str, model: type[BaseModel]) -> str:
    """Return a model's fields with types and limits, defaults and meanings.

    Args:
        name: What the fields are called in the heading.
        model: The model; the fields of its sections are written with dots.
    """
    rows = _rows(model, "")
    return table((name, "Takes", "Default", "Meaning"), rows) if rows else f"No {name.lower()}s."


def _rows(model: type[BaseModel], prefix: str) -> list[tuple[str, ...]]:
    from pydantic import BaseModel

    from farbench.benchmark.explain import describe, limit

    rows: list[tuple[str, ...]] = []
    for key, field in model.model_fields.items():
        inner = field.annotation
        # A section with a description has a table of its own.
        if isinstance(inner, type) and issubclass(inner, BaseModel) and not field.description:
            rows += _rows(inner, f"{prefix}{key}.")
            continue
        limits = "".join(f", {one}" for one in map(limit, field.metadata) if one)
        default = "required"
        if not field.is_required():
            default = code(_written(field.get_default(call_default_factory=True)))
        kind = in_a_line(describe(inner) + limits)
        rows.append((code(prefix + key), kind, default, in_a_line(field.description or "")))
    return rows


def _written(value: Any) -> str:
    """Return a value as a benchmark file would hold it."""
    return value if isinstance(value, str) and value else json.dumps(value, default=str)
