"""Values that many cards share, each kept once."""

from __future__ import annotations

import json
from typing import Any


class Pool:
    """A list of JSON values; cards name them by their place.

    Of 2,000 cells the options, protocol and environment are the same few; with each of them in
    every card the page would be several times as large.
    """

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}

    def add(self, value: Any) -> int:
        """Return the place of a JSON value; an equal one that is there already is taken."""
        return self._texts.setdefault(as_json(value), len(self._texts))

    def json(self) -> str:
        """Return the list as JSON."""
        return f"[{','.join(self._texts)}]"


def as_json(value: Any) -> str:
    """Return JSON without spaces; NaN is refused."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
