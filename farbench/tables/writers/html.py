"""Writes tables as one HTML page that needs nothing beside it; the report uses its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from html import escape
from importlib.resources import files

from farbench.tables.model import Block, Cell, Column, Row, Table, heading_spans

Link = Callable[[Row, Column, Cell], str]
"""Returns where a number leads to ("#cell-..."), or nothing."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""A page of this policy loads nothing over the network, whatever is written in it."""

TALL = 30
"""A table with more rows scrolls in a box of its own, below its headings."""

CLASSES = {"label": "t", "text": "t", "mark": "m", "number": ""}

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{css}</style>
</head>
<body>
<main>
{tables}
</main>
<script>
{script}</script>
</body>
</html>
"""


def write(tables: Sequence[Table]) -> str:
    """Return a page with all tables."""
    return PAGE.format(
        policy=POLICY,
        title=escape(tables[0].title if tables else "No tables"),
        css=asset("table.css"),
        tables="\n".join(table_html(table, level=1 + (len(tables) > 1)) for table in tables),
        script=asset("table.js"),
    )


def asset(name: str) -> str:
    """Return a style sheet or script that pages with tables hold."""
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def table_html(
    table: Table,
    *,
    level: int = 2,
    title: str = "",
    unseen: bool = False,
    link: Link | None = None,
    said: Collection[str] = (),
) -> str:
    """Return one table with its heading, caption and footnotes.

    Args:
        table: The table.
        level: Of its heading.
        title: Its heading, in place of its own title.
        unseen: Whether the heading has the class "unseen": the same words stand right above.
        link: Where its numbers lead to.
        said: Sentences that the page has above: they are left out here.
    """
    caption = " ".join(sentence for sentence in table.caption if sentence not in said)
    name = f"table-{escape(table.name)}"
    heading, hidden = escape(title or table.title.rstrip(".")), ' class="unseen"' if unseen else ""
    rows = sum(len(block.rows) for block in table.blocks)
    classes = "sorts noted" if any(c.note or c.dagger for c in _cells(table)) else "sorts"
    lines = [
        f'<section class="table" id="{name}">',
        f'<h{level} id="{name}-title"{hidden}>{heading}</h{level}>',
        *([f'<p class="caption">{_prose(caption)}</p>'] if caption else []),
        f'<div class="scroll{" tall" if rows > TALL else ""}" role="region" tabindex="0"'
        f' aria-labelledby="{name}-title">',
        f'<table class="{classes}" aria-labelledby="{name}-title">',
        "<thead>",
        *_overs(table.columns),
        f"<tr>{''.join(map(_heading, table.columns))}</tr>",
        "</thead>",
        *(_block(table, block, link) for block in table.blocks),
        "</table>",
        "</div>",
        *_notes(table, said),
        "</section>",
    ]
    return "\n".join(lines)


def _cells(table: Table) -> list[Cell]:
    return [cell for row in table.rows() for cell in row.cells.values()]


def _overs(columns: Sequence[Column]) -> list[str]:
    """Return the row of shared headings, if there are any."""
    if not any(column.over for column in columns):
        return []
    texts = [
        f'<th colspan="{end - start}" scope="colgroup">{escape(columns[start].over)}</th>'
        if columns[start].over
        else "<td></td>"
        for start, end in heading_spans(columns)
    ]
    return [f"<tr>{''.join(texts)}</tr>"]


def _heading(column: Column) -> str:
    kind = CLASSES[column.kind]
    held = f' class="{kind}"' if kind else ""
    # The first press sorts the best to the top; numbers without direction begin with the largest.
    if column.kind == "mark" or (column.kind == "number" and column.higher_is_better is not False):
        held += ' data-first="descending"'
    text = f"{column.title}\u00a0{column.direction}".strip()  # an arrow alone on a line is odd
    return f'<th scope="col"{held}>{escape(text)}</th>'


def _block(table: Table, block: Block, link: Link | None) -> str:
    lines = [f'<tbody class="{block.kind}">']
    if block.title:
        across = f'colspan="{len(table.columns)}" scope="rowgroup"'
        lines.append(f'<tr class="block"><th {across}>{escape(block.title)}</th></tr>')
    for row in block.rows:
        lines.append(f"<tr>{''.join(_cell(row, column, link) for column in table.columns)}</tr>")
    return "\n".join([*lines, "</tbody>"])


def _cell(row: Row, column: Column, link: Link | None) -> str:
    cell = row.cell(column)
    marks = ("†" if cell.dagger else "") + cell.note
    note = f"<sup>{marks}</sup>" if marks else ""
    if column.kind == "label":
        return f'<th scope="row">{escape(cell.text)}{note}</th>'
    if column.kind == "text":
        return f'<td class="t">{escape(cell.text)}{note}</td>'
    if column.kind == "mark":
        return f'<td class="m">{"✓" if cell.mark else ""}</td>'
    target = link(row, column, cell) if link else ""
    if cell.value is None:
        text = escape(cell.missing)
        held = f'<a href="{escape(target)}">{text}</a>' if target else text
        return f'<td class="gone">{held}{note}</td>'
    number = column.shown(cell.value)
    if cell.best:
        number = f"<b>{number}</b>"
    elif cell.second:
        number = f"<u>{number}</u>"
    spread = f" <small>± {column.shown_std(cell.std)}</small>" if cell.std is not None else ""
    held = f'<a href="{escape(target)}">{number}{spread}</a>' if target else f"{number}{spread}"
    return f"<td>{held}{note}</td>"


def _prose(text: str) -> str:
    """Return a sentence whose `commands` are set as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _notes(table: Table, said: Collection[str]) -> list[str]:
    notes = [
        f"<li>{f'<sup>{letter}</sup> ' if letter else ''}{_prose(text)}</li>"
        for letter, text in table.notes()
        if letter or text not in said
    ]
    if any(cell.best or cell.second for cell in _cells(table)):
        notes.insert(0, f"<li><b>Best</b> and <u>second best</u> of each {table.ranked}.</li>")
    return ['<ul class="notes">', *notes, "</ul>"] if notes else []
