"""The face regions of the masks: rectangles made from the 98 points, and their raster.

A region's mask is the union of its boxes (two for ears and cheeks, one otherwise). Boxes are
axis-parallel in the image, as in MGMTN (section 2.3: "the smallest rectangles around specific
facial regions"), and continuous: a pixel belongs to a box if its centre, an integer, lies in it.
MGMTN does not say which points make a part; this file is farbench's reading:

========== =====================================================================================
region     box
========== =====================================================================================
mouth      the lips (76-95), a margin round them for moustache and shadow
nose       bridge and bottom (51-59), a small margin
eyes       brows and eyes of both sides (33-50, 60-75), a margin below for the bags
cheeks     a side each: contour 1-8, lower lid, nose wing and mouth corner
lower_face contour 8-24 from the mouth corners down, and the neck under the chin
ear        a side each, built: no point lies on an ear, see below
hair       built: no point lies on the hair, see below
face       all 98 points: MGMTN's Object ("the rectangle that encompasses all facial regions")
head       hair, ears, face and neck together: the other reading of that sentence
========== =====================================================================================

Ears, hair and neck have no points, so they are built in the face's own frame: the origin midway
between the eyes, *up* from the mouth corners to the eyes, and a *unit* that is the distance between
the eyes (or that distance foretold by eyes to mouth, if that is larger: a turned head). There an
ellipse is drawn, and the region is the smallest upright box round it; for an upright face that is
exactly the stated rectangle, and for a tilted one it grows less than a tilted rectangle's would.
Sides are told by the direction away from the middle of the face, so mirrored faces come out right
whether or not the points were renumbered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from farbench.errors import unknown_name
from farbench.masks import wflw98

Points = NDArray[np.floating]
Boxes = NDArray[np.float32]

_EYE_PARTS = np.r_[33:51, 60:76]
_CHEEK_SIDES = (
    np.r_[1:9, 65:68, 55, 76],
    np.r_[24:32, 73:76, 59, 82],
)
_EAR_SIDES = (np.r_[0:4], np.r_[29:33])


@dataclass(frozen=True)
class _Frame:
    """The face's own frame: all arrays are float64, lengths in pixels."""

    origin: Points
    """(N, 2): midway between the eye centres."""
    right: Points
    """(N, 2): unit vector to the image's right of an upright face."""
    up: Points
    """(N, 2): unit vector from the mouth to the eyes."""
    unit: Points
    """(N,): the distance between the eyes of a frontal face of this size."""

    def across(self, points: Points) -> Points:
        """Return how far right ``(N, K, 2)`` points lie, in units, ``(N, K)``."""
        return self._along(points, self.right)

    def above(self, points: Points) -> Points:
        """Return how far above the eyes ``(N, K, 2)`` points lie, in units, ``(N, K)``."""
        return self._along(points, self.up)

    def _along(self, points: Points, axis: Points) -> Points:
        offset = points - self.origin[:, None]
        along: Points = np.einsum("nkc,nc->nk", offset, axis) / self.unit[:, None]
        return along

    def box(self, x0: Points, x1: Points, y0: Points | float, y1: Points | float) -> Boxes:
        """Return the upright box round the ellipse in a rectangle of this frame, ``(N, 4)``.

        Args:
            x0: Left side in units (or right: the order does not matter).
            x1: Right side in units.
            y0: Lower side in units above the eyes.
            y1: Upper side in units above the eyes.
        """
        centre = (
            self.origin
            + ((x0 + x1) / 2 * self.unit)[:, None] * self.right
            + ((y0 + y1) / 2 * self.unit)[:, None] * self.up
        )
        half_x = (np.abs(x1 - x0) / 2 * self.unit)[:, None] * self.right
        half_y = (np.abs(np.asarray(y1) - y0) / 2 * self.unit)[:, None] * self.up
        reach = np.sqrt(half_x**2 + half_y**2)
        return np.concatenate([centre - reach, centre + reach], axis=1).astype(np.float32)


def _frame(points: Points) -> _Frame:
    """Return the face's own frame from its 98 points."""
    five = wflw98.five_points(points).astype(np.float64)
    origin = five[:, :2].mean(axis=1)
    height = origin - five[:, 3:].mean(axis=1)
    length = np.linalg.norm(height, axis=1)
    up = height / np.maximum(length, 1e-6)[:, None]
    right = np.stack([-up[:, 1], up[:, 0]], axis=1)
    eyes = np.linalg.norm(five[:, 1] - five[:, 0], axis=1)
    return _Frame(origin, right, up, np.maximum(eyes, length / wflw98.EYES_TO_MOUTH))


def _around(points: Points, frame: _Frame, margin: float = 0.0) -> Boxes:
    """Return the smallest box round ``(N, K, 2)`` points and ``margin`` units more, ``(N, 4)``."""
    pad = (margin * frame.unit)[:, None]
    low, high = points.min(axis=1) - pad, points.max(axis=1) + pad
    return np.concatenate([low, high], axis=1).astype(np.float32)


def _join(*boxes: Boxes) -> Boxes:
    """Return the smallest box round several, ``(N, 4)``."""
    stacked = np.stack(boxes)
    return np.concatenate([stacked[..., :2].min(axis=0), stacked[..., 2:].max(axis=0)], axis=1)


def _mouth(points: Points, frame: _Frame) -> list[Boxes]:
    return [_around(points[:, wflw98.MOUTH], frame, margin=0.15)]


def _nose(points: Points, frame: _Frame) -> list[Boxes]:
    return [_around(points[:, wflw98.NOSE], frame, margin=0.08)]


def _eyes(points: Points, frame: _Frame) -> list[Boxes]:
    parts = points[:, _EYE_PARTS]
    bags = points[:, [66, 74]] - (0.25 * frame.unit)[:, None, None] * frame.up[:, None]
    return [_around(np.concatenate([parts, bags], axis=1), frame, margin=0.06)]


def _cheeks(points: Points, frame: _Frame) -> list[Boxes]:
    return [_around(points[:, side], frame) for side in _CHEEK_SIDES]


def _lower_face(points: Points, frame: _Frame) -> list[Boxes]:
    jaw = points[:, 8:25]
    corners = points[:, [wflw98.IMAGE_LEFT_MOUTH_CORNER, wflw98.IMAGE_RIGHT_MOUTH_CORNER]]
    across, chin = frame.across(jaw), frame.above(points[:, 16:17])[:, 0]
    neck = frame.box(across.min(axis=1), across.max(axis=1), chin - 0.95, chin)
    return [_join(_around(np.concatenate([jaw, corners], axis=1), frame), neck)]


def _ear(points: Points, frame: _Frame) -> list[Boxes]:
    middle = frame.across(points).mean(axis=1)
    boxes = []
    for side in _EAR_SIDES:
        edge = frame.across(points[:, side]).mean(axis=1)
        outward = np.sign(edge - middle)
        boxes.append(frame.box(edge - 0.12 * outward, edge + 0.42 * outward, -1.25, 0.15))
    return boxes


def _hair(points: Points, frame: _Frame) -> list[Boxes]:
    across = frame.across(points)
    brows = frame.above(points[:, np.r_[33:51]]).mean(axis=1)
    return [frame.box(across.min(axis=1) - 0.45, across.max(axis=1) + 0.45, brows, brows + 1.85)]


def _face(points: Points, frame: _Frame) -> list[Boxes]:
    return [_around(points, frame)]


def _head(points: Points, frame: _Frame) -> list[Boxes]:
    parts = (_hair, _ear, _face, _lower_face)
    return [_join(*(box for part in parts for box in part(points, frame)))]


_BUILDERS = {
    "mouth": _mouth,
    "ear": _ear,
    "lower_face": _lower_face,
    "cheeks": _cheeks,
    "nose": _nose,
    "eyes": _eyes,
    "hair": _hair,
    "face": _face,
    "head": _head,
}

REGIONS: Final[tuple[str, ...]] = tuple(_BUILDERS)
"""The names of the regions."""


def region_boxes(points: Points, region: str) -> Boxes:
    """Return the boxes of one region.

    Args:
        points: The 98 WFLW points, ``(N, 98, 2)``, pixels (x, y), pixel centres at integers.
        region: A name of :data:`REGIONS`.

    Returns:
        float32 ``(N, B, 4)``: x0, y0, x1, y1 in pixels, not clipped to any image; B is 2 for ear
        and cheeks and 1 otherwise. NaN for faces with an unknown point.

    Raises:
        UserError: Nobody knows the region.
    """
    if region not in _BUILDERS:
        raise unknown_name("region", region, REGIONS)
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 3 or points.shape[1:] != (wflw98.NUM_POINTS, 2):
        raise ValueError(f"expected points of shape (N, 98, 2), got {points.shape}")
    boxes = np.stack(_BUILDERS[region](points, _frame(points)), axis=1)
    boxes[np.isnan(points).any(axis=(1, 2))] = np.nan
    return boxes


def rasterise(boxes: Boxes, height: int, width: int) -> NDArray[np.uint8]:
    """Return the union of each face's boxes as a mask, uint8 ``(N, height, width)`` of 0 and 1.

    Args:
        boxes: ``(N, B, 4)`` in pixels of the mask; NaN boxes are empty.
        height: Rows of the mask.
        width: Columns of the mask.
    """
    x, y = np.arange(width), np.arange(height)
    columns = (x >= boxes[..., 0, None]) & (x <= boxes[..., 2, None])
    rows = (y >= boxes[..., 1, None]) & (y <= boxes[..., 3, None])
    mask = np.zeros((len(boxes), height, width), dtype=np.uint8)
    for box in range(boxes.shape[1]):
        mask |= rows[:, box, :, None] & columns[:, box, None, :]
    return mask


def region_masks(
    points: Points, regions: Sequence[str], height: int, width: int
) -> NDArray[np.uint8]:
    """Return one mask a region, uint8 ``(N, G, height, width)`` of 0 and 1.

    Args:
        points: ``(N, 98, 2)`` in pixels of the mask; a face with an unknown point gets empty masks.
        regions: G names of :data:`REGIONS`.
        height: Rows of the masks.
        width: Columns of the masks.

    Raises:
        UserError: Nobody knows a region.
    """
    masks = np.empty((len(points), len(regions), height, width), dtype=np.uint8)
    for group, region in enumerate(regions):
        masks[:, group] = rasterise(region_boxes(points, region), height, width)
    return masks
