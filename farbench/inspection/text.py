"""Aligned plain text for a terminal or a file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 100
"""Columns that a line may have."""


def aligned(rows: Iterable[Sequence[str]], left: int = 1, indent: str = "  ") -> list[str]:
    """Return lines with cells in columns: the first ``left`` to the left, numbers to the right."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        (
            indent
            + "  ".join(
                cell.ljust(width) if position < left else cell.rjust(width)
                for position, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        ).rstrip()
        for row in table
    ]


def wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    """Break text between words; lines begin with ``first``, then ``rest`` (as many spaces)."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def first_of(lines: Sequence[str], top: int, indent: str = "  ") -> list[str]:
    """Return the first ``top`` lines, indented, and how many there are beside them."""
    shown = [f"{indent}{line}" for line in lines[:top]]
    left = len(lines) - len(shown)
    return [*shown, f"{indent}... and {left:,} more (--top, or --json for all)"] if left else shown
