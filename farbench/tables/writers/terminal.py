"""Writes tables as plain text that reads well at 100 columns, with or without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from farbench.tables.model import Cell, Column, Table, heading_spans

WIDTH = 100
HEADING = 12
GAP = 2
BEST, SECOND, DAGGER = "*", "'", "†"
BOLD, UNDERLINE, RESET = "\x1b[1m", "\x1b[4m", "\x1b[0m"
ASCII = str.maketrans(
    {
        "↑": "^",
        "↓": "v",
        "±": "+-",
        "✓": "x",
        "–": "-",
        "—": "-",
        "Δ": "D",
        "─": "-",
        "×": "x",
        "†": "+",
    }
)


@dataclass
class _Field:
    """One printed cell: its text and the escape code that is put around it."""

    text: str
    code: str = ""
    empty: bool = False


Lane = tuple[Column, list[_Field]]


@dataclass(frozen=True)
class _Shape:
    """How a column lines up: characters of means, deviations and notes; which marks follow."""

    digits: int
    spread: int
    flags: bool
    daggers: bool
    notes: int


def write(tables: Sequence[Table], *, width: int = WIDTH, color: bool = False) -> str:
    """Return all tables as text.

    Args:
        tables: The tables in order.
        width: Lines are kept to this many characters; a wider table is printed in parts, each
            with the row labels.
        color: Add bold and underline escapes to the marks for best and second.
    """
    return "\n\n".join(_table(table, width, color) for table in tables)


def to_ascii(text: str) -> str:
    """Replace the signs that an ASCII-only terminal cannot show."""
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")


def _table(table: Table, width: int, color: bool) -> str:
    caption = " ".join(table.caption)
    lines = [*textwrap.wrap(table.title, width), *textwrap.wrap(caption, width), ""]
    parts = _parts([_lane(table, column, color) for column in table.columns], width)
    for index, part in enumerate(parts):
        lines += [""] if index else []
        lines += _part(table, part, width, whole=len(parts) == 1)
    flagged = any(cell.best or cell.second for row in table.rows() for cell in row.cells.values())
    lines += [f"{BEST} best, {SECOND} second best in its {table.ranked}."] if flagged else []
    for letter, text in table.notes():
        mark = f"({letter}) " if letter else ""
        lines += textwrap.wrap(mark + text, width, subsequent_indent=" " * len(mark))
    return "\n".join(line.rstrip() for line in lines)


def _lane(table: Table, column: Column, color: bool) -> Lane:
    """Return the printed cells of a column from top to bottom, blocks run together."""
    cells = [row.cell(column) for row in table.rows()]
    valued = [cell for cell in cells if cell.value is not None]
    shape = _Shape(
        digits=max((len(column.shown(c.value)) for c in valued if c.value is not None), default=0),
        spread=max((len(column.shown_std(c.std)) for c in valued if c.std is not None), default=0),
        flags=any(cell.best for cell in cells),
        daggers=any(cell.dagger for cell in cells),
        notes=max((len(_note(cell)) for cell in valued), default=0),
    )
    return column, [_field(column, cell, shape, color) for cell in cells]


def _field(column: Column, cell: Cell, shape: _Shape, color: bool) -> _Field:
    if column.kind in ("label", "text"):
        return _Field(cell.text + _note(cell))
    if column.kind == "mark":
        return _Field("✓" if cell.mark else "")
    if cell.value is None:
        return _Field(cell.missing + _note(cell), empty=cell.missing in ("", "–"))
    text = column.shown(cell.value).rjust(shape.digits)
    if cell.std is not None:
        text += f" ± {column.shown_std(cell.std).rjust(shape.spread)}"
    elif shape.spread:
        text += " " * (3 + shape.spread)
    if shape.flags:
        text += BEST if cell.best else SECOND if cell.second else " "
    if shape.daggers:
        text += DAGGER if cell.dagger else " "
    code = (BOLD if cell.best else UNDERLINE if cell.second else "") if color else ""
    return _Field(text + _note(cell).ljust(shape.notes), code)


def _note(cell: Cell) -> str:
    return f" ({cell.note})" if cell.note else ""


def _parts(lanes: list[Lane], width: int) -> list[list[Lane]]:
    """Split the columns so that every part fits, between shared headings where that is enough."""
    label, *others = lanes
    room = width - _width(label) - GAP
    groups: list[list[Lane]] = []
    for lane in others:
        last = groups[-1] if groups else []
        shared = bool(last and lane[0].over) and last[-1][0].over == lane[0].over
        if shared and _total([*last, lane]) <= room:
            last.append(lane)
        else:
            groups.append([lane])
    parts = [[label]]
    for group in groups:
        numbers = any(column.kind == "number" for column, _ in parts[-1])
        fits = _total([*parts[-1], *group]) <= width
        # Texts and marks stay with the first numbers, even if that breaks up their heading.
        for chunk in [group] if fits or numbers else [[lane] for lane in group]:
            if len(parts[-1]) > 1 and _total([*parts[-1], *chunk]) > width:
                parts.append([label])
            parts[-1] += chunk
    return parts


def _width(lane: Lane) -> int:
    return max(len(text) for text in (*_heading(lane), *(field.text for field in lane[1])))


def _total(lanes: list[Lane]) -> int:
    """Return the width of lanes side by side, their shared headings included."""
    return sum(_widths(lanes)) + GAP * (len(lanes) - 1)


def _widths(lanes: list[Lane]) -> list[int]:
    """Return each lane's width; the last one below a long shared heading makes up for it."""
    widths = [_width(lane) for lane in lanes]
    for start, end in heading_spans([column for column, _ in lanes]):
        below = sum(widths[start:end]) + GAP * (end - start - 1)
        widths[end - 1] += max(0, len(lanes[start][0].over) - below)
    return widths


def _part(table: Table, part: list[Lane], width: int, *, whole: bool) -> list[str]:
    """Return one part; unless it is the whole table, rows that say nothing in it stay out."""
    widths = _widths(part)
    rule = "─" * _total(part)
    overs = _overs(part, widths)
    lines = [rule, *([overs] if overs.strip() else [])]
    headings = [_heading(lane) for lane in part]
    for level in range(-max(map(len, headings)), 0):
        texts = [held[level] if len(held) >= -level else "" for held in headings]
        lines.append(_line(part, [_Field(text) for text in texts], widths))
    index = 0
    for block in table.blocks:
        rows = []
        for _ in block.rows:
            fields = [held[index] for _, held in part]
            index += 1
            numbers = [f for (c, _), f in zip(part, fields, strict=True) if c.kind == "number"]
            if whole or not all(field.empty or not field.text for field in numbers):
                rows.append(_line(part, fields, widths))
        if rows:
            lines += [rule, *(textwrap.wrap(block.title, width) if block.title else []), *rows]
    return [*lines, rule]


def _heading(lane: Lane) -> list[str]:
    """Return the heading in lines that are about as wide as the cells below, last line lowest."""
    column, fields = lane
    text = f"{column.title} {column.direction}".strip()
    wide = max([HEADING, *(len(field.text) for field in fields)])
    return textwrap.wrap(text, wide, break_long_words=False, break_on_hyphens=False) or [""]


def _line(part: list[Lane], fields: list[_Field], widths: list[int]) -> str:
    printed = []
    for (column, _), field, width in zip(part, fields, widths, strict=True):
        spare = width - len(field.text)
        left = {"number": spare, "mark": spare // 2}.get(column.kind, 0)
        core = f"{field.code}{field.text}{RESET}" if field.code else field.text
        printed.append(" " * left + core + " " * (spare - left))
    return (" " * GAP).join(printed)


def _overs(part: list[Lane], widths: list[int]) -> str:
    """Return the line of shared headings, each centred above its columns."""
    texts = []
    for start, end in heading_spans([column for column, _ in part]):
        below = sum(widths[start:end]) + GAP * (end - start - 1)
        texts.append(part[start][0].over.center(below))
    return (" " * GAP).join(texts)
