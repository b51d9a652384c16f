"""Facial expressions of the synthetic faces: how often each comes, what it moves, its lines.

The names are those of all data sets here. What moves is read off the action units that Ekman and
Friesen (FACS, 1978) name for the basic emotions, coarsely; the sizes are set by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Expression:
    """One face's expression.

    Attributes:
        name: One of ``farbench_datasets.expressions.EXPRESSIONS``.
        strength: How clearly it shows, 0 (not at all) to about 1.
    """

    name: str
    strength: float


@dataclass(frozen=True)
class Movement:
    """What an expression of strength 1 moves. Lengths in face units, y down; lines in 0..1.

    Attributes:
        inner_brow: The brow's inner end.
        outer_brow: The brow's outer end.
        frown: How far the brows come together; also the folds between them.
        eyes: Added to the factor 1 on the height of the eyes.
        corners: The corners of the mouth.
        width: Added to the factor 1 on the mouth's width.
        opening: What the lower lip and the chin sink by.
        upper_lip: The middle of the upper lip.
        forehead: Lines across the forehead.
        nose: Wrinkles at the bridge of the nose and folds beside it.
    """

    inner_brow: float = 0.0
    outer_brow: float = 0.0
    frown: float = 0.0
    eyes: float = 0.0
    corners: float = 0.0
    width: float = 0.0
    opening: float = 0.0
    upper_lip: float = 0.0
    forehead: float = 0.0
    nose: float = 0.0


MOVEMENTS: Final[dict[str, Movement]] = {
    "Surprise": Movement(
        -0.17, -0.17, eyes=0.40, corners=0.07, width=-0.24, opening=0.20, forehead=0.9
    ),
    "Fear": Movement(
        -0.16, -0.02, frown=0.5, eyes=0.40, corners=0.05, width=0.10, opening=0.03, forehead=0.5
    ),
    "Disgust": Movement(0.08, 0.05, frown=0.6, eyes=-0.35, corners=0.07, upper_lip=-0.09, nose=1.0),
    "Happiness": Movement(eyes=-0.10),
    "Sadness": Movement(-0.14, 0.07, frown=0.3, eyes=-0.25, corners=0.15, width=-0.05),
    "Anger": Movement(0.15, -0.05, frown=1.0, eyes=-0.12, corners=0.06, width=-0.06, nose=0.2),
    "Neutral": Movement(),
}

# A face that smiles is happy. Of the others, how often each comes with the mouth closed and open:
# so an expression never contradicts the labels of Smiling and Mouth_Slightly_Open.
_WITHOUT_SMILE: Final[dict[bool, dict[str, float]]] = {
    False: {"Neutral": 0.36, "Sadness": 0.20, "Anger": 0.17, "Disgust": 0.15, "Fear": 0.12},
    True: {"Surprise": 0.55, "Fear": 0.20, "Anger": 0.15, "Disgust": 0.10},
}


def sample_expression(smiling: bool, open_mouth: bool, rng: np.random.Generator) -> Expression:
    """Draw an expression that suits the mouth's labels; many are weak, as in life."""
    strength = float(rng.uniform(0.4, 1.1))
    if smiling:
        return Expression("Happiness", strength)
    odds = _WITHOUT_SMILE[open_mouth]
    return Expression(str(rng.choice(list(odds), p=list(odds.values()))), strength)


def mouth_as_drawn(shown: dict[str, float], expression: Expression) -> None:
    """Make the mouth's hazed strengths clear enough for the expression, in place."""
    if expression.name == "Happiness":
        shown["Smiling"] = max(shown["Smiling"], 0.5 * expression.strength)
    else:
        shown["Smiling"] = min(shown["Smiling"], -0.5 * expression.strength)


def move(points: NDArray[np.float32], expression: Expression) -> None:
    """Move the 98 points (98, 3) of a face in space, in face units, in place."""
    from farbench.masks import wflw98

    by, strength = MOVEMENTS[expression.name], np.float32(expression.strength)
    for brow, side in ((wflw98.RIGHT_EYEBROW, -1), (wflw98.LEFT_EYEBROW, 1)):
        outwards = np.clip((side * points[brow, 0] - 0.22) / 0.72, 0.0, 1.0)
        lift = by.inner_brow + (by.outer_brow - by.inner_brow) * outwards
        points[brow, 1] += strength * lift.astype(np.float32)
        points[brow, 0] -= strength * np.float32(side * 0.06 * by.frown) * (1 - outwards)
    for eye in (wflw98.RIGHT_EYE, wflw98.LEFT_EYE):
        middle = points[eye, 1].mean()
        points[eye, 1] = middle + (points[eye, 1] - middle) * (1 + strength * np.float32(by.eyes))
    lips = points[wflw98.MOUTH]  # a view: the slices below write into the points
    reach = np.clip(np.abs(lips[:, 0]) / 0.45, 0.0, 1.0)
    middle = (1.0 - reach**2).astype(np.float32)
    line = float(lips[[0, 6], 1].mean())
    lower = lips[:, 1] > line + 0.012
    lips[:, 1] += strength * np.float32(by.corners) * (reach**2 - np.float32(0.35)).clip(0)
    lips[lower, 1] += strength * np.float32(by.opening) * middle[lower]
    lips[~lower, 1] += strength * np.float32(by.upper_lip) * middle[~lower]
    lips[:, 0] *= 1 + strength * np.float32(by.width)
    contour = points[wflw98.CONTOUR]
    down = np.clip(contour[:, 1] / 1.83, 0.0, 1.0)
    contour[:, 1] += strength * np.float32(0.7 * by.opening) * down.astype(np.float32) ** 2
