"""What a cell is evaluated under: its clean test images, then each corruption at each strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farbench.benchmark.identity import code_identity, digest
from farbench.benchmark.robustness import AskedCorruptions
from farbench.plugins.corruption import Corruption
from farbench.scoring.catalogue import METRIC_VERSION

CODE = ("farbench.data.targets", "farbench.robustness.evaluate")
"""What computes the numbers beside the corruption itself and the cell's own network."""


@dataclass(frozen=True)
class Condition:
    """One evaluation of a cell.

    Attributes:
        corruption: None for clean images.
        strength: 1 to 5, 0 for clean images.
        masks: "predicted" or "clean"; None where the method looks through no masks, or the images
            are clean.
    """

    corruption: Corruption | None = None
    strength: int = 0
    masks: str | None = None

    def place(self, asked: AskedCorruptions) -> dict[str, Any]:
        """Return what names the condition in the cell's file."""
        return {
            "corruption": self.corruption.name if self.corruption else None,
            "strength": self.strength,
            "masks": self.masks,
            "images": asked.settings.images,
            "seed": asked.settings.seed,
        }

    def key(self, cell: str, faces: str, numerics: dict[str, object], seed: int) -> str:
        """Return the identity of its scores.

        Args:
            cell: Key of the cell.
            faces: Digest of the test images.
            numerics: Of the device that evaluates.
            seed: Of the random numbers.
        """
        corruption = self.corruption
        recipe = {
            "cell": cell,
            "images": faces,
            "corruption": corruption and {"name": corruption.name, "options": corruption.options()},
            "strength": self.strength,
            "masks": self.masks,
            "seed": seed,
            "metric_version": METRIC_VERSION,
        }
        code = code_identity([*CODE, *(corruption.modules() if corruption else ())])
        return digest([recipe, code, numerics])


def conditions(asked: AskedCorruptions, *, masked: bool) -> list[Condition]:
    """Return all conditions in the order in which they are evaluated, the clean one first."""
    ways: Sequence[str | None] = asked.settings.masks if masked else (None,)
    return [
        Condition(),
        *(
            Condition(corruption, strength, masks)
            for corruption in asked.corruptions
            for masks in ways
            for strength in sorted(asked.settings.strengths)
        ),
    ]
