"""`farbench table`: prints a benchmark's tables from its stored results; trains nothing."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from farbench.tables.model import Table


class Format(StrEnum):
    """What a table is written as."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


class Kind(StrEnum):
    """Which table."""

    main = "main"
    masks = "masks"
    attributes = "attributes"


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
        Format | None,
        typer.Option("--format", help="Default: what -o's suffix says, else terminal."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--kind", help="The benchmark's table, mask F1, or each attribute.")
    ] = Kind.main,
    differences: Annotated[
        bool,
        typer.Option(
            "--differences/--no-differences",
            help="Columns of differences to the row that the benchmark compares to.",
        ),
    ] = True,
) -> None:
    """Print a benchmark's table from its stored results."""
    from farbench.errors import UserError
    from farbench.tables.files import write_text
    from farbench.tables.from_store import build
    from farbench.tables.results import find_benchmark
    from farbench.tables.writers import format_of, render

    chosen = format.value if format else format_of(output) if output else "terminal"
    tables = build(find_benchmark(folder), kind.value, differences=differences)
    if not tables:
        raise UserError(
            f"{folder} has no table of {kind.value}: no finished row used predicted masks."
        )
    if output:
        write_text(output, render(tables, chosen))
        typer.echo(f"wrote {output}")
        return
    if chosen != "terminal":
        typer.echo(render(tables, chosen), nl=False)
        return
    print_terminal(tables)


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
