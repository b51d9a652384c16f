"""Synthetic faces: 40 CelebA attributes, 98 WFLW points and a picture, drawn by farbench itself.

The stand-in data set where no real one is at hand. Nothing is downloaded; a face is a function of
``(seed, index)`` and options alone:

    face = sample_face(seed=0, index=7)
    face.attributes  # (40,) int8, CelebA's order
    face.points      # (98, 2) float32, px of the 178 x 218 frame
    draw_face(face)  # (218, 178, 3) uint8 RGB
"""

from .face import Face, sample_face, with_attribute
from .geometry import FRAME_HEIGHT, FRAME_WIDTH
from .labels import (
    OLDEST,
    PLAIN_EXPRESSIONS,
    SKIN_TONES,
    YOUNGEST,
    age_years,
    class_labels,
    expression_name,
    skin_tone,
)
from .painter import draw_face
from .traits import ATTRIBUTES, FREQUENCIES

__all__ = [
    "ATTRIBUTES",
    "FRAME_HEIGHT",
    "FRAME_WIDTH",
    "FREQUENCIES",
    "OLDEST",
    "PLAIN_EXPRESSIONS",
    "SKIN_TONES",
    "YOUNGEST",
    "Face",
    "age_years",
    "class_labels",
    "draw_face",
    "expression_name",
    "sample_face",
    "skin_tone",
    "with_attribute",
]
