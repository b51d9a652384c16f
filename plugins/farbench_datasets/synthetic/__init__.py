"""Synthetic faces: 40 CelebA attributes, 98 WFLW points and a picture, drawn by farbench itself.

The stand-in data set where no real one is at hand. Nothing is downloaded; a face is a function of
``(seed, index)`` alone:

    face = sample_face(seed=0, index=7)
    face.attributes  # (40,) int8, CelebA's order
    face.points      # (98, 2) float32, px of the 178 x 218 frame
    draw_face(face)  # (218, 178, 3) uint8 RGB
"""

from .face import Face, sample_face, with_attribute
from .geometry import FRAME_HEIGHT, FRAME_WIDTH
from .painter import draw_face
from .traits import ATTRIBUTES, FREQUENCIES

__all__ = [
    "ATTRIBUTES",
    "FRAME_HEIGHT",
    "FRAME_WIDTH",
    "FREQUENCIES",
    "Face",
    "draw_face",
    "sample_face",
    "with_attribute",
]
