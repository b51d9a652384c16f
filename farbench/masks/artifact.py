"""Keypoints, the mask network and its masks as artifacts: made once, shared by all rows."""

from __future__ import annotations

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
from farbench.masks.network import Progress, predict_masks, train_mask_network
from farbench.masks.regions import region_masks
from farbench.masks.scaling import scale_masks
from farbench.plugins.grouping import Group
from farbench.plugins.keypoints import KeypointModel
from farbench.scoring.masks import mask_counts, mask_f1_from_counts
from farbench.store.artifacts import ArtifactStore
from farbench.training.device import Compute


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
            "keypoints": {"name": keypoints.name, "options": keypoints.options()},
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
            "protocol": protocol.model_dump(mode="json"),
            "pretrained": pretrained,
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

    Returns:
        The masks, and the meta data of the mask network: F1 a group on the test split against
        the rectangles of the keypoints, history, minutes.
    """

    def build_points(folder: Path) -> dict[str, Any]:
        points = plan.keypoints.points(source.index, source.read)
        np.save(folder / "points.npy", points)
        found = int((~np.isnan(points).any((1, 2))).sum())
        return {"identity": plan.points.as_dict(), "images": len(points), "found": found}

    def build_network(folder: Path) -> dict[str, Any]:
        started = time.perf_counter()
        points_folder, points_meta, _ = store.get("points", plan.points.key, build_points)
        points = packed.to_packed(np.load(points_folder / "points.npy"))
        regions = [str(group.region) for group in plan.groups]
        network, history = train_mask_network(
            packed.pixels,
            points,
            source.positions("train"),
            regions,
            plan.protocol,
            compute,
            pretrained=plan.pretrained,
            progress=progress,
        )
        test = source.positions("test")
        full, small = predict_masks(network, packed.pixels, test, plan.protocol, compute, progress)
        np.save(folder / "masks.npy", small)
        save_file(
            {k: v.contiguous().cpu() for k, v in network.state_dict().items()},
            folder / "mask_network.safetensors",
        )
        f1 = _test_f1(plan, full, points[test], packed.pixels.shape[1])
        return {
            "identity": plan.network.as_dict(),
            "groups": list(plan.group_names),
            "keypoints": plan.keypoints.name,
            "found": points_meta["found"],
            "f1": f1,
            "history": history,
            "minutes": (time.perf_counter() - started) / 60,
        }

    side = plan.protocol.stored_size
    folder, meta, _ = store.get("masks", plan.network.key, build_network)
    masks = load_masks(folder, plan.group_names, side)
    if area != 1:

        def build_scaled(scaled_folder: Path) -> dict[str, Any]:
            parts = []
            for start in range(0, len(source), 256):
                chosen = np.arange(start, min(start + 256, len(source)))
                whole = np.ascontiguousarray(masks.read(chosen).transpose(0, 3, 1, 2))
                parts.append(to_bits(scale_masks(whole, area)))
            np.save(scaled_folder / "masks.npy", np.concatenate(parts))
            return {"identity": plan.at(area).as_dict(), "area": area}

        folder, _, _ = store.get("masks", plan.at(area).key, build_scaled)
        masks = load_masks(folder, plan.group_names, side)
    return masks, meta


def _test_f1(
    plan: MaskPlan, full: NDArray[np.uint8], points: NDArray[np.float32], packed_side: int
) -> dict[str, float | None]:
    """Score predicted masks at the network's size against the keypoints' rectangles.

    Args:
        plan: Groups and size.
        full: Masks of M images as bits.
        points: ``(M, 98, 2)`` in packed pixels; images without points are left out.
        packed_side: Side of the packed images.
    """
    found = np.flatnonzero(~np.isnan(points).any((1, 2)))
    size, regions = plan.protocol.size, [str(group.region) for group in plan.groups]
    counts = [np.zeros((0, len(regions), 3), np.int64)]
    for start in range(0, len(found), 256):
        chosen = found[start : start + 256]
        shape = (len(chosen), len(regions), size, size)
        predicted = np.unpackbits(full[chosen], axis=1).reshape(shape).astype(bool)
        scaled = (points[chosen] + 0.5) * np.float32(size / packed_side) - np.float32(0.5)
        true = region_masks(scaled.astype(np.float32), regions, size, size).astype(bool)
        counts.append(mask_counts(predicted, true))
    return mask_f1_from_counts(np.concatenate(counts), plan.group_names)
