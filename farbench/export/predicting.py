"""Predicts pictures with a trained cell, a few at a time, prepared as its own images were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.data.pack import resize
from farbench.errors import UserError
from farbench.export.alignment import Aligner
from farbench.export.pictures import read_picture
from farbench.masks.trained import TrainedMasks
from farbench.running.trained import TrainedCell
from farbench.tasks.landmarks import Landmarks


@dataclass(frozen=True)
class Broken:
    """A picture that does not open.

    Attributes:
        file: The picture.
        reason: Why not; it names the picture.
    """

    file: Path
    reason: str


@dataclass(frozen=True)
class Predicted:
    """What came of a few pictures.

    Attributes:
        files: The N pictures that opened.
        faces: Whether a face was found in each; None where nobody looked.
        predictions: By task, as ``predictions.npz`` holds them; points in pixels of the pictures.
        broken: The others.
    """

    files: tuple[Path, ...]
    faces: tuple[bool, ...] | None
    predictions: dict[str, NDArray[Any]]
    broken: tuple[Broken, ...]


@dataclass(frozen=True)
class _Prepared:
    """A picture ready for the network: ``back`` leads from its frame to the picture's pixels."""

    file: Path
    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    back: NDArray[np.float64] | None


def predict_pictures(
    trained: TrainedCell,
    masks: TrainedMasks | None,
    files: Sequence[Path],
    aligner: Aligner | None,
    batch: int,
) -> Iterator[Predicted]:
    """Yield predictions in the order of the files; a batch more is read meanwhile.

    A picture in which no face is found is taken as it is.

    Args:
        trained: The cell.
        masks: Its mask network, if it takes masks.
        files: The pictures.
        aligner: Puts faces where the cell's images have theirs, or None.
        batch: Pictures in a batch, and so in memory.
    """
    trained.check_decodes()
    side = trained.protocol.resize
    # Keypoint models need not bear two threads.
    with ThreadPoolExecutor(1 if aligner else 2) as pool:

        def start(first: int) -> list[Any]:
            return [pool.submit(_open, f, side, aligner) for f in files[first : first + batch]]

        ahead = start(0)
        for first in range(0, len(files), batch):
            opened = [future.result() for future in ahead]
            ahead = start(first + batch)
            ready = [one for one in opened if isinstance(one, _Prepared)]
            yield Predicted(
                tuple(one.file for one in ready),
                None if aligner is None else tuple(one.back is not None for one in ready),
                _predict(trained, masks, ready) if ready else {},
                tuple(one for one in opened if isinstance(one, Broken)),
            )


def _open(file: Path, side: int, aligner: Aligner | None) -> _Prepared | Broken:
    """Read a picture, and keep no more of it than the network needs."""
    try:
        image = read_picture(file)
    except UserError as error:
        return Broken(file, str(error))
    back = None
    face = aligner(image, str(file)) if aligner else None
    if face is not None:
        image, forth = face
        back = np.linalg.inv(np.vstack([forth, [0, 0, 1]]))[:2]
    return _Prepared(file, resize(image, side), image.shape[:2], back)


def _predict(
    trained: TrainedCell, masks: TrainedMasks | None, ready: Sequence[_Prepared]
) -> dict[str, NDArray[Any]]:
    pixels = np.stack([one.pixels for one in ready])
    sizes = np.array([one.size for one in ready], np.int32)
    predictions = trained.predict(pixels, masks.for_batches(pixels) if masks else None, sizes)
    for task in trained.tasks:
        if isinstance(task, Landmarks):
            predictions[task.name] = np.stack(
                [
                    points if one.back is None else points @ one.back[:, :2].T + one.back[:, 2]
                    for points, one in zip(predictions[task.name], ready, strict=True)
                ]
            )
    return predictions
