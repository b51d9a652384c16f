"""`farbench table`: prints a benchmark's tables from its stored results; trains nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farbench.cli.options import Plugins, ResultsFolder, comma_list, load_registry

if TYPE_CHECKING:
    from farbench.plugins.grouping import Grouping
    from farbench.tables.model import Table

OPTION_OF = {
    "slices": "--slices",
    "groups": "--grouping",
    "consistency": "--rules",
    "cooccurrence": "--pairs",
}
"""Kinds of table that have an option of their own."""


def table(
    folder: ResultsFolder,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="terminal|markdown|latex|csv|json|html",
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
            metavar="KIND",
            help="main: the benchmark's table; masks: their F1; attributes: each one; groups: "
            "means of groups of attributes; slices: parts of the test split, such as Male; "
            "cooccurrence: attributes that go together; consistency: combinations that cannot be; "
            "costs; robustness: on corrupted images; significance: each row against the compared "
            "one, tested; transfer: tasks together against alone.",
        ),
    ] = "main",
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="A,B", help="Show these rows, by id.", show_default=False),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="ROW",
            help="Compare the others to this row, by id, in place of the benchmark's own.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics",
            metavar="A,B",
            help="In place of the benchmark's: accuracy, age.rmse, parameters, ...",
            show_default=False,
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(
            "--attributes",
            metavar="A,B",
            help="Take the means of attribute metrics over these attributes alone.",
            show_default=False,
        ),
    ] = None,
    slices: Annotated[
        str | None,
        typer.Option(
            "--slices",
            metavar="A,B+C",
            help="Of `slices`: part the test images by these attributes, tasks of classes, or "
            "several at once (Male+Young).",
            show_default=False,
        ),
    ] = None,
    grouping: Annotated[
        str | None,
        typer.Option(
            "--grouping",
            metavar="NAME",
            help="Of `groups`: the groups of this grouping (`farbench list groupings`), not those "
            "that the rows used.",
            show_default=False,
        ),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            "--rules",
            metavar="FILE",
            help="Of `consistency`: rules of your own, in YAML.",
            show_default=False,
        ),
    ] = None,
    pairs: Annotated[
        int | None,
        typer.Option(
            "--pairs",
            metavar="N",
            min=1,
            help="Of `cooccurrence`: show this many pairs.",
            show_default=False,
        ),
    ] = None,
    differences: Annotated[
        bool,
        typer.Option(
            "--differences/--no-differences",
            help="Columns of differences to the row that the benchmark compares to.",
        ),
    ] = True,
    relative: Annotated[
        bool,
        typer.Option("--relative", help="Make those differences relative: (a - b) / b."),
    ] = False,
    plugins: Plugins = None,
) -> None:
    """Print a benchmark's table from its stored results.

    The exit code is 1 where nothing in the table is measured.
    """
    from farbench.errors import CellFailed, UserError
    from farbench.tables.files import write_text
    from farbench.tables.from_store import KINDS, build
    from farbench.tables.options import TableOptions
    from farbench.tables.results import find_benchmark
    from farbench.tables.writers import format_of, render

    chosen = _known_format(format) if format else format_of(output) if output else "terminal"
    own = {"slices": slices, "groups": grouping, "consistency": rules, "cooccurrence": pairs}
    for name, value in own.items():
        if value is not None and kind != name:
            option = OPTION_OF[name]
            raise UserError(
                f"{option} is of another kind of table: "
                f"`farbench table {folder} --kind {name} {option} {value}`."
            )
    options = TableOptions(
        rows=tuple(comma_list(rows) or ()),
        compare=compare,
        metrics=tuple(comma_list(metrics) or ()),
        attributes=tuple(comma_list(attributes) or ()),
        differences=differences,
        relative=relative,
        patient=kind != "main",
        slices=tuple(comma_list(slices) or ()),
        grouping=None if grouping is None else _grouping(grouping, plugins or ()),
        rules=rules,
        pairs=pairs,
    )
    tables = build(find_benchmark(folder), kind, options)
    if not tables:
        raise UserError(f"{folder} has no table of {kind}: {KINDS[kind].empty}.")
    if output:
        write_text(output, render(tables, chosen))
        typer.echo(f"wrote {output}")
    elif chosen != "terminal":
        typer.echo(render(tables, chosen), nl=False)
    else:
        print_terminal(tables)
    if not _any_measured(tables):
        raise CellFailed("nothing in this table is measured; its cells and notes say why.")


def _grouping(name: str, plugins: Sequence[Path]) -> Grouping:
    """Return a grouping that a plugin provides.

    Raises:
        UserError: None does.
    """
    from farbench.errors import unknown_name

    known = load_registry(plugins, strict=False).grouping_records()
    if name not in known:
        raise unknown_name("grouping", name, known, "--grouping")
    return known[name]


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
