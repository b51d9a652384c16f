"""`farbench table`: prints a benchmark's tables from its stored results; trains nothing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from farbench.tables.model import Table


def table(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A results folder, or one benchmark's folder in it.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="terminal|markdown|latex|csv|json",
            help="Default: what -o's suffix says, else terminal.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            metavar="main|masks|attributes|transfer",
            help="The benchmark's table, mask F1, each attribute, or tasks together against alone.",
        ),
    ] = "main",
    differences: Annotated[
        bool,
        typer.Option(
            "--differences/--no-differences",
            help="Columns of differences to the row that the benchmark compares to.",
        ),
    ] = True,
) -> None:
    """Print a benchmark's table from its stored results.

    The exit code is 1 where nothing in the table is measured.
    """
    from farbench.errors import CellFailed, UserError
    from farbench.tables.files import write_text
    from farbench.tables.from_store import build
    from farbench.tables.results import find_benchmark
    from farbench.tables.writers import format_of, render

    chosen = _known_format(format) if format else format_of(output) if output else "terminal"
    tables = build(find_benchmark(folder), kind, differences=differences)
    if not tables:
        why = {
            "masks": "no finished row used predicted masks",
            "transfer": "no planned row has `single_task: true` and tasks to compare",
        }.get(kind, "no cell is planned")
        raise UserError(f"{folder} has no table of {kind}: {why}.")
    if output:
        write_text(output, render(tables, chosen))
        typer.echo(f"wrote {output}")
    elif chosen != "terminal":
        typer.echo(render(tables, chosen), nl=False)
    else:
        print_terminal(tables)
    if not _any_measured(tables):
        raise CellFailed("nothing in this table is measured; its cells and notes say why.")


def _known_format(word: str) -> str:
    """Return the name of a format.

    Raises:
        UserError: There is no such format; a suffix ("tex") is told its format.
    """
    from farbench.errors import UserError, did_you_mean
    from farbench.tables.writers import SUFFIXES, WRITERS

    if word in WRITERS:
        return word
    meant = SUFFIXES.get(f".{word.lower().lstrip('.')}")
    hint = f" Did you mean '{meant}'?" if meant else did_you_mean(word, WRITERS)
    raise UserError(f"--format: unknown format '{word}'.{hint} Known: {', '.join(WRITERS)}.")


def _any_measured(tables: list[Table]) -> bool:
    return any(
        cell.value is not None
        for table in tables
        for block in table.blocks
        if block.kind == "measured"
        for row in block.rows
        for cell in row.cells.values()
    )


def print_terminal(tables: list[Table]) -> None:
    """Print tables as wide as the terminal, in characters that it has."""
    from farbench.tables.writers import terminal

    on_terminal = sys.stdout.isatty()
    width = (
        shutil.get_terminal_size((terminal.WIDTH, 24)).columns if on_terminal else terminal.WIDTH
    )
    text = terminal.write(tables, width=max(60, width), color=on_terminal)
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = terminal.to_ascii(text)
    typer.echo(text)
