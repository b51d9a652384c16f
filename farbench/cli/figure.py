"""`farbench figure`: draws a figure from a benchmark's stored results; trains nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farbench.cli.options import DataRoot, Plugins, comma_list, load_registry
from farbench.figures import FIGURES, FigureEntry

ALL = "all"


def figure(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A figure, or `all`; left out, figures and the options they read are listed.",
            show_default=False,
        ),
    ] = None,
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
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="ROW",
            help="The row to compare to. Default: the benchmark's.",
            show_default=False,
        ),
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
    cost: Annotated[
        str | None,
        typer.Option(
            "--cost",
            metavar="NAME",
            help="Draw against this cost (flops, latency, parameters, ...). Default: flops.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    plugins: Plugins = None,
) -> None:
    """Draw a figure from a benchmark's stored results, or list the figures."""
    from farbench.errors import UserError, unknown_name

    if name is None:
        _list()
        return
    if name not in (*FIGURES, ALL):
        raise unknown_name("figure", name, [*FIGURES, ALL])
    if folder is None:
        raise UserError(f"of which results? The default is `runs`: `farbench figure {name} runs`.")
    wishes = {
        "rows": _tuple(rows),
        "compare": compare,
        "dataset": dataset,
        "metric": metric,
        "attributes": _tuple(attributes),
        "images": images,
        "smooth": smooth,
        "cost": cost,
    }
    asked = {wish: value for wish, value in wishes.items() if value is not None}
    unread = [f"--{wish}" for wish in asked if name != ALL and wish not in FIGURES[name].reads]
    if unread:
        read = _options(FIGURES[name]) or "none of these options"
        raise UserError(f"figure '{name}' does not read {', '.join(unread)}; it reads {read}.")
    if name == ALL and output is not None:
        raise UserError("`all` writes many files, into DIR/figures; leave -o out.")

    from farbench.figures.everything import draw, draw_everything
    from farbench.figures.files import SAVED_SUFFIXES, check_suffix, save
    from farbench.figures.request import FigureRequest
    from farbench.tables.results import find_benchmark

    if output:
        check_suffix(output)
    benchmark = find_benchmark(folder)
    faces = name == ALL or FIGURES[name].faces
    registry = load_registry(plugins or (), strict=False) if faces else None
    request = FigureRequest(benchmark, registry, data_root, **asked)  # type: ignore[arg-type]
    drawn = draw_everything(request) if name == ALL else [(name, draw(name, request))]
    wrote = False
    for each, figure in drawn:
        if isinstance(figure, str):
            typer.echo(f"{each}: not drawn: {figure}", err=True)
            continue
        stem = benchmark / "figures" / each
        for path in [output] if output else [stem.with_suffix(end) for end in SAVED_SUFFIXES]:
            save(figure, path)
            typer.echo(f"wrote {path}")
            wrote = True
    if not wrote:
        raise typer.Exit(1)


def _list() -> None:
    """Print what there is."""
    width = max(map(len, FIGURES))
    for name, entry in FIGURES.items():
        typer.echo(f"{name:{width}}  {entry.doc}")
        needs = "; looks at faces: needs the data and the run's cache" if entry.faces else ""
        typer.echo(f"{'':{width}}  {_options(entry) or 'no options'}{needs}")
    typer.echo("\nDraw one with `farbench figure bars runs`, all with `farbench figure all runs`.")


def _options(entry: FigureEntry) -> str:
    return ", ".join(f"--{wish}" for wish in entry.reads)


def _tuple(text: str | None) -> tuple[str, ...] | None:
    parts = comma_list(text)
    return None if parts is None else tuple(parts)
