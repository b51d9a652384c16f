"""The network behind the baseline, attribute grouping and all rows of MGMTN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from farbench import Group, Problem
from farbench.nn.attention import RegionPool
from farbench.nn.heads import GroupedHeads, TaskHeads
from farbench.nn.regions import resize_masks
from farbench.nn.trunk import Trunk, global_pool

if TYPE_CHECKING:
    from farbench_methods.baseline import GlobalOptions


class GlobalNetwork(nn.Module):
    """Trunk -> global feature -> one head a task."""

    def __init__(self, problem: Problem, options: GlobalOptions) -> None:
        """Build the network."""
        super().__init__()
        self.trunk = Trunk(options.backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.pooling = options.pooling
        self.feature_size = self.trunk.final_channels
        self.heads = TaskHeads(
            self.feature_size,
            problem,
            problem.tasks,
            hidden=options.hidden,
            dropout=options.dropout,
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map ``(N, 3, S, S)`` to one output a task, and the feature that they share."""
        final, _ = self.trunk(images)
        features = global_pool(final, self.pooling)
        return {**self.heads(features), "features": features}


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
        features = sum(self.trunk.channels.values())
        features += self.trunk.final_channels
        self.feature_size = features
        self.heads = GroupedHeads(
            features, groups, problem, hidden=options.hidden, dropout=options.dropout
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
