"""The network of attribute grouping and of all rows of MGMTN: one head a group of attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from farbench import Group, Problem
from farbench.nn.attention import RegionPool
from farbench.nn.heads import GroupedHeads
from farbench.nn.regions import resize_masks
from farbench.nn.trunk import Trunk, global_pool

if TYPE_CHECKING:
    from farbench_methods.baseline import GlobalOptions


class GroupNetwork(nn.Module):
    """Trunk -> global feature and/or masked features a group -> one head a group.

    With ResNet-50 the feature of G2FF has 512 + 1024 + 2048 = 3584 channels (MGMTN Eq. 6).
    """

    def __init__(
        self,
        problem: Problem,
        options: GlobalOptions,
        groups: Sequence[Group],
        *,
        global_feature: bool,
        levels: Sequence[int] = (),
        attention: str = "none",
        attention_shared: bool = True,
        mask_coverage: float = 0.25,
    ) -> None:
        """Build the network; the arguments are the options of the methods."""
        super().__init__()
        self.trunk = Trunk(
            options.backbone, pretrained=problem.pretrained, levels=levels, final=global_feature
        )
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.pooling = options.pooling
        self.mask_coverage = mask_coverage
        self.regions = nn.ModuleDict(
            {
                f"level{level}": RegionPool(
                    self.trunk.channels[level], attention, len(groups), shared=attention_shared
                )
                for level in levels
            }
        )
        self.feature_size = sum(self.trunk.channels.values()) + self.trunk.final_channels
        self.heads = GroupedHeads(
            self.feature_size, groups, problem, hidden=options.hidden, dropout=options.dropout
        )
        self.task = problem.attributes.name

    def forward(self, images: Tensor, masks: Tensor | None = None) -> dict[str, Tensor]:
        """Return logits ``(N, A)``.

        Args:
            images: ``(N, 3, S, S)``.
            masks: ``(N, G, s, s)`` in {0, 1}, where levels are masked.
        """
        final, maps = self.trunk(images)
        parts: list[Tensor] = []
        for level, features in maps.items():
            if masks is None:
                raise ValueError("this network selects by masks and was given none")
            kept = resize_masks(masks, *features.shape[2:], self.mask_coverage)
            parts.append(self.regions[f"level{level}"](features, kept.to(features.dtype)))
        if final is not None:
            pooled = global_pool(final, self.pooling)
            if not parts:
                return {self.task: self.heads(pooled), "features": pooled}
            parts.append(pooled.unsqueeze(1).expand(-1, parts[0].shape[1], -1))
        joined = torch.cat(parts, dim=-1)
        return {self.task: self.heads(joined), "features": joined.mean(1)}
