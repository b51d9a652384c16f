"""`farbench data`: is a data set sound (`verify`), and what is in it (`stats`)?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farbench.cli.options import DataRoot, Plugins, load_registry

if TYPE_CHECKING:
    from farbench.data.source import Source

data = typer.Typer(
    help="Look into a data set: is it sound, and what is in it?",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A data set (`farbench list datasets`), or several to be joined: A+B.",
        show_default=False,
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="OPTION=VALUE",
        help="An option of the data set; NAME.OPTION for one of several; repeatable.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON with everything that was found.")]
Top = Annotated[int, typer.Option("--top", metavar="N", min=0, help="Rows of each list.")]


@data.command("verify")
def verify_data(
    name: Name,
    data_root: DataRoot = None,
    sets: Sets = None,
    as_json: AsJson = False,
    top: Top = 10,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, max=256, help="Threads that decode.")
    ] = 2,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings, and broken plugins, are errors as well.")
    ] = False,
    plugins: Plugins = None,
) -> None:
    """Check every image and every label.

    Told are counts, sizes, grey images, persons in two splits, equal and nearly equal images
    (across splits first), contradicting labels, and points outside their images. The exit code is
    1 if something is wrong that results would depend on: images that do not open, labels that are
    not allowed or missing, a person in two splits. Duplicates are warnings.

    What earlier runs packed of it into the cache is read whole as well. Damaged files are told, and
    the next run packs them again.
    """
    source = _open(name, data_root, sets, plugins, strict)

    from farbench.data.intact import check_all
    from farbench.inspection.verify import verify
    from farbench.running.progress import Progress
    from farbench.store.artifacts import ArtifactStore, default_cache

    progress = Progress()
    try:
        result = verify(
            source,
            threads,
            lambda done, total: progress.step("images", done, total, rate=True),
        )
        packed = list(
            check_all(
                ArtifactStore(default_cache()),
                source.dataset.name,
                lambda done, total: progress.step("packed", done, total, rate=True),
            )
        )
    finally:
        progress.close()
    if as_json:
        files = [one.as_json() for one in packed]
        typer.echo(json.dumps({**result.as_json(), "packed": files}, indent=1))
    else:
        from farbench.inspection.verify_text import verification_lines

        typer.echo("\n".join(verification_lines(result, top, strict)))
        for one in packed:
            typer.echo(str(one))
    if not result.is_sound(strict):
        raise typer.Exit(1)


@data.command("stats")
def data_stats(
    name: Name,
    data_root: DataRoot = None,
    sets: Sets = None,
    as_json: AsJson = False,
    top: Top = 10,
    plugins: Plugins = None,
) -> None:
    """Count the labels by task and split, and show which go together."""
    source = _open(name, data_root, sets, plugins, strict=False)

    from farbench.inspection.stats import collect

    result = collect(source)
    if as_json:
        typer.echo(json.dumps(result.as_json(top), indent=1))
    else:
        from farbench.inspection.stats_text import statistics_lines

        typer.echo("\n".join(statistics_lines(result, top)))


def _open(
    name: str,
    data_root: Path | None,
    sets: list[str] | None,
    plugins: list[Path] | None,
    strict: bool,
) -> Source:
    """Return the whole data set: no limit on its images."""
    registry = load_registry(plugins or (), strict)

    from farbench.benchmark.schema import Images
    from farbench.data.source import open_source
    from farbench.inspection.choose import choose_dataset

    return open_source(choose_dataset(name, sets or (), registry), data_root, Images())
