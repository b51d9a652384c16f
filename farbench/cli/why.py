"""`farbench why` and `farbench diff`: which part of a cell's identity is another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from farbench.cli.options import DataRoot, Device, Plugins, ResultsRoot, Strict, load_registry

if TYPE_CHECKING:
    from farbench.gate.cells import Differences
    from farbench.running.plan import PlannedCell

Cell = Annotated[
    str,
    typer.Argument(
        metavar="CELL",
        help="A cell: its folder, DIR/ROW, or the beginning of its hash.",
        show_default=False,
    ),
]


def why(
    cell: Cell,
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="[OTHER]",
            help="Compare with this cell, not with what would be run now.",
            show_default=False,
        ),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(
            "--benchmark",
            metavar="FILE|NAME",
            help="The benchmark as it is now. Default: as plan.json beside the cell has it.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", metavar="P", help="As of `run`.", show_default=False),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As of `run`.", show_default=False),
    ] = None,
    data_root: DataRoot = None,
    device: Device = "auto",
    results: ResultsRoot = Path("runs"),
    plugins: Plugins = None,
    strict: Strict = False,
) -> None:
    """Say which part of a cell's identity changed, and so why it would run again."""
    if other is not None:
        diff(cell, other, results)
        return

    from farbench.gate.again import load, plan_again
    from farbench.gate.cells import MANIFEST, compare, find_cell, read_cell
    from farbench.gate.data_changes import data_changes

    folder = find_cell(cell, results)
    record = read_cell(folder)
    loaded = load(folder, benchmark, protocol, sets or (), plugins or ())
    registry = load_registry(loaded.benchmark.plugins, strict)
    planned = plan_again(record, folder, loaded, registry, data_root, device)
    found = compare(record["identity"], planned.identity.as_dict())
    typer.echo(f"{folder.name} ({record.get('status') or 'unfinished'})")
    other_data = any(change.key == MANIFEST for change in found.recipe)
    _print(found, {MANIFEST: data_changes(record, folder, planned)} if other_data else {})
    typer.echo(_conclusion(found, folder.name, planned))


def diff(
    cell: Cell,
    other: Annotated[
        str,
        typer.Argument(
            metavar="OTHER", help="The cell to compare with, likewise.", show_default=False
        ),
    ],
    results: ResultsRoot = Path("runs"),
) -> None:
    """Say which part of the identity differs between two cells."""
    from farbench.gate.cells import compare, find_cell, read_cell

    folders = [find_cell(one, results) for one in (cell, other)]
    before, after = (read_cell(folder)["identity"] for folder in folders)
    typer.echo(" -> ".join(folder.name for folder in folders))
    found = compare(before, after)
    _print(found)
    if not found:
        typer.echo("The same training.")


def _print(found: Differences, details: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
    """Print the parts, each with a line a change; below a change what is known of it, by key."""
    for part, changes in vars(found).items():
        typer.echo(f"{part}: {len(changes) or 'no'} change{'' if len(changes) == 1 else 's'}")
        for change in changes:
            typer.echo(f"  {change}")
            for line in details.get(change.key, ()):
                typer.echo(f"    {line}")


def _conclusion(found: Differences, name: str, planned: PlannedCell) -> str:
    """Say whether it would run again."""
    if planned.status == "finished":
        if planned.folder == name:
            return "Nothing changed: it is finished and would not run again."
        return f"It would not run: {planned.folder} is in its place and finished."
    if found:
        return f"It would run again, as {planned.folder}."
    return "Nothing changed, but it is not finished here (it failed, or its weights are gone)."
