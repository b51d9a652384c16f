"""`farbench report`: writes a benchmark's tables, figures and cells as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farbench.cli.options import DataRoot, Plugins, load_registry


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A results folder with one benchmark or several, or one benchmark's folder in it.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="The HTML file to write. Default: report.html in the folder.",
            show_default=False,
        ),
    ] = None,
    figures: Annotated[
        bool | None,
        typer.Option(
            "--figures/--no-figures",
            help="Draw figures. Default: for up to 200 cells a benchmark.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    plugins: Plugins = None,
) -> None:
    """Write one HTML page with all tables and figures, and a card for each cell.

    The page needs nothing beside it: no network, no other file. It shows faces where the licence
    of the data set lets it.
    """
    from farbench.report.write import write_report

    path, sections = write_report(
        folder,
        output,
        lambda: load_registry(plugins or (), strict=False),
        data_root=data_root,
        figures=figures,
    )
    cells = sum(len(section.cards) for section in sections)
    size = path.stat().st_size / 1e6
    typer.echo(f"wrote {path} ({cells} cells, {size:.1f} MB)")
