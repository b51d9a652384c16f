"""Keypoints, the mask network and its masks as artifacts: made once, shared by all rows."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file

from farbench.benchmark.identity import Identity, code_identity
from farbench.benchmark.schema import MaskProtocol
from farbench.data.mask_bits import StoredMasks, load_masks, to_bits
from farbench.data.pack import PackedImages
from farbench.data.source import Source
from farbench.errors import UserError
from farbench.masks.keypoints import find_points
from farbench.masks.network import (
    MaskNetwork,
    Progress,
    encoder_weights,
    predict_masks,
    shrink_masks,
    train_mask_network,
)
from farbench.masks.regions import region_masks
from farbench.masks.scaling import scale_masks
from farbench.plugins.grouping import Group
from farbench.plugins.keypoints import KeypointModel
from farbench.scoring.masks import mask_counts, mask_f1_from_counts
from farbench.store.artifacts import PROGRESS, ArtifactStore
from farbench.store.blocks import Arrays, in_blocks
from farbench.store.space import allocate
from farbench.training.device import Compute

CHECKPOINT = "mask_network.pt"
BATCH = 64
"""Images a forward pass of the prediction."""


@dataclass(frozen=True)
class MaskPlan:
    """What the masks of a source will be made of.

    Attributes:
        groups: The groups in channel order, each with a region.
        keypoints: The keypoint model, resolved (never "auto").
        protocol: Settings of the mask network.
        pretrained: Whether its encoder starts from ImageNet weights.
        points: Identity of the keypoints.
        network: Identity of the mask network and its masks at area 1.
    """

    groups: tuple[Group, ...]
    keypoints: KeypointModel
    protocol: MaskProtocol
    pretrained: bool
    points: Identity
    network: Identity

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the groups in channel order."""
        return tuple(group.name for group in self.groups)

    def at(self, area: float) -> Identity:
        """Return the identity of the masks scaled to an area."""
        if area == 1:
            return self.network
        recipe = {"masks": self.network.recipe, "area": area}
        return Identity(recipe, self.network.code, self.network.numerics)


def plan_masks(
    source: Source,
    packed_side: int,
    grouping: str,
    groups: Sequence[Group],
    keypoints: KeypointModel,
    protocol: MaskProtocol,
    compute: Compute,
    *,
    pretrained: bool,
) -> MaskPlan:
    """Work out the identities of the masks without making anything.

    Raises:
        UserError: A group has no region, or the keypoint model cannot serve this data set.
    """
    bare = [group.name for group in groups if group.region is None]
    if bare:
        raise UserError(
            f"grouping '{grouping}' gives no face region for {', '.join(bare)}, so masks cannot be "
            "made. Use a grouping with regions, such as mgmtn."
        )
    reason = keypoints.unavailable(source.index)
    if reason:
        raise UserError(
            f"the masks need keypoints, and the keypoint model '{keypoints.name}' cannot give them "
            f"for data set '{source.dataset.name}': {reason}"
        )
    keypoints = keypoints.resolve(source.index)
    points = Identity(
        {
            "keypoints": {"name": keypoints.name, "identity": keypoints.identity()},
            "data": source.manifest,
        },
        code_identity([*keypoints.modules(), *source.dataset.modules()]),
        {},
    )
    network = Identity(
        {
            "points": points.recipe,
            "groups": [[group.name, group.region] for group in groups],
            "resize": packed_side,
            # Where its masks are predicted is the stage's matter: both ways share the network.
            "protocol": protocol.model_dump(mode="json", exclude={"online"}),
            "pretrained": encoder_weights(protocol, pretrained),
        },
        code_identity([__name__, *keypoints.modules(), *source.dataset.modules()]),
        compute.numerics(),
    )
    return MaskPlan(tuple(groups), keypoints, protocol, pretrained, points, network)


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

    def build_points(folder: Path) -> dict[str, Any]:
        points = find_points(plan.keypoints, source.index, source.read, folder / PROGRESS, progress)
        np.save(folder / "points.npy", points)
        found = int((~np.isnan(points).any((1, 2))).sum())
        return {"identity": plan.points.as_dict(), "images": len(points), "found": found}

    def build_network(folder: Path) -> dict[str, Any]:
        started = time.perf_counter()
        points_folder, points_meta, _ = store.get("points", plan.points.key, build_points)
        points = packed.to_packed(np.load(points_folder / "points.npy"))
        prepared = time.perf_counter() - started
        trained = train_mask_network(
            packed.pixels,
            points,
            source.positions("train"),
            [str(group.region) for group in plan.groups],
            plan.protocol,
            compute,
            pretrained=plan.pretrained,
            checkpoint=folder / PROGRESS / CHECKPOINT,
            progress=progress,
        )
        save_file(
            {k: v.contiguous().cpu() for k, v in trained.network.state_dict().items()},
            folder / "mask_network.safetensors",
        )
        started = time.perf_counter()
        f1 = _build_masks(
            plan,
            trained.network,
            packed,
            points,
            source.positions("test"),
            compute,
            folder,
            progress,
        )
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

    side = plan.protocol.stored_size
    folder, meta, _ = store.get("masks", plan.network.key, build_network)
    masks = load_masks(folder, plan.group_names, side)
    if area != 1:

        def build_scaled(scaled_folder: Path) -> dict[str, Any]:
            def scale(start: int, stop: int) -> Arrays:
                whole = masks.read(np.arange(start, stop)).transpose(0, 3, 1, 2)
                return {"bits": to_bits(scale_masks(np.ascontiguousarray(whole), area))}

            blocks = in_blocks(scaled_folder / PROGRESS, len(source), scale)
            np.save(
                scaled_folder / "masks.npy", np.concatenate([block["bits"] for *_, block in blocks])
            )
            return {"identity": plan.at(area).as_dict(), "area": area}

        folder, _, _ = store.get("masks", plan.at(area).key, build_scaled)
        masks = load_masks(folder, plan.group_names, side)
    return masks, meta


def _build_masks(
    plan: MaskPlan,
    network: MaskNetwork,
    packed: PackedImages,
    points: NDArray[np.float32],
    test: NDArray[np.int64],
    compute: Compute,
    folder: Path,
    progress: Progress,
) -> dict[str, float | None]:
    """Predict and store the masks of all images; score those of the test split.

    The score is taken at the network's size, against the keypoints' rectangles.

    Args:
        plan: Groups and sizes.
        network: In eval mode.
        packed: The images.
        points: ``(N, 98, 2)`` in packed pixels; images without points are not scored.
        test: Positions of the test split.
        compute: Device and precision.
        folder: The artifact's folder.
        progress: Called with (what, done, count).

    Returns:
        F1 a group, and their mean.
    """
    protocol, pixels, count = plan.protocol, packed.pixels, len(packed.pixels)
    size, side = protocol.size, protocol.stored_size
    regions = [str(group.region) for group in plan.groups]
    scored = np.zeros(count, bool)
    scored[test] = ~np.isnan(points[test]).any((1, 2))
    scaled = (points + 0.5) * np.float32(size / pixels.shape[1]) - np.float32(0.5)

    def predict(start: int, stop: int) -> Arrays:
        bits = []
        counts = [np.zeros((0, len(regions), 3), np.int64)]
        for first in range(start, stop, BATCH):
            last = min(first + BATCH, stop)
            probability = predict_masks(network, pixels[first:last], size, compute)
            bits.append(to_bits(shrink_masks(probability, side, protocol.threshold)))
            here = scored[first:last]
            if here.any():
                true = region_masks(scaled[first:last][here], regions, size, size).astype(bool)
                counts.append(mask_counts(probability[here] > protocol.threshold, true))
            progress("masks predicted", last, count)
        return {"bits": np.concatenate(bits), "counts": np.concatenate(counts)}

    # By memory map: CelebA's masks are 0.8 GB.
    stored = np.lib.format.open_memmap(
        folder / "masks.npy",
        mode="w+",
        dtype=np.uint8,
        shape=(count, math.ceil(len(regions) * side * side / 8)),
    )
    allocate(folder / "masks.npy")
    counts = []
    for start, stop, block in in_blocks(folder / PROGRESS / "masks", count, predict):
        stored[start:stop] = block["bits"]
        counts.append(block["counts"])
    stored.flush()
    return mask_f1_from_counts(np.concatenate(counts), plan.group_names)
