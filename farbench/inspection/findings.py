"""What a check of a data set found, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["ok", "note", "warning", "wrong"]
"""*Note*: good to know. *Warning*: results can mislead. *Wrong*: they would, or no run starts."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        level: How much it matters.
        check: The check, in a word or two.
        text: What was found, in a sentence.
        items: What it is about, a line each, the most important first.
        data: The same as JSON-able values.
    """

    level: Level
    check: str
    text: str
    items: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON-able values; ``data`` holds what ``items`` words."""
        return {
            "level": self.level,
            "check": self.check,
            "text": self.text,
            **({"items": list(self.items)} if self.items and not self.data else {}),
            **({"data": dict(self.data)} if self.data else {}),
        }


def percent(part: int, whole: int) -> str:
    """Return a share: "5.2%"; "0%" of nothing."""
    return f"{part / whole:.1%}" if whole else "0%"
