"""One writer a format; each turns tables into the text of one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from farbench.errors import UserError, unknown_name
from farbench.tables.model import Table
from farbench.tables.writers import csv, html, json, latex, markdown, terminal

WRITERS: dict[str, Callable[[Sequence[Table]], str]] = {
    "terminal": terminal.write,
    "markdown": markdown.write,
    "latex": latex.write,
    "csv": csv.write,
    "json": json.write,
    "html": html.write,
}

SUFFIXES: dict[str, str] = {
    ".md": "markdown",
    ".tex": "latex",
    ".csv": "csv",
    ".json": "json",
    ".html": "html",
    ".txt": "terminal",
}


def render(tables: Sequence[Table], format: str) -> str:
    """Return the tables as text in a format of ``WRITERS``, ending in one newline."""
    if format not in WRITERS:
        raise unknown_name("format", format, WRITERS)
    return WRITERS[format](tables).rstrip("\n") + "\n"


def format_of(path: Path) -> str:
    """Return the format that a file's suffix names.

    Raises:
        UserError: The suffix names none.
    """
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise UserError(
            f"the suffix of '{path.name}' names no format. Known: {known}. Or give --format."
        )
    return SUFFIXES[path.suffix.lower()]
