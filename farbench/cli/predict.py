"""`farbench predict`: names, probabilities and numbers for anyone's pictures, as CSV."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from farbench.cli.options import Device, Plugins, ResultsRoot, load_registry
from farbench.cli.trained import Cell, find_trained

if TYPE_CHECKING:
    from farbench.export.alignment import Aligner
    from farbench.export.csv_file import Written
    from farbench.export.pictures import Pictures
    from farbench.running.trained import TrainedCell


def predict(
    cell: Cell,
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help='Pictures, folders of them, or patterns ("faces/**/*.jpg").',
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE.csv",
            help="Where to write. Default: standard output.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", metavar="N", min=1, help="Pictures in memory at a time.")
    ] = 64,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="P|NAME=P",
            help="An attribute is a yes above this probability (0.5); of one attribute as "
            "Smiling=0.4; repeatable.",
            show_default=False,
        ),
    ] = None,
    align: Annotated[
        str | None,
        typer.Option(
            "--align",
            metavar="MODEL|none",
            help="Find the faces with this keypoint model (dlib68) and put them where the cell's "
            "images have theirs. Default: as the cell's own images were.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    results: ResultsRoot = Path("runs"),
    plugins: Plugins = None,
) -> None:
    """Predict pictures with a trained cell, or with a folder that `farbench export` made.

    The exit code is 1 where a picture could not be read.
    """
    from farbench.errors import UserError

    if output is not None and output.suffix.lower() != ".csv":
        raise UserError(f"-o {output}: predictions are written as CSV; name a file that ends so.")

    from farbench.export.alignment import choose_aligner
    from farbench.export.columns import read_thresholds
    from farbench.export.csv_file import write_csv, write_file
    from farbench.export.pictures import find_pictures
    from farbench.export.predicting import predict_pictures
    from farbench.running.progress import Progress
    from farbench.running.trained import load_trained
    from farbench.running.trained_masks import mask_network
    from farbench.store.artifacts import ArtifactStore, default_cache

    pictures = find_pictures(images)
    folder = find_trained(cell, results)
    trained = load_trained(folder, load_registry(plugins or (), strict=False), device)
    thresholds = read_thresholds(threshold or (), trained.tasks)
    aligner = choose_aligner(trained, align)
    masks = mask_network(trained, ArtifactStore(default_cache()))
    _introduce(trained, aligner, pictures)
    chunks = predict_pictures(trained, masks, pictures.files, aligner, batch)
    progress = Progress()

    def write(out: IO[str]) -> Written:
        return write_csv(out, chunks, trained.tasks, thresholds, progress, len(pictures.files))

    written = write(sys.stdout) if output is None else write_file(output, write)
    _conclude(written, output)
    if written.broken:
        raise typer.Exit(1)


def _introduce(trained: TrainedCell, aligner: Aligner | None, pictures: Pictures) -> None:
    """Say on stderr what predicts, on which kind of pictures it was trained, what is left out."""
    from farbench.export.about import dataset_facts

    facts = dataset_facts(trained)
    row, seed = trained.record["row"], trained.record["seed"]
    predicted = ", ".join(task.wording() for task in trained.tasks)
    lines = [f"{row}, trained on {facts.title} (seed {seed}), predicts {predicted}."]
    if aligner is not None:
        lines += [
            f"Faces are found by {aligner.keypoints.name} and put where they lie in {aligner.like}."
        ]
    elif facts.framing is not None:
        lines += [
            f"Pictures are taken as they are; those of {facts.title} are aligned. If yours are "
            "not, add --align dlib68."
        ]
    else:
        lines += [f"Pictures are taken as they are; they should show faces as {facts.title} does."]
    if pictures.passed_over:
        kinds = Counter(path.suffix or path.name for path in pictures.passed_over)
        named = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common(5))
        lines += [f"Files in the folders that are no pictures: {named}."]
    if pictures.repeated:
        lines += [f"Named more than once, and predicted once: {len(pictures.repeated)}."]
    typer.echo("\n".join(lines), err=True)


def _conclude(written: Written, output: Path | None) -> None:
    """Say on stderr what was written and what was not."""
    from farbench.wording import counted

    lines = [f"wrote {output}: {counted(written.pictures, 'picture')}"] if output else []
    if written.faceless:
        first = ", ".join(str(path) for path in written.faceless[:5])
        more = ", ..." if len(written.faceless) > 5 else ""
        number = len(written.faceless)
        lines += [f"no face found in {number}, taken as they are (face is 0): {first}{more}"]
    if written.broken:
        lines += [f"could not be read: {len(written.broken)} (named above)"]
    for line in lines:
        typer.echo(line, err=True)
