"""The 68-point layout of iBUG 300-W and dlib: its mirror, its eyes, and where WFLW's 98 hold it.

Source: Sagonas et al., "300 Faces in-the-Wild Challenge" (ICCV workshops 2013). The points: jaw 0
to 16, brows 17 to 26, nose 27 to 35, eyes 36 to 47, outer lips 48 to 59, inner lips 60 to 67;
each part runs from the image's left to its right, eyes and lips all the way round.
"""

from __future__ import annotations

from typing import Final

from farbench.tasks.landmarks import Landmarks

_MIRRORED: Final = (
    *((point, 16 - point) for point in range(8)),
    *((point, 43 - point) for point in range(17, 22)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (59, 55), (58, 56)),
    *((60, 64), (61, 63), (67, 65)),
)


def _mirror() -> tuple[int, ...]:
    order = list(range(68))
    for first, second in _MIRRORED:
        order[first], order[second] = second, first
    return tuple(order)


MIRROR68: Final = _mirror()
"""For each point the one that takes its place in a mirrored image."""

EYES68: Final = ((36,), (45,))
"""The outer eye corners, whose distance 300-W divides errors by."""

FARTHEST: Final = 20_000
"""Pixels from an image's corner beyond which a coordinate is none: what is cut out round points
has to fit into memory."""

IN_WFLW98: Final = (
    *range(0, 33, 2),
    *range(33, 38),
    *range(42, 47),
    *range(51, 60),
    *(60, 61, 63, 64, 65, 67),
    *(68, 69, 71, 72, 73, 75),
    *range(76, 96),
)
"""Where WFLW's 98 points hold the 68: every second point of the jaw, the brows' upper edges."""


def landmarks68(name: str = "landmarks68") -> Landmarks:
    """Return the task of the point set ``dlib68``."""
    return Landmarks(name, "dlib68", 68, MIRROR68, EYES68)
