"""Writes predictions as CSV while they come, one line a picture."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from farbench.export.columns import header, rows
from farbench.export.predicting import Predicted
from farbench.running.progress import Progress
from farbench.store.atomic import write_with
from farbench.tasks.base import Task

IMAGE = "image"
FACE = "face"
"""1 where a face was found and aligned, 0 where the picture was taken as it is."""


@dataclass
class Written:
    """What was written.

    Attributes:
        pictures: How many lines.
        broken: The pictures that did not open, which have no line.
        faceless: Those in which no face was found.
    """

    pictures: int = 0
    broken: list[Path] = field(default_factory=list)
    faceless: list[Path] = field(default_factory=list)


def write_csv(
    out: IO[str],
    chunks: Iterable[Predicted],
    tasks: Sequence[Task],
    thresholds: Mapping[str, float],
    progress: Progress,
    total: int,
) -> Written:
    """Write a header and a line a picture; tell of each picture that does not open at once.

    Args:
        out: Where to.
        chunks: The predictions.
        tasks: What is predicted.
        thresholds: Above which probability each attribute is a yes.
        progress: Told of steps and of pictures that do not open.
        total: How many pictures were asked for.
    """
    written = Written()
    writer = csv.writer(out, lineterminator="\n")
    for number, chunk in enumerate(chunks):
        aligned = chunk.faces is not None
        if number == 0:
            writer.writerow([IMAGE, *([FACE] if aligned else []), *header(tasks)])
        lines = rows(tasks, chunk.predictions, thresholds) if chunk.files else []
        for i, (file, line) in enumerate(zip(chunk.files, lines, strict=True)):
            face = [] if chunk.faces is None else [int(chunk.faces[i])]
            writer.writerow([file, *face, *line])
            if face == [0]:
                written.faceless.append(file)
        for broken in chunk.broken:
            progress.line(broken.reason)
            written.broken.append(broken.file)
        written.pictures += len(chunk.files)
        done = written.pictures + len(written.broken)
        progress.step("predicted", done, total, rate=True)
    progress.close()
    return written


def write_file(path: Path, write: Callable[[IO[str]], Written]) -> Written:
    """Let ``write`` fill a file, which is there whole or not at all."""
    written = Written()

    def fill(temporary: Path) -> None:
        nonlocal written
        with temporary.open("w", encoding="utf-8", newline="") as file:
            written = write(file)

    write_with(path, fill)
    return written
