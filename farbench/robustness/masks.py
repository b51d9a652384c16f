"""Masks of corrupted images: predicted again, as in use, or clean ones moved with the face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from farbench.benchmark.identity import Identity, code_identity
from farbench.data import geometry
from farbench.data.mask_bits import StoredMasks, to_bits
from farbench.masks.trained import TrainedMasks
from farbench.plugins.corruption import Corruption
from farbench.robustness.corrupt import corrupt
from farbench.robustness.faces import TestFaces
from farbench.scoring.masks import mask_counts, mask_f1_from_counts
from farbench.store.artifacts import ArtifactStore

KIND = "corrupted_masks"
FILE = "masks.npz"
CHUNK = 512
"""Images that are changed and predicted at a time."""


class MaskSource:
    """The masks of a cell's test images, clean or corrupted, each made once for all rows.

    A cell's mask network is applied to what it would be given in use: the corrupted image.
    """

    def __init__(
        self,
        key: str,
        load: Callable[[], TrainedMasks],
        area: float,
        numerics: Mapping[str, object],
        faces: TestFaces,
        store: ArtifactStore,
    ) -> None:
        """Bind a mask network; it is loaded when masks must be predicted.

        Args:
            key: Identity of the mask network.
            load: Loads it.
            area: Area of the masks relative to the prediction.
            numerics: Of what it runs on.
            faces: The test images.
            store: Where masks are kept.
        """
        self.key, self.load, self.area, self.numerics = key, load, area, dict(numerics)
        self.faces, self.store = faces, store
        self._network: TrainedMasks | None = None

    def predicted(
        self, corruption: Corruption | None, strength: int, seed: int
    ) -> tuple[StoredMasks, dict[str, float | None]]:
        """Return the masks predicted on changed images, and how far they agree with clean ones.

        Args:
            corruption: None leaves the images as they are.
            strength: 1 to 5.
            seed: Of the corruption's random numbers.

        Returns:
            The masks of all test images in their order, and the pixel F1 of each group, and
            ``mean``, to the clean masks moved with the face; empty for clean images.
        """
        recipe: dict[str, Any] = {
            "masks": self.key,
            "area": self.area,
            "images": self.faces.digest,
            "corruption": None,
        }
        if corruption is not None:
            recipe["corruption"] = {"name": corruption.name, "options": corruption.options()}
            recipe |= {"strength": strength, "seed": seed}
        modules = [__name__, *(corruption.modules() if corruption else ())]
        identity = Identity(recipe, code_identity(modules), self.numerics)

        def build(folder: Path) -> dict[str, Any]:
            masks, agreement = self._predict(corruption, strength, seed)
            np.savez_compressed(folder / FILE, bits=masks.bits)
            return {
                "identity": identity.as_dict(),
                "groups": list(masks.groups),
                "side": masks.side,
                "agreement": agreement,
            }

        folder, meta, _ = self.store.get(KIND, identity.key, build)
        with np.load(folder / FILE) as held:
            bits = held["bits"]
        return StoredMasks(bits, tuple(meta["groups"]), meta["side"]), meta["agreement"]

    def _predict(
        self, corruption: Corruption | None, strength: int, seed: int
    ) -> tuple[StoredMasks, dict[str, float | None]]:
        network = self._network = self._network or self.load()
        clean = None if corruption is None else self.predicted(None, 0, seed)[0]
        bits, counts = [], []
        for start in range(0, len(self.faces), CHUNK):
            stop = min(start + CHUNK, len(self.faces))
            images, matrices = self.faces.read(start, stop), None
            if corruption is not None:
                ids = self.faces.ids[start:stop]
                images, matrices = corrupt(corruption, images, ids, strength, seed)
            masks = network.make(images)
            bits.append(masks.bits)
            if clean is not None:
                true = move_masks(part(clean, start, stop), matrices, images.shape[1])
                rows = np.arange(stop - start)
                pair = [one.read(rows).transpose(0, 3, 1, 2).astype(bool) for one in (masks, true)]
                counts.append(mask_counts(*pair))
        agreement = mask_f1_from_counts(np.concatenate(counts), masks.groups) if counts else {}
        return StoredMasks(np.concatenate(bits), masks.groups, masks.side), agreement


def part(masks: StoredMasks, start: int, stop: int) -> StoredMasks:
    """Return the masks of some images."""
    return StoredMasks(masks.bits[start:stop], masks.groups, masks.side)


def move_masks(masks: StoredMasks, matrices: geometry.Matrices | None, packed: int) -> StoredMasks:
    """Move masks with the pixels of their images; what comes from outside is not masked.

    Args:
        masks: Of N images.
        matrices: ``(N, 2, 3)`` maps from changed to packed pixels; None where no pixel moved.
        packed: Side of the packed images.
    """
    if matrices is None:
        return masks
    side = masks.side
    maps = geometry.for_masks(matrices, packed, packed, side, side)
    whole: NDArray[np.uint8] = masks.read(np.arange(len(matrices))) * np.uint8(255)
    moved = np.empty_like(whole)
    for first in range(0, len(masks.groups), 4):  # OpenCV warps four channels at most
        few = np.ascontiguousarray(whole[..., first : first + 4])
        moved[..., first : first + 4] = geometry.warp(
            few.__getitem__, maps, side, few.shape[-1], border=cv2.BORDER_CONSTANT
        )
    kept = (moved >= 128).astype(np.uint8).transpose(0, 3, 1, 2)
    return StoredMasks(to_bits(np.ascontiguousarray(kept)), masks.groups, side)
