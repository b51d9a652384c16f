"""The task of every binary-attribute benchmark: N images, A yes-or-no labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BinaryAttributes:
    """A set of binary attributes predicted by one output of shape ``(N, A)`` (logits).

    Attributes:
        name: The task's name; also the key of the network's output.
        attributes: The A attribute names in column order. In an index the labels are the columns
            ``<task>.<attribute>`` with 1 for yes, 0 for no and NA for unknown.
    """

    name: str
    attributes: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The index columns that hold the labels, in output order."""
        return tuple(f"{self.name}.{attribute}" for attribute in self.attributes)


CELEBA_ATTRIBUTES: tuple[str, ...] = tuple(
    """5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
    Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
    Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
    Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
    Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie
    Young""".split()  # noqa: SIM905 - as a list it would be a column of 40 lines
)
"""The 40 attributes in the column order of CelebA's list_attr_celeba.txt."""
