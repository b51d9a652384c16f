"""Where the channels of a network's maps have their maxima: of the global map and under masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from farbench.data.batches import Batch
from farbench.nn.attention import RegionPool
from farbench.nn.trunk import Trunk
from farbench.running.trained import TrainedCell

Heat = NDArray[np.float64]


@dataclass(frozen=True)
class Maxima:
    """Where the maxima of a batch lie, in the frame of the crop.

    Attributes:
        whole: Of the global map, ``(N, S, S)``: the share of its channels that have their maximum
            at a pixel, so that the sum over pixels is the share that has one at all; None where
            the network has no global feature.
        groups: Of each group's feature under its mask, ``(N, G, S, S)``, likewise over the
            channels of all masked levels; None where it selects by no masks.
        masks: The masks that the network was called with, ``(N, G, s, s)``; None without masks.
    """

    whole: Heat | None
    groups: Heat | None
    masks: NDArray[np.uint8] | None


@torch.inference_mode()
def find_maxima(cell: TrainedCell, batch: Batch) -> Maxima:
    """Run a cell's network and find the maximum of every channel.

    The maps are those of the core's blocks: :class:`Trunk` gives the global one, every
    :class:`RegionPool` the masked ones. A channel that is the same everywhere, or that is not
    above 0 within the mask, where all outside counts as 0, has no maximum.

    Args:
        cell: The cell.
        batch: Images and masks, as the network sees them.
    """
    with Recorder(cell.network) as seen:
        cell.forward(batch)
    side = cell.problem.image_size
    whole = None
    if seen.final is not None:
        whole = spread(*of_map(seen.final), side)
    groups = None
    if seen.pools:
        channels = sum(pool.features.shape[1] for pool in seen.pools)
        groups = sum(
            (
                spread(*of_masked(pool), side) * (pool.features.shape[1] / channels)
                for pool in seen.pools
            ),
            start=np.zeros(()),
        )
    return Maxima(whole, groups, None if batch.masks is None else batch.masks.numpy())


def joined(parts: Sequence[Maxima]) -> Maxima:
    """Put the maxima of several batches together."""

    def together(name: str) -> Any:
        arrays = [getattr(part, name) for part in parts]
        return None if arrays[0] is None else np.concatenate(arrays)

    return Maxima(together("whole"), together("groups"), together("masks"))


@dataclass
class Pool:
    """What went into a RegionPool: ``(N, C, H, W)``, and weights ``(N, G, H, W)``."""

    features: Tensor
    weights: Tensor


@dataclass
class Recorder:
    """Keeps the maps of a network's trunk and masked levels while it runs."""

    network: nn.Module
    final: Tensor | None = None
    pools: list[Pool] = field(default_factory=list)
    _hooks: list[Any] = field(default_factory=list)

    def __enter__(self) -> Recorder:
        for module in self.network.modules():
            if isinstance(module, Trunk):
                self._hooks.append(module.register_forward_hook(self._trunk))
            elif isinstance(module, RegionPool):
                if module.spatial is not None:
                    self._hooks.append(module.spatial.register_forward_hook(self._spatial))
                self._hooks.append(module.register_forward_hook(self._pool))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _trunk(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        self.final = None if outputs[0] is None else outputs[0].float()

    def _spatial(self, module: nn.Module, inputs: Any, outputs: Tensor) -> None:
        self._attention = torch.sigmoid(outputs.float())

    def _pool(self, module: RegionPool, inputs: Any, outputs: Any) -> None:
        features, masks = (one.float() for one in inputs)
        # Channel attention is one positive factor a channel: it moves no maximum.
        weights = masks if module.spatial is None else masks * self._attention.view_as(masks)
        self.pools.append(Pool(features, weights))


def of_map(features: Tensor) -> tuple[Tensor, int, int]:
    """Count the maxima of ``(N, C, H, W)`` at each position, ``(N, H * W)`` in shares of C."""
    flat = features.flatten(2)
    there = flat.amax(-1) > flat.amin(-1)
    return _count(flat.argmax(-1), there, flat.shape[2]), *features.shape[2:]


def of_masked(pool: Pool) -> tuple[Tensor, int, int]:
    """Count the maxima under each group's weights, ``(N, G, H * W)`` in shares of C."""
    flat, counts = pool.features.flatten(2), []
    for weights in pool.weights.flatten(2).unbind(1):
        value, where = (flat * weights[:, None]).max(-1)
        counts.append(_count(where, value > 0, flat.shape[2]))
    return torch.stack(counts, 1), *pool.features.shape[2:]


def _count(where: Tensor, there: Tensor, positions: int) -> Tensor:
    """Return how often each position is named in ``(N, C)``, in shares of C, ``(N, P)``."""
    counts = torch.zeros(len(where), positions, device=where.device)
    return counts.scatter_add_(1, where, there.float()) / where.shape[1]


def spread(counts: Tensor, height: int, width: int, side: int) -> Heat:
    """Spread the counts of a map's cells evenly over the pixels of the crop that each covers.

    Args:
        counts: ``(..., H * W)``.
        height: H.
        width: W.
        side: S of the crop, which the cells cover evenly, as masks are brought to the map.

    Returns:
        ``(..., S, S)`` of the same sums.
    """
    rows, columns = np.arange(side) * height // side, np.arange(side) * width // side
    cells = counts.double().cpu().numpy().reshape(*counts.shape[:-1], height, width)
    area = np.bincount(rows, minlength=height)[:, None] * np.bincount(columns, minlength=width)
    spread: Heat = (cells / area)[..., rows[:, None], columns]
    return spread
