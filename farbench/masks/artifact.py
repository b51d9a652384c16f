"""Keypoints, the mask network and its masks as artifacts: made once, shared by all rows."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.data.mask_bits import MASKS, StoredMasks, load_masks, to_bits
from farbench.data.pack import PackedImages
from farbench.data.source import Source
from farbench.masks.keypoints import find_points
from farbench.masks.network import BATCH, WEIGHTS, MaskNetwork, predict_masks, shrink_masks
from farbench.masks.plan import MaskPlan
from farbench.masks.regions import region_masks
from farbench.masks.scaling import scale_masks
from farbench.masks.training import Progress, train_mask_network
from farbench.scoring.masks import mask_counts, mask_f1_from_counts
from farbench.store.artifacts import PROGRESS, ArtifactStore
from farbench.store.blocks import Arrays, in_blocks
from farbench.store.space import allocate
from farbench.training.device import Compute
from farbench.training.weights import save_weights

CHECKPOINT = "mask_network.pt"
POINTS = "points.npy"


def make_masks(
    plan: MaskPlan,
    area: float,
    source: Source,
    packed: PackedImages,
    store: ArtifactStore,
    compute: Compute,
    progress: Progress,
) -> tuple[StoredMasks, dict[str, Any]]:
    """Return the masks of a source, making what is not there yet.

    Whatever of it was begun and killed goes on: keypoints and masks after the last block of
    images, the network after its last epoch.

    Returns:
        The masks, and the meta data of the mask network: F1 a group on the test split against
        the rectangles of the keypoints, history, minutes.
    """
    side = plan.protocol.stored_size
    builder = _Builder(plan, source, packed, store, compute, progress)
    folder, meta, _ = store.get("masks", plan.network.key, builder.network)
    masks = load_masks(folder, plan.group_names, side)
    if area != 1:
        scaled = plan.at(area)

        def build_scaled(folder: Path) -> dict[str, Any]:
            _scale_all(masks, area, folder)
            return {"identity": scaled.as_dict(), "area": area}

        folder, _, _ = store.get("masks", scaled.key, build_scaled)
        masks = load_masks(folder, plan.group_names, side)
    return masks, meta


@dataclass(frozen=True)
class _Builder:
    """Fills the folders of the artifacts; the attributes are :func:`make_masks`'s arguments."""

    plan: MaskPlan
    source: Source
    packed: PackedImages
    store: ArtifactStore
    compute: Compute
    progress: Progress

    def points(self, folder: Path) -> dict[str, Any]:
        """Find the keypoints of all images."""
        plan, source = self.plan, self.source
        points = find_points(
            plan.keypoints, source.index, source.read, folder / PROGRESS, self.progress
        )
        np.save(folder / POINTS, points)
        found = int((~np.isnan(points).any((1, 2))).sum())
        return {"identity": plan.points.as_dict(), "images": len(points), "found": found}

    def network(self, folder: Path) -> dict[str, Any]:
        """Train the mask network and predict the masks of all images with it."""
        plan = self.plan
        started = time.perf_counter()
        points_folder, points_meta, _ = self.store.get("points", plan.points.key, self.points)
        points = self.packed.to_packed(np.load(points_folder / POINTS))
        prepared = time.perf_counter() - started
        trained = train_mask_network(
            self.packed.pixels,
            points,
            self.source.positions("train"),
            plan.regions,
            plan.protocol,
            self.compute,
            pretrained=plan.pretrained,
            checkpoint=folder / PROGRESS / CHECKPOINT,
            progress=self.progress,
        )
        save_weights(trained.network, folder / WEIGHTS)
        started = time.perf_counter()
        f1 = self._predict_all(trained.network, points, folder)
        seconds = prepared + trained.seconds + time.perf_counter() - started
        return {
            "identity": plan.network.as_dict(),
            "groups": list(plan.group_names),
            "keypoints": plan.keypoints.name,
            "found": points_meta["found"],
            "weights": trained.network.weights,
            "f1": f1,
            "history": trained.history,
            "minutes": seconds / 60,
        }

    def _predict_all(
        self, network: MaskNetwork, points: NDArray[np.float32], folder: Path
    ) -> dict[str, float | None]:
        """Predict and store the masks of all images; score those of the test split.

        The score is taken at the network's size, against the keypoints' rectangles.

        Args:
            network: In eval mode.
            points: ``(N, 98, 2)`` in packed pixels; images without points are not scored.
            folder: The artifact's folder.

        Returns:
            F1 a group, and their mean.
        """
        plan, protocol, pixels = self.plan, self.plan.protocol, self.packed.pixels
        count, size, side = len(pixels), protocol.size, protocol.stored_size
        test = self.source.positions("test")
        scored = np.zeros(count, bool)
        scored[test] = ~np.isnan(points[test]).any((1, 2))
        seen_points = (points + 0.5) * np.float32(size / pixels.shape[1]) - np.float32(0.5)

        def predict(start: int, stop: int) -> Arrays:
            bits = []
            counts = [np.zeros((0, len(plan.groups), 3), np.int64)]
            for first in range(start, stop, BATCH):
                last = min(first + BATCH, stop)
                probability = predict_masks(network, pixels[first:last], size, self.compute)
                bits.append(to_bits(shrink_masks(probability, side, protocol.threshold)))
                here = scored[first:last]
                if here.any():
                    true = region_masks(seen_points[first:last][here], plan.regions, size, size)
                    predicted = probability[here] > protocol.threshold
                    counts.append(mask_counts(predicted, true.astype(bool)))
                self.progress("masks predicted", last, count)
            return {"bits": np.concatenate(bits), "counts": np.concatenate(counts)}

        # By memory map: CelebA's masks are 0.8 GB.
        stored = np.lib.format.open_memmap(
            folder / MASKS,
            mode="w+",
            dtype=np.uint8,
            shape=(count, math.ceil(len(plan.groups) * side * side / 8)),
        )
        allocate(folder / MASKS)
        counts = []
        for start, stop, block in in_blocks(folder / PROGRESS / "masks", count, predict):
            stored[start:stop] = block["bits"]
            counts.append(block["counts"])
        stored.flush()
        return mask_f1_from_counts(np.concatenate(counts), plan.group_names)


def _scale_all(masks: StoredMasks, area: float, folder: Path) -> None:
    """Store masks scaled to an area."""

    def scale(start: int, stop: int) -> Arrays:
        whole = masks.read(np.arange(start, stop)).transpose(0, 3, 1, 2)
        return {"bits": to_bits(scale_masks(whole, area))}

    blocks = in_blocks(folder / PROGRESS, len(masks.bits), scale)
    np.save(folder / MASKS, np.concatenate([block["bits"] for *_, block in blocks]))
