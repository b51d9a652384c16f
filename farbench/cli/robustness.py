"""`farbench robustness`: evaluates finished cells on corrupted test images; trains nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farbench.cli.options import DataRoot, Device, Plugins, comma_list, load_registry

if TYPE_CHECKING:
    from farbench.benchmark.robustness import AskedCorruptions
    from farbench.plugins.registry import Registry


def robustness(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A results folder, one benchmark's folder in it, or a cell's folder.",
            show_default=False,
        ),
    ],
    corruptions: Annotated[
        str | None,
        typer.Option(
            "--corruptions",
            metavar="A,B",
            help="These alone (`farbench list corruptions`). Default: the five that ship.",
            show_default=False,
        ),
    ] = None,
    strengths: Annotated[
        str | None,
        typer.Option(
            "--strengths", metavar="1,3,5", help="These alone, of 1 to 5.", show_default=False
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            metavar="N",
            min=1,
            help="On N test images by a fixed shuffle. Default: all.",
            show_default=False,
        ),
    ] = None,
    masks: Annotated[
        str,
        typer.Option(
            "--masks",
            metavar="predicted|clean|both",
            help="Predicted on the corrupted image, or on the clean one and moved with the face.",
        ),
    ] = "predicted",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of the random numbers.")
    ] = 0,
    data_root: DataRoot = None,
    device: Device = "auto",
    plugins: Plugins = None,
) -> None:
    """Evaluate finished cells on corrupted test images, from their weights; trains nothing.

    What was evaluated before is not evaluated again. The exit code is 1 if a cell cannot be.
    """
    # As in `farbench run`: threads that spin while they wait starve one another.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from farbench.errors import CellFailed, UserError

    registry = load_registry(plugins or (), strict=False)
    asked = _asked(registry, corruptions, strengths, images, masks, seed)

    from farbench.robustness.run import RobustnessRun
    from farbench.running.progress import Progress
    from farbench.running.rescore import finished_cells
    from farbench.store.artifacts import ArtifactStore, default_cache
    from farbench.store.cells import PLAN
    from farbench.tables.files import write_all

    progress = Progress()
    run = RobustnessRun(asked, registry, ArtifactStore(default_cache()), device, progress)
    cells = finished_cells(folder)
    failed, done = 0, []
    try:
        for number, cell in enumerate(cells, 1):
            progress.line(f"[{number}/{len(cells)}] {cell.name}")
            try:
                if run.stored(cell, data_root):
                    done.append(cell)
                else:
                    progress.line("  evaluated before")
            except (CellFailed, UserError) as error:
                failed += 1
                progress.line(f"  failed: {error}")
    finally:
        progress.close()
    for benchmark in dict.fromkeys(cell.parent for cell in done):
        if (benchmark / PLAN).is_file():
            write_all(benchmark)
    if failed:
        raise CellFailed(f"{failed} of {len(cells)} cells could not be evaluated.")
    typer.echo(f"Table: farbench table {folder} --kind robustness")


def _asked(
    registry: Registry,
    corruptions: str | None,
    strengths: str | None,
    images: int | None,
    masks: str,
    seed: int,
) -> AskedCorruptions:
    """Turn the options into checked settings.

    Raises:
        UserError: A name is unknown, or a value is not allowed.
    """
    from pydantic import ValidationError

    from farbench.benchmark.explain import user_error
    from farbench.benchmark.places import Places
    from farbench.benchmark.robustness import resolve_robustness
    from farbench.benchmark.schema import Robustness

    given: dict[str, Any] = {"images": images, "seed": seed}
    given["masks"] = ["predicted", "clean"] if masks == "both" else [masks]
    if corruptions is not None:
        given["corruptions"] = comma_list(corruptions)
    if strengths is not None:
        parts = comma_list(strengths) or []
        given["strengths"] = [int(part) if part.isdecimal() else part for part in parts]
    places = Places({(key,): f"--{key}" for key in given})
    try:
        settings = Robustness.model_validate(given)
    except ValidationError as error:
        raise user_error(error, Robustness, given, places) from None
    return resolve_robustness(settings, registry, places, ())
