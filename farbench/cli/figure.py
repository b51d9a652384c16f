"""`farbench figure`: draws a figure from a benchmark's stored results; trains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farbench.figures import FIGURES


def figure(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="; ".join(f"{name}: {entry.doc}" for name, entry in FIGURES.items()) + ".",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A results folder, or one benchmark's folder in it.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="A .pdf, .png or .svg file. Default: figures/NAME.png and .pdf in DIR.",
            show_default=False,
        ),
    ] = None,
    smooth: Annotated[
        int | None,
        typer.Option(
            "--smooth",
            metavar="STEPS",
            min=1,
            help="Draw means over this many steps; 1 is none. Default: a fiftieth of the steps.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Draw a figure from a benchmark's stored results."""
    from farbench.errors import UserError, unknown_name

    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    if folder is None:
        raise UserError(f"of which results? The default is `runs`: `farbench figure {name} runs`.")

    import importlib

    from farbench.figures.files import SAVED_SUFFIXES, check_suffix, save
    from farbench.tables.results import find_benchmark

    if output:
        check_suffix(output)
    benchmark = find_benchmark(folder)
    drawn = importlib.import_module(FIGURES[name].module).draw(benchmark, smooth)
    stem = benchmark / "figures" / name
    for path in [output] if output else [stem.with_suffix(suffix) for suffix in SAVED_SUFFIXES]:
        save(drawn, path)
        typer.echo(f"wrote {path}")
