"""Finds room for the names of points, so that none lies on another, on a point or on a line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

DISTANCES = (6, 10, 16, 24, 34, 46, 60)
"""Points (1/72 inch) from a point to its name, the best first."""

ANGLES = (0, 180, 45, 315, 135, 225, 90, 270, 20, 340, 160, 200, 65, 115, 245, 295)
"""Degrees; to the right is where a reader looks first."""

ROUNDS = 8
"""How often every name may move once the others have their places."""

OUTSIDE, ON_NAME, ON_MARK, CROSSED, ASTRAY = 50.0, 10.0, 40.0, 40.0, 25.0
"""What these cost, in points away: a pixel outside, a pixel on another name, a mark below a name,
a name on the way to its point, another point that is nearer than its own."""

APART = 4
"""Pixels between two names: closer ones read as one."""

NEAR = 9
"""Points away from which a name needs a line to its point."""


@dataclass(frozen=True)
class Place:
    """Where a name may lie.

    Attributes:
        box: In pixels.
        start: The place of its point, in pixels.
        end: Of the box, what is nearest to the point.
        away: Points between the two, and a little for directions where readers look last.
    """

    box: Bbox
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    away: float

    def way(self) -> NDArray[np.float64]:
        """Return pixels ``(K, 2)`` on the way from the point to its name."""
        along = np.linspace(0, 1, 9)[:, None]
        return np.asarray(self.start * (1 - along) + self.end * along)


def place_names(
    anchors: NDArray[np.float64],
    sizes: NDArray[np.float64],
    marks: NDArray[np.float64],
    frame: Bbox,
    pixels: float,
) -> list[Place]:
    """Return a place for the name of each point.

    Each name in turn takes the place that costs least, given where the others are; after some
    rounds nobody moves.

    Args:
        anchors: ``(N, 2)``, the points, in pixels.
        sizes: ``(N, 2)``, width and height of the names, in pixels.
        marks: ``(M, 2)``, what should stay visible beside names, in pixels: points, lines.
        frame: Where names may lie.
        pixels: Pixels a point (1/72 inch).
    """
    every = [_places(*pair, pixels) for pair in zip(anchors, sizes, strict=True)]
    fixed = [
        [place.away + _fixed_cost(place, anchors, marks, frame) for place in places]
        for places in every
    ]
    chosen: dict[int, int] = {}
    for _ in range(ROUNDS):
        before = dict(chosen)
        for number, places in enumerate(every):
            others = [every[other][at] for other, at in chosen.items() if other != number]
            costs = [
                cost + _cost_beside(place, others)
                for cost, place in zip(fixed[number], places, strict=True)
            ]
            chosen[number] = int(np.argmin(costs))
        if chosen == before:
            break
    return [every[number][chosen[number]] for number in range(len(every))]


def _places(anchor: NDArray[np.float64], size: NDArray[np.float64], pixels: float) -> list[Place]:
    found = []
    for distance, (order, angle) in itertools.product(DISTANCES, enumerate(ANGLES)):
        direction = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
        # The corner or side that looks at the point lies on a circle round it.
        side = np.sign(direction.round(6))
        centre = anchor + pixels * distance * direction + side * size / 2
        box = Bbox([centre - size / 2, centre + size / 2])
        end = np.clip(anchor, box.min, box.max)
        found.append(Place(box, anchor, end, distance + 0.2 * order))
    return found


def _fixed_cost(
    place: Place, anchors: NDArray[np.float64], marks: NDArray[np.float64], frame: Bbox
) -> float:
    """Return what a place costs wherever the other names are."""
    box = place.box
    outside = max(0.0, frame.x0 - box.x0, box.x1 - frame.x1)
    outside += max(0.0, frame.y0 - box.y0, box.y1 - frame.y1)
    near = box.padded(1.5)
    covered = _inside(marks, near)
    gaps = np.hypot(*(np.clip(anchors, box.min, box.max) - anchors).T)
    own = np.hypot(*(place.end - place.start))
    astray = gaps.min() < own - 1
    return float(OUTSIDE * outside + ON_MARK * covered + ASTRAY * astray)


def _cost_beside(place: Place, others: Sequence[Place]) -> float:
    """Return what a place costs beside other names: on them, on their ways, they on its way."""
    near, way = place.box.padded(APART), place.way()
    total = 0.0
    for other in others:
        shared = Bbox.intersection(near, other.box)
        total += 0.0 if shared is None else ON_NAME * (1 + min(shared.width, shared.height))
        total += CROSSED * (_inside(other.way(), near) + _inside(way, other.box) > 0)
    return total


def _inside(pixels: NDArray[np.float64], box: Bbox) -> int:
    return int(((pixels > box.min) & (pixels < box.max)).all(1).sum())
