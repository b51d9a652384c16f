"""What the synthetic faces' 40 attributes depend on: rates, causes and how clearly each shows.

The names, their order and the rates are CelebA's (Liu et al., "Deep Learning Face Attributes in the
Wild", ICCV 2015). The split by sex and the causes are rounded by hand so that the strongest CelebA
correlations hold; they are no measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FREQUENCIES: Final[dict[str, float]] = {
    "5_o_Clock_Shadow": 0.1128,
    "Arched_Eyebrows": 0.2691,
    "Attractive": 0.5195,
    "Bags_Under_Eyes": 0.2065,
    "Bald": 0.0229,
    "Bangs": 0.1519,
    "Big_Lips": 0.2423,
    "Big_Nose": 0.2370,
    "Black_Hair": 0.2408,
    "Blond_Hair": 0.1505,
    "Blurry": 0.0489,
    "Brown_Hair": 0.2054,
    "Bushy_Eyebrows": 0.1456,
    "Chubby": 0.0580,
    "Double_Chin": 0.0470,
    "Eyeglasses": 0.0627,
    "Goatee": 0.0634,
    "Gray_Hair": 0.0426,
    "Heavy_Makeup": 0.3891,
    "High_Cheekbones": 0.4587,
    "Male": 0.4165,
    "Mouth_Slightly_Open": 0.4841,
    "Mustache": 0.0405,
    "Narrow_Eyes": 0.1155,
    "No_Beard": 0.8355,
    "Oval_Face": 0.2871,
    "Pale_Skin": 0.0434,
    "Pointy_Nose": 0.2773,
    "Receding_Hairline": 0.0808,
    "Rosy_Cheeks": 0.0658,
    "Sideburns": 0.0563,
    "Smiling": 0.4857,
    "Straight_Hair": 0.2104,
    "Wavy_Hair": 0.3215,
    "Wearing_Earrings": 0.1885,
    "Wearing_Hat": 0.0462,
    "Wearing_Lipstick": 0.4750,
    "Wearing_Necklace": 0.1228,
    "Wearing_Necktie": 0.0740,
    "Young": 0.7801,
}
"""Share of faces aimed at for each attribute, in CelebA's order of the 40 attributes."""

ATTRIBUTES: Final[tuple[str, ...]] = tuple(FREQUENCIES)
"""The 40 attribute names in CelebA's order."""

NEVER: Final = -4.0
"""Strength of an attribute that a face cannot have (a beard on a woman, bangs on a bald head)."""


@dataclass(frozen=True)
class Trait:
    """One attribute's place in the model of a face.

    A face's *strength* of the trait is ``intercept(sex) + sum(weight * cause) + N(0, 1)``; the
    label is ``strength > 0``.

    Attributes:
        name: CelebA's name of the attribute.
        odds: How much commoner the trait is among men than women, as the pair (women, men) of
            rates before they are scaled to the total in ``FREQUENCIES``; None where one intercept
            serves both.
        causes: Weight of each cause: a latent value of the face or an earlier trait's strength.
        haze: Standard deviation of what is added to the strength before it is drawn. It is what
            keeps borderline faces from being told apart.
    """

    name: str
    odds: tuple[float, float] | None
    causes: Mapping[str, float] = field(default_factory=dict)
    haze: float = 0.3


TRAITS: Final[tuple[Trait, ...]] = (
    Trait("Young", (0.877, 0.645), {"age": -1.6}, 0.5),
    Trait("Smiling", (0.54, 0.41), {}, 0.22),
    Trait("High_Cheekbones", (0.555, 0.32), {"Smiling": 1.3}, 0.45),
    Trait("Mouth_Slightly_Open", (0.53, 0.42), {"Smiling": 0.9}, 0.22),
    Trait("Narrow_Eyes", (0.115, 0.116), {"Smiling": 0.2}, 0.6),
    Trait("Bags_Under_Eyes", (0.115, 0.335), {"age": 0.4}, 0.5),
    Trait("Chubby", (0.012, 0.122), {"weight": 1.4, "age": 0.3}, 0.6),
    Trait("Double_Chin", (0.012, 0.096), {"weight": 1.4, "age": 0.5}, 0.5),
    Trait("Oval_Face", (0.34, 0.21), {"weight": -0.4, "Smiling": 0.15}, 0.9),
    Trait("Big_Lips", (0.30, 0.16), {}, 0.6),
    Trait("Big_Nose", (0.10, 0.43), {"age": 0.2, "weight": 0.2}, 0.5),
    Trait("Pointy_Nose", (0.36, 0.165), {"Big_Nose": -0.2}, 0.8),
    Trait("Pale_Skin", (0.058, 0.023), {}, 0.25),
    Trait("Heavy_Makeup", (0.666, 0.0025), {"glamour": 1.5, "age": -0.3}, 0.4),
    Trait("Wearing_Lipstick", (0.81, 0.006), {"glamour": 1.1, "Heavy_Makeup": 0.6}, 0.3),
    Trait("Rosy_Cheeks", (0.111, 0.003), {"Heavy_Makeup": 0.5, "Smiling": 0.3}, 0.5),
    Trait("Arched_Eyebrows", (0.44, 0.03), {"glamour": 0.5}, 0.6),
    Trait("Bushy_Eyebrows", (0.07, 0.25), {"age": -0.1}, 0.5),
    Trait(
        "Attractive",
        (0.68, 0.29),
        {
            "beauty": 1.4,
            "age": -0.7,
            "weight": -0.5,
            "Heavy_Makeup": 0.35,
            "Bags_Under_Eyes": -0.2,
            "Big_Nose": -0.25,
        },
        0.6,
    ),
    Trait("Bald", (0.0, 0.055), {"age": 0.6}, 0.1),
    Trait("Receding_Hairline", (0.063, 0.105), {"age": 0.6}, 0.5),
    Trait("Wearing_Hat", (0.023, 0.079), {"age": -0.2}, 0.0),
    Trait("Gray_Hair", (0.011, 0.087), {"age": 1.6}, 0.3),
    Trait("Black_Hair", None, {"hair_light": -4.0}, 0.3),
    Trait("Blond_Hair", None, {"hair_light": 4.0}, 0.3),
    Trait("Brown_Hair", None, {"hair_brownness": 4.0}, 0.3),
    Trait("Wavy_Hair", (0.455, 0.135), {"hair_wave": 2.2}, 0.3),
    Trait("Straight_Hair", (0.205, 0.218), {"hair_wave": -2.2}, 0.3),
    Trait("Bangs", (0.205, 0.078), {"age": -0.3}, 0.2),
    Trait("No_Beard", (1.0, 0.605), {"age": 0.1}, 0.2),
    Trait("5_o_Clock_Shadow", (0.0, 0.27), {}, 0.3),
    Trait("Goatee", (0.0, 0.152), {}, 0.3),
    Trait("Mustache", (0.0, 0.097), {"age": 0.3, "Goatee": 0.4}, 0.3),
    Trait("Sideburns", (0.0, 0.135), {"Goatee": 0.3}, 0.3),
    Trait("Wearing_Earrings", (0.316, 0.012), {"glamour": 0.4}, 0.0),
    Trait("Wearing_Necklace", (0.205, 0.008), {"glamour": 0.3, "Wearing_Earrings": 0.3}, 0.0),
    Trait("Wearing_Necktie", (0.002, 0.175), {"age": 0.3}, 0.0),
    Trait("Eyeglasses", (0.02, 0.122), {"age": 0.5}, 0.0),
    Trait("Blurry", None, {}, 0.3),
)
"""Every attribute but Male (drawn first), causes before effects."""

BEARD_PARTS: Final = ("5_o_Clock_Shadow", "Goatee", "Mustache")
"""Parts that make a beard: none of them goes with No_Beard."""

SCALP_HAIR: Final = (
    "Bangs",
    "Receding_Hairline",
    "Gray_Hair",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Wavy_Hair",
    "Straight_Hair",
)
"""Attributes that a bald head excludes."""

OF_THE_MOMENT: Final = (
    "Smiling",
    "Mouth_Slightly_Open",
    "Heavy_Makeup",
    "Wearing_Lipstick",
    "Rosy_Cheeks",
    "Wearing_Hat",
    "Wearing_Earrings",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Eyeglasses",
    "Blurry",
)
"""Attributes that differ between two pictures of a person; the others stay."""
