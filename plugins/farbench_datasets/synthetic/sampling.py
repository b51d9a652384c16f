"""Draws the latent description of one synthetic face: attributes, build, pose, colours, light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .expressions import Expression
from .intercepts import INTERCEPTS
from .traits import (
    ATTRIBUTES,
    BEARD_PARTS,
    FREQUENCIES,
    NEVER,
    OF_THE_MOMENT,
    SCALP_HAIR,
    TRAITS,
)

_NORMALS: Final = 128
_UNIFORMS: Final = 32
OCCLUDERS: Final = ("hand", "microphone", "strand", "flare", "watermark")
_OCCLUDED_SHARE: Final = 0.16


@dataclass(frozen=True)
class Look:
    """Everything about a face that is no attribute. Angles in radians, lengths in face units.

    ``build`` values are standard normal; ``shift`` is in px of the 178 x 218 frame; ``light`` is
    the direction of the light as (right, down, towards the viewer), a unit vector; values without
    a unit lie in 0..1. ``expression`` is None where faces are drawn without.
    """

    male: bool
    age: float
    beauty: float
    yaw: float
    pitch: float
    roll: float
    scale: float
    shift: tuple[float, float]
    build: tuple[float, ...]
    gaze: tuple[float, float]
    skin: float
    skin_warmth: float
    hair_light: float
    hair_red: float
    hair_length: float
    parting: float
    light: tuple[float, float, float]
    light_power: float
    exposure: float
    warmth: float
    occluder: str | None
    expression: Expression | None = None


class _Numbers:
    """Random numbers in a fixed order: each belongs to the person or to the moment.

    Where the person has numbers of its own, each place of the order takes from one of the two and
    skips the other, so that nobody's numbers move when the other's are used.
    """

    def __init__(self, moment: Sequence[float], person: Sequence[float]) -> None:
        self._moment, self._person, self._place = moment, person, -1

    def moment(self) -> float:
        self._place += 1
        return self._moment[self._place]

    def person(self) -> float:
        self._place += 1
        return self._person[self._place]


def stream(seed: int, index: int, number: int) -> np.random.Generator:
    """Generator of one purpose (``number``) of one face, independent of every other.

    Raises:
        ValueError: ``seed`` or ``index`` is negative or does not fit 64 bits.
    """
    if not (0 <= seed < 2**64 and 0 <= index < 2**64):
        raise ValueError(f"seed and index must lie in 0..2**64-1, got {seed} and {index}")
    key = np.array((seed, index), dtype=np.uint64)
    counter = np.array((0, 0, 0, number), dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def sample_latents(
    rng: np.random.Generator,
    intercepts: dict[str, tuple[float, float]] | None = None,
    person: np.random.Generator | None = None,
) -> tuple[Look, dict[str, float], dict[str, float]]:
    """One face's look, its attributes' strengths and the strengths as they are drawn.

    Args:
        rng: Source of all randomness, or of all that ``person`` does not decide.
        intercepts: Other intercepts (women, men) than the fitted ones; for the fit itself.
        person: Source of what stays the same in all pictures of a person: sex, age, build, skin,
            hair. Pose, light, mouth, make-up and what is worn are the moment's.

    Returns:
        The look, the strength of each of the 40 attributes (the label is ``> 0``) and the hazed
        strength that drawing goes by.
    """
    fitted = INTERCEPTS if intercepts is None else intercepts
    # One call for all the numbers: a call per number would cost ten times as much.
    normals, uniforms = rng.standard_normal(_NORMALS).tolist(), rng.random(_UNIFORMS).tolist()
    if person is None:
        normal, uniform = _Numbers(normals, normals), _Numbers(uniforms, uniforms)
    else:
        normal = _Numbers(normals, person.standard_normal(_NORMALS).tolist())
        uniform = _Numbers(uniforms, person.random(_UNIFORMS).tolist())
    male = uniform.person() < FREQUENCIES["Male"]
    hair_light = normal.person() + (-0.25 if male else 0.4)
    hair_red = max(0.0, normal.person() - 1.0)
    values: dict[str, float] = {
        "age": normal.person(),
        "weight": normal.person(),
        "glamour": normal.person(),
        "beauty": normal.person(),
        "hair_light": hair_light,
        "hair_red": hair_red,
        "hair_brownness": -abs(hair_light - 0.35) - hair_red,
        "hair_wave": normal.person(),
    }
    shown: dict[str, float] = {}
    for trait in TRAITS:
        number = normal.moment if trait.name in OF_THE_MOMENT else normal.person
        strength = fitted[trait.name][male] + number()
        haze = trait.haze * number()
        for cause, weight in trait.causes.items():
            strength += weight * values[cause]
        if trait.odds is not None and trait.odds[male] in (0.0, 1.0):
            strength = -NEVER if trait.odds[male] else NEVER
        values[trait.name] = strength
        shown[trait.name] = strength + haze
    strengths = {name: values[name] for name in ATTRIBUTES if name != "Male"}
    strengths["Male"] = shown["Male"] = -NEVER if male else NEVER
    _apply_exclusions(strengths, shown)
    return (
        _sample_look(male, values, shown, normal, uniform),
        {name: strengths[name] for name in ATTRIBUTES},
        shown,
    )


def _apply_exclusions(strengths: dict[str, float], shown: dict[str, float]) -> None:
    """Set the strengths of attributes that others rule out to NEVER, in place."""

    def rule_out(*names: str) -> None:
        for name in names:
            strengths[name] = shown[name] = NEVER

    if strengths["Bald"] > 0:
        rule_out(*SCALP_HAIR)
    if strengths["Wearing_Hat"] > 0:
        rule_out("Bangs", "Receding_Hairline", "Bald")
    if strengths["Bangs"] > 0:
        rule_out("Receding_Hairline")
    if strengths["Gray_Hair"] > 0:
        rule_out("Black_Hair", "Blond_Hair", "Brown_Hair")
    for group in (("Black_Hair", "Brown_Hair", "Blond_Hair"), ("Wavy_Hair", "Straight_Hair")):
        strongest = max(group, key=strengths.__getitem__)
        rule_out(*(name for name in group if name != strongest and strengths[name] > 0))
    if strengths["No_Beard"] > 0:
        rule_out(*BEARD_PARTS)
        # Sideburns may be worn without a beard, but seldom are.
        strengths["Sideburns"] -= 2.0
        shown["Sideburns"] -= 2.0


def _sample_look(
    male: bool,
    values: dict[str, float],
    shown: dict[str, float],
    normal: _Numbers,
    uniform: _Numbers,
) -> Look:
    """The look of a face whose attributes are known."""
    side = 1.0 if uniform.moment() < 0.5 else -1.0
    # A few faces look far to the side; most look nearly ahead, as in CelebA.
    yaw = side * min(0.66, abs(normal.moment()) * (0.36 if uniform.moment() < 0.25 else 0.16))
    light = np.array(
        [
            0.75 * normal.moment(),
            -0.45 + 0.35 * normal.moment(),
            0.9 + abs(0.5 * normal.moment()),
        ]
    )
    light /= np.sqrt(light @ light)
    pale = shown["Pale_Skin"]
    length = (0.05 if male else 1.0) + (0.25 if male else 0.45) * normal.person()
    occluded = uniform.moment() < _OCCLUDED_SHARE
    occluder = OCCLUDERS[int(uniform.moment() * len(OCCLUDERS))]
    return Look(
        male=male,
        age=-shown["Young"],
        beauty=values["beauty"],
        yaw=yaw,
        pitch=max(-0.4, min(0.4, 0.11 * normal.moment())),
        roll=0.06 * normal.moment(),
        scale=float(np.exp(0.055 * normal.moment())) * (0.9 if uniform.moment() < 0.1 else 1.0),
        shift=(2.6 * normal.moment(), 2.6 * normal.moment()),
        build=tuple(normal.person() for _ in range(10)),
        gaze=(normal.moment(), 0.5 * normal.moment()),
        skin=max(0.0, min(1.0, 0.12 - 0.09 * pale + 0.02 * pale * pale)),
        skin_warmth=normal.person(),
        hair_light=values["hair_light"],
        hair_red=values["hair_red"],
        hair_length=length + (0.15 if shown["Wavy_Hair"] > 0 else 0.0),
        parting=0.45 * normal.person(),
        light=(float(light[0]), float(light[1]), float(light[2])),
        light_power=0.2 + 0.35 * uniform.moment(),
        exposure=0.09 * normal.moment(),
        warmth=0.05 * normal.moment(),
        occluder=occluder if occluded else None,
    )


def labels(strengths: Mapping[str, float]) -> NDArray[np.int8]:
    """Labels (40,) in {0, 1}, int8, of strengths."""
    return np.array([strengths[name] > 0 for name in ATTRIBUTES], dtype=np.int8)
