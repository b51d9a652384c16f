"""The contract of a corruption: five growing strengths, repeatable, and nothing else touched."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.plugins.corruption import STRENGTHS, Corruption
from farbench.plugins.dataset import Dataset, read_index
from farbench.robustness.corrupt import corrupt
from farbench.testing.checks import Broken, Contract
from farbench.testing.option_effects import require_effects
from farbench.testing.plugin_checks import PLUGIN, PluginSubject

FACES = 12
SIDES = (64, 227)
"""Sides of the images: a small one, and an odd one."""


@dataclass
class CorruptionSubject(PluginSubject[Corruption]):
    """A corruption and the images that it is tried on.

    Attributes:
        faces: A data set of drawn faces; without one, images of smooth noise.
    """

    faces: Dataset | None = None

    @cached_property
    def originals(self) -> list[NDArray[np.uint8]]:
        """A few faces, uint8 ``(H, W, 3)``, that must not be written to."""
        if self.faces is None:
            return [_cloud(number) for number in range(FACES)]
        rows: Any = list(read_index(self.faces, None).frame.itertuples())
        # Few are drawn for the checks, and each is taken once more, mirrored.
        drawn = [self.faces.read(None, row) for row in rows[: FACES // 2]]
        return [*drawn, *(np.ascontiguousarray(face[:, ::-1]) for face in drawn)]

    def images(self, side: int) -> NDArray[np.uint8]:
        """Return the faces packed at a side, uint8 ``(N, R, R, 3)``, read-only."""
        from farbench.data.pack import resize

        packed = np.stack([resize(face, side) for face in self.originals])
        packed.flags.writeable = False
        return packed

    def changed(
        self, side: int, strength: int, corruption: Corruption | None = None, seed: int = 0
    ) -> NDArray[np.uint8]:
        """Return the faces under the corruption."""
        ids = [f"face{number}" for number in range(len(self.originals))]
        return corrupt(corruption or self.instance, self.images(side), ids, strength, seed)[0]


CORRUPTION: Contract[CorruptionSubject] = Contract(*PLUGIN.checks)


@CORRUPTION.line(
    "`apply` gives a new uint8 image (R, R, 3), `matrix` a finite (2, 3) map with an inverse or "
    "None, at every strength and for images of any side; the image that is given stays as it is.",
    why="The same packed image is given to one corruption after the other.",
    mend="Copy the image before you write into it; clip to 0..255 and end with astype(np.uint8); "
    "take lengths as parts of the image's side.",
)
def images(subject: CorruptionSubject) -> None:
    """Change faces of two sides at every strength."""
    for side in SIDES:
        for strength in STRENGTHS:
            subject.changed(side, strength)


@CORRUPTION.line(
    "Strength 1 changes an image, and each strength changes it more than the one before.",
    why="A curve over strengths says something only where a strength means something.",
    mend="Give each strength its own number, in rising order, and draw the same random numbers "
    "whatever the strength.",
    needs=("images",),
)
def strengths_grow(subject: CorruptionSubject) -> str:
    """Compare the mean change of pixels, over all faces."""
    side = SIDES[0]
    clean = subject.images(side).astype(np.float32)
    changes = [float(np.abs(subject.changed(side, s) - clean).mean()) for s in STRENGTHS]
    told = ", ".join(f"{change:.2f}" for change in changes)
    if changes[0] == 0:
        raise Broken(f"strength 1 changes nothing (mean change of a pixel: {told})")
    if any(after <= before for before, after in itertools.pairwise(changes)):
        raise Broken(f"the mean change of a pixel does not grow with strength: {told}")
    return f"mean change of a pixel: {told}"


@CORRUPTION.line(
    "All that is random comes from `random`: the same image and seed give the same result, "
    "whatever was changed before.",
    why="Methods are compared on the same corrupted images.",
    mend="Use the generator that is given, not numpy.random, the random module or the time.",
    needs=("images",),
)
def repeats(subject: CorruptionSubject) -> None:
    """Change the faces twice, with others in between."""
    for strength in (STRENGTHS[0], STRENGTHS[-1]):
        before = subject.changed(SIDES[0], strength)
        subject.changed(SIDES[0], strength, seed=1)
        if not np.array_equal(before, subject.changed(SIDES[0], strength)):
            raise Broken(f"at strength {strength} the same faces come out otherwise")


@CORRUPTION.line(
    "Every option changes something: the images at one of the strengths.",
    why="An option that does nothing gives two rows of a table that differ in name alone.",
    mend="Use the option in apply or matrix, or remove it.",
    needs=("images",),
)
def options_change_something(subject: CorruptionSubject) -> str | None:
    """Look at the faces at every strength with other values of each option."""

    def look(corruption: Corruption) -> str:
        seen = hashlib.sha256()
        for strength in STRENGTHS:
            seen.update(subject.changed(SIDES[0], strength, corruption).tobytes())
        return seen.hexdigest()

    return require_effects(
        subject.instance,
        type(subject.instance).model_fields,
        subject.untested_options,
        [look],
        lambda option: (),
    )


def _cloud(number: int) -> NDArray[np.uint8]:
    """Return smooth noise ``(64, 64, 3)``."""
    import cv2

    noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC), np.uint8)
