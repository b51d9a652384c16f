"""`farbench rescore`: computes the scores of finished cells again from their predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from farbench.running.rescore import Rescored


def rescore(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A results folder, one benchmark's folder in it, or a cell's folder.",
            show_default=False,
        ),
    ],
) -> None:
    """Score finished cells again from their stored predictions; nothing is trained.

    For scores of an older farbench, which lack metrics that were added since. Tables are written
    again where a score changed. The exit code is 1 where no cell has predictions.
    """
    from farbench.errors import CellFailed
    from farbench.running.rescore import finished_cells
    from farbench.running.rescore import rescore as rescore_cell
    from farbench.store.cells import PLAN

    done: list[Rescored] = []
    for cell in finished_cells(folder):

        def waiting(cell: Path = cell) -> None:
            typer.echo(f"{cell.name}: another process works on it; waiting")

        one = rescore_cell(cell, waiting)
        typer.echo(f"{cell.name}: {_said(one)}")
        done.append(one)
    scored = [one for one in done if not one.reason]
    typer.echo(f"{len(scored)} of {len(done)} cells scored again.")
    if not scored:
        raise CellFailed("no cell could be scored again; the lines above say why.")

    different = dict.fromkeys(one.folder.parent for one in scored if one.different)
    benchmarks = [place for place in different if (place / PLAN).is_file()]
    if benchmarks:
        from farbench.tables.files import write_all

        for place in benchmarks:
            write_all(place)
            typer.echo(f"Tables: {place / 'tables'}    Again: farbench table {place}")


def _said(one: Rescored) -> str:
    if one.reason:
        return f"left as it was: {one.reason}"
    parts = (("added", one.added), ("changed", one.changed), ("dropped", one.dropped))
    return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "the same"
