"""Keypoints of all images, found part by part, so that a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farbench.errors import CellFailed
from farbench.masks.wflw98 import NUM_POINTS
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel
from farbench.store.blocks import Arrays, in_blocks


def find_points(
    model: KeypointModel,
    index: FaceIndex,
    read: Callable[[int], NDArray[np.uint8]],
    folder: Path,
    progress: Callable[[str, int, int], None],
) -> NDArray[np.float32]:
    """Return the keypoints of a whole index, ``(N, 98, 2)`` in pixels of the originals.

    Args:
        model: The keypoint model, resolved.
        index: The data set's index.
        read: Opens the image at a position of it.
        folder: Keeps what is found; a later call with the same folder goes on from there.
        progress: Called with (what, done, count).

    Raises:
        CellFailed: The model gives an array of another shape.
    """
    count = len(index.frame)

    def find(start: int, stop: int) -> Arrays:
        part = replace(
            index,
            frame=index.frame.iloc[start:stop].reset_index(drop=True),
            points={name: values[start:stop] for name, values in index.points.items()},
        )
        found = model.points(part, lambda position: read(start + position))
        wanted = (stop - start, NUM_POINTS, 2)
        if found.shape != wanted:
            raise CellFailed(
                f"keypoint model '{model.name}' gave an array of the shape {found.shape} for "
                f"{stop - start} images; its contract asks for {wanted}"
            )
        progress("keypoints", stop, count)
        return {"points": found.astype(np.float32)}

    return np.concatenate([block["points"] for *_, block in in_blocks(folder, count, find)])
