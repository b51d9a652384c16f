"""Applies a corruption to packed images: the same numbers for an image at every strength.

Packed images, not the originals, are changed: all that comes after (every network, the mask
network too) sees a packed image and nothing else; sizes are then parts of what it sees, whatever
the resolution of the files; and a turn happens in the frame in which training images are turned.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from farbench.data.geometry import Matrices
from farbench.data.randomness import stream_key
from farbench.errors import CellFailed
from farbench.plugins.corruption import Corruption


def corrupt(
    corruption: Corruption,
    images: NDArray[np.uint8],
    ids: Sequence[str],
    strength: int,
    seed: int,
) -> tuple[NDArray[np.uint8], Matrices | None]:
    """Return changed images, and where their pixels came from.

    Args:
        corruption: What is done to them.
        images: uint8 ``(N, R, R, 3)``; not changed.
        ids: N ids; the random numbers of an image belong to its id.
        strength: 1 to 5.
        seed: Another one draws other numbers.

    Returns:
        uint8 ``(N, R, R, 3)``, and ``(N, 2, 3)`` maps from their pixels to those of the images as
        they were, or None where no pixel moves. What comes from outside of an image repeats its
        edge, as in training.

    Raises:
        CellFailed: The corruption breaks its contract.
    """
    side = images.shape[1]
    changed = np.empty_like(images)
    matrices: Matrices = np.repeat(np.eye(2, 3)[None], len(images), axis=0)
    moved = False
    for i, (image, name) in enumerate(zip(images, ids, strict=True)):
        key = stream_key(seed, "corruption", corruption.name, name)
        matrix = corruption.matrix(side, strength, _numbers(key))
        if matrix is not None:
            matrices[i] = _checked_matrix(corruption, matrix)
            moved = True
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            image = np.asarray(
                cv2.warpAffine(
                    image,
                    matrices[i],
                    (side, side),
                    flags=flags,
                    borderMode=cv2.BORDER_REPLICATE,
                ),
                np.uint8,
            )
        result = corruption.apply(image, strength, _numbers(key))
        if result.shape != image.shape or result.dtype != np.uint8:
            raise CellFailed(
                f"corruption '{corruption.name}' gave {result.dtype} {result.shape}; its contract "
                f"asks for uint8 {image.shape}"
            )
        changed[i] = result
    return changed, matrices if moved else None


def _numbers(key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key))


def _checked_matrix(corruption: Corruption, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a map that can be turned round."""
    matrix = np.asarray(matrix, np.float64)
    good = matrix.shape == (2, 3) and np.isfinite(matrix).all()
    if not good or abs(np.linalg.det(matrix[:, :2])) < 1e-6:
        raise CellFailed(
            f"corruption '{corruption.name}' gave the matrix {matrix.tolist()}; its contract asks "
            "for a (2, 3) map that has an inverse"
        )
    return matrix
