"""Labels of the synthetic faces beside the 40 attributes: age, skin, expression."""

from __future__ import annotations

from math import exp
from typing import Final

from farbench_datasets.expressions import EXPRESSIONS

from .face import Face
from .sampling import stream

_NOISE_STREAM: Final = 4

YOUNGEST: Final = 15.0
OLDEST: Final = 75.0
"""Bounds of the ages in years; no face reaches them."""

SKIN_TONES: Final = ("light", "fair", "medium", "brown", "dark")
_SKIN_BOUNDS: Final = (0.20, 0.31, 0.43, 0.57)  # on the palette's scale; dark has no upper bound

PLAIN_EXPRESSIONS: Final = ("Happiness", "Neutral")
"""What can be told of faces that are drawn without expressions: whether they smile.

A mouth that is open without a smile would be Surprise, but opens by a pixel or two only.
"""


def age_years(face: Face) -> float:
    """Return the age in years: 45 where the label of Young changes, bounded on both sides.

    The picture shows it hazed, as it does Young: by wrinkles, folds, uneven skin, thin lips, and
    by what goes with it (grey or receding hair, glasses, bags under the eyes).
    """
    return YOUNGEST + (OLDEST - YOUNGEST) / (1.0 + exp(0.6 * face.strengths["Young"]))


def skin_tone(face: Face) -> str:
    """Return the tone of the skin as it is painted, before light and exposure change it."""
    return SKIN_TONES[sum(face.look.skin >= bound for bound in _SKIN_BOUNDS)]


def expression_name(face: Face) -> str:
    """Return the expression that was drawn; without one, a smile is Happiness."""
    if face.look.expression is not None:
        return face.look.expression.name
    return "Happiness" if face.has("Smiling") else "Neutral"


def class_labels(face: Face, label_noise: float = 0.0) -> tuple[str, str]:
    """Return skin tone and expression, each exchanged for another with that probability."""
    drawn = face.look.expression is not None
    given = skin_tone(face), expression_name(face)
    if label_noise <= 0.0:
        return given
    rng = stream(face.seed, face.index, _NOISE_STREAM)
    noisy = []
    for name, names in zip(
        given, (SKIN_TONES, EXPRESSIONS if drawn else PLAIN_EXPRESSIONS), strict=True
    ):
        others = [other for other in names if other != name]
        turned, place = rng.random() < label_noise, int(rng.integers(len(others)))
        noisy.append(others[place] if turned else name)
    return noisy[0], noisy[1]
