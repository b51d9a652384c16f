"""Writes tables as GitHub-flavoured Markdown: best bold, second underlined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from farbench.tables.model import Cell, Column, Table

ALIGN = {"label": ":--", "text": ":--", "mark": ":-:", "number": "--:"}


def write(tables: Sequence[Table]) -> str:
    """Return all tables as Markdown, one heading each."""
    return "\n\n".join(_table(table) for table in tables)


def escape(text: str) -> str:
    """Escape what Markdown, HTML or a table cell would read as markup; `code` stays code."""
    parts = re.split(r"(`[^`|]*`)", " ".join(text.split()))
    return "".join(part if index % 2 else _escape(part) for index, part in enumerate(parts))


def _escape(text: str) -> str:
    text = re.sub(r"([\\`*_\[\]|~])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _table(table: Table) -> str:
    lines = [f"### {escape(table.title.rstrip('.'))}", ""]
    lines += [escape(" ".join(table.caption)), ""] if table.caption else []
    lines.append(_line([_heading(column) for column in table.columns]))
    lines.append(_line([ALIGN[column.kind] for column in table.columns]))
    for block in table.blocks:
        if block.title:
            empty = [""] * (len(table.columns) - 1)
            lines.append(_line([f"*{escape(block.title)}*", *empty]))
        for row in block.rows:
            texts = [_cell(column, row.cell(column)) for column in table.columns]
            if block.kind == "reference":
                texts[0] = f"*{texts[0]}*"
            lines.append(_line(texts))
    if table.footnotes:
        lines.append("")
        lines += [
            f"- {f'({letter}) ' if letter else ''}{escape(text)}" for letter, text in table.notes()
        ]
    return "\n".join(lines)


def _heading(column: Column) -> str:
    return escape(f"{column.over} {column.title} {column.direction}")


def _cell(column: Column, cell: Cell) -> str:
    note = f" ({cell.note})" if cell.note else ""
    if column.kind in ("label", "text"):
        return escape(cell.text) + note
    if column.kind == "mark":
        return "✓" if cell.mark else ""
    if cell.value is None:
        return escape(cell.missing) + note
    number = column.shown(cell.value)
    if cell.best:
        number = f"**{number}**"
    elif cell.second:
        number = f"<u>{number}</u>"
    spread = f" ± {column.shown_std(cell.std)}" if cell.std is not None else ""
    return number + spread + ("†" if cell.dagger else "") + note


def _line(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"
