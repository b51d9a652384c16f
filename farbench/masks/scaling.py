"""Scaling of predicted masks about the centre of each connected component (MGMTN, Table 4)."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def scale_masks(masks: NDArray[np.uint8], area: float) -> NDArray[np.uint8]:
    """Scale every connected component about the centre of its bounding box.

    MGMTN Table 4 scales by area: 0.64 to 1.44 of the predicted region, hence by the linear factor
    ``sqrt(area)``. Each component is sampled with the nearest neighbour, so a rectangle comes out
    as the scaled rectangle to within a pixel. Components that grow into each other are united, and
    what grows over the frame is cut off.

    Args:
        masks: uint8 ``(N, G, h, w)`` of 0 and 1.
        area: Area after over area before; above 0.

    Returns:
        uint8 ``(N, G, h, w)`` of 0 and 1; the input itself where ``area`` is 1.

    Raises:
        ValueError: ``area`` is not above 0.
    """
    if not area > 0:
        raise ValueError(f"area must be above 0, got {area}")
    if area == 1:
        return masks
    factor = math.sqrt(area)
    height, width = masks.shape[-2:]
    # zeros_like would keep the order of transposed masks, and `out` would then be a copy.
    scaled = np.zeros(masks.shape, np.uint8)
    flat, out = masks.reshape(-1, height, width), scaled.reshape(-1, height, width)
    for number in range(len(flat)):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(flat[number], connectivity=8)
        for component in range(1, count):
            left, top, columns, rows = (int(value) for value in stats[component, :4])
            y, from_y = _nearest(top, rows, factor, height)
            x, from_x = _nearest(left, columns, factor, width)
            if len(y) and len(x):
                inside = labels[np.ix_(from_y, from_x)] == component
                out[number, y[0] : y[-1] + 1, x[0] : x[-1] + 1] |= inside.astype(np.uint8)
    return scaled


def _nearest(
    start: int, length: int, factor: float, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels that a scaled run covers, and the pixel of the run that each shows.

    Args:
        start: First pixel of the run.
        length: Its pixels.
        factor: Linear factor.
        limit: Pixels of the frame.
    """
    centre = start + (length - 1) / 2
    pixels = np.arange(limit)
    # Half a pixel more on each side: a run of n pixels is n wide, from edge to edge. The small
    # epsilon keeps ties on the same side on every machine.
    source = np.floor(centre + (pixels - centre) / factor + 0.5 + 1e-9).astype(np.int64)
    covered = (source >= start) & (source < start + length)
    return pixels[covered], source[covered]
