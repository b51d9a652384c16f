"""`farbench figure`: draws a figure from a benchmark's stored results; trains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farbench.cli.options import DataRoot, Plugins, comma_list, load_registry
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
    rows: Annotated[
        str | None,
        typer.Option("--rows", metavar="A,B", help="Draw these rows.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Draw this data set.", show_default=False),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Draw this metric (mA, age.mae). Default: the table's first.",
            show_default=False,
        ),
    ] = None,
    attributes: Annotated[
        str | None,
        typer.Option(
            "--attributes", metavar="A,B", help="Draw these attributes.", show_default=False
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images", metavar="N", min=1, help="Draw this many images.", show_default=False
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
    data_root: DataRoot = None,
    plugins: Plugins = None,
) -> None:
    """Draw a figure from a benchmark's stored results."""
    from farbench.errors import UserError, unknown_name

    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    if folder is None:
        raise UserError(f"of which results? The default is `runs`: `farbench figure {name} runs`.")
    entry = FIGURES[name]
    wishes = {
        "rows": _tuple(rows),
        "dataset": dataset,
        "metric": metric,
        "attributes": _tuple(attributes),
        "images": images,
        "smooth": smooth,
    }
    asked = {wish: value for wish, value in wishes.items() if value is not None}
    unread = [f"--{wish}" for wish in asked if wish not in entry.reads]
    if unread:
        read = ", ".join(f"--{wish}" for wish in entry.reads) or "none of these options"
        raise UserError(f"figure '{name}' does not read {', '.join(unread)}; it reads {read}.")

    import importlib

    from farbench.figures.files import SAVED_SUFFIXES, check_suffix, save
    from farbench.figures.request import FigureRequest
    from farbench.tables.results import find_benchmark

    if output:
        check_suffix(output)
    benchmark = find_benchmark(folder)
    registry = load_registry(plugins or (), strict=False) if entry.faces else None
    request = FigureRequest(benchmark, registry, data_root, **asked)  # type: ignore[arg-type]
    drawn = importlib.import_module(entry.module).draw(request)
    stem = benchmark / "figures" / name
    for path in [output] if output else [stem.with_suffix(suffix) for suffix in SAVED_SUFFIXES]:
        save(drawn, path)
        typer.echo(f"wrote {path}")


def _tuple(text: str | None) -> tuple[str, ...] | None:
    parts = comma_list(text)
    return None if parts is None else tuple(parts)
