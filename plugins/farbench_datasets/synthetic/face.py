"""The synthetic face as callers see it: its labels, its 98 points and its latent parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from .expressions import mouth_as_drawn, sample_expression
from .geometry import Projection, face_shape, pose
from .sampling import Look, labels, sample_latents, stream
from .traits import ATTRIBUTES

_LATENT_STREAM = 0
_LABEL_NOISE_STREAM = 1
_EXPRESSION_STREAM = 2
_PERSON_STREAM = 3
_PAINT_STREAM = 16
"""First of the random streams that painting uses, one per layer."""
_PERSON_PAINT_STREAM = 64
_PERSON_LAYERS = frozenset({3, 4, 5, 8, 11})
"""Layers that belong to the person: wrinkles, eyes, brows, hair, a bald head's rim.

The skin's texture does not: it is a cut of a fixed tile, by which faces could be told apart pixel
by pixel.
"""


@dataclass(frozen=True)
class Face:
    """One synthetic face; everything but the pixels.

    Attributes:
        seed: Seed of the data set.
        index: Number of the face in the data set.
        attributes: Labels (40,), int8 in {0, 1}, with label noise where some was asked for.
        true_attributes: Labels (40,) that the picture was made from.
        points: The 98 WFLW points, (98, 2) float32, px of the 178 x 218 frame, pixel centres at
            integers.
        strengths: Strength of each attribute; the true label is ``> 0``.
        shown: The strengths that drawing goes by: hazed, so that borderline faces stay ambiguous.
        look: Pose, colours, light and build.
        projection: From face units to px of the 178 x 218 frame.
        person: Number of the person, None where every face is a person of its own.
    """

    seed: int
    index: int
    attributes: NDArray[np.int8]
    true_attributes: NDArray[np.int8]
    points: NDArray[np.float32]
    strengths: Mapping[str, float]
    shown: Mapping[str, float]
    look: Look
    projection: Projection
    person: int | None = None

    def has(self, name: str) -> bool:
        """Whether the picture is one of a face with the attribute."""
        return self.strengths[name] > 0

    def rng(self, layer: int) -> np.random.Generator:
        """Random numbers of one painted layer; adding a layer leaves the others as they are."""
        if self.person is not None and layer in _PERSON_LAYERS:
            return stream(self.seed, self.person, _PERSON_PAINT_STREAM + layer)
        return stream(self.seed, self.index, _PAINT_STREAM + layer)


def sample_face(
    seed: int,
    index: int,
    label_noise: float = 0.0,
    images_per_identity: int = 1,
    expressions: bool = False,
) -> Face:
    """Draw face ``index`` of the data set ``seed``; depends on nothing but the arguments.

    Args:
        seed: Seed of the data set, 0..2**64-1.
        index: Number of the face, 0..2**64-1.
        label_noise: Share of labels to flip at random, 0..1; picture and points stay the same.
        images_per_identity: How many faces in a row are pictures of one person.
        expressions: Whether the face makes one of the seven expressions. The labels stay the same:
            an expression is chosen that suits them. Picture and points change.

    Raises:
        ValueError: An argument is out of its range.
    """
    if not 0.0 <= label_noise <= 1.0:
        raise ValueError(f"label_noise must lie in 0..1, got {label_noise}")
    if images_per_identity < 1:
        raise ValueError(f"images_per_identity must be at least 1, got {images_per_identity}")
    person = index // images_per_identity if images_per_identity > 1 else None
    look, strengths, shown = sample_latents(
        stream(seed, index, _LATENT_STREAM),
        person=None if person is None else stream(seed, person, _PERSON_STREAM),
    )
    if expressions:
        rng = stream(seed, index, _EXPRESSION_STREAM)
        smiling, open_mouth = strengths["Smiling"] > 0, strengths["Mouth_Slightly_Open"] > 0
        expression = sample_expression(smiling, open_mouth, rng)
        mouth_as_drawn(shown, expression)
        look = replace(look, expression=expression)
    true = labels(strengths)
    given = true
    if label_noise > 0.0:
        flips = stream(seed, index, _LABEL_NOISE_STREAM).random(len(ATTRIBUTES)) < label_noise
        given = np.where(flips, 1 - true, true).astype(np.int8)
    projection, points = pose(look, face_shape(look, shown))
    return Face(
        seed=seed,
        index=index,
        attributes=given,
        true_attributes=true,
        points=points,
        strengths=MappingProxyType(strengths),
        shown=MappingProxyType(shown),
        look=look,
        projection=projection,
        person=person,
    )


def with_attribute(face: Face, name: str, value: bool, strength: float = 1.5) -> Face:
    """The same face with one attribute set, nothing else changed; its points follow.

    Exclusions are not applied: the caller asks for exactly one change. ``Male`` cannot be set,
    since nearly everything depends on it.

    Args:
        face: Face to start from.
        name: CelebA's name of the attribute.
        value: Whether the new face has it.
        strength: How clearly it has or lacks it, above 0.

    Raises:
        ValueError: ``name`` is no attribute or is Male, or ``strength`` is not above 0.
    """
    if name not in ATTRIBUTES or name == "Male":
        raise ValueError(f"cannot set attribute {name!r}")
    if strength <= 0:
        raise ValueError(f"strength must be above 0, got {strength}")
    signed = strength if value else -strength
    place = ATTRIBUTES.index(name)
    given, true = face.attributes.copy(), face.true_attributes.copy()
    given[place] = true[place] = int(value)
    shown = MappingProxyType({**face.shown, name: signed})
    projection, points = pose(face.look, face_shape(face.look, shown))
    return replace(
        face,
        attributes=given,
        true_attributes=true,
        strengths=MappingProxyType({**face.strengths, name: signed}),
        shown=shown,
        points=points,
        projection=projection,
    )
