"""The network of FAR-AMTN: trunk, WSGSA or unshared branches, CGFF, one head a group."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from timm.models.resnet import Bottleneck
from torch import Tensor, nn

from farbench import Problem
from farbench.nn.trunk import Trunk, global_pool
from farbench_methods.far_amtn_blocks import (
    AttentionFusion,
    ConcatFusion,
    GroupAttention,
    GroupTaskHeads,
    groups_of_outputs,
)

if TYPE_CHECKING:
    from farbench_methods.far_amtn import FarAMTN


class FarAMTNNetwork(nn.Module):
    """Shared map X -> ``X'_g = f(X) * Psi_g`` for each group -> pooled -> fused -> heads.

    G groups are the attribute groups and one group for each other task, in the order of the tasks.

    Attributes:
        feature_size: Channels of X; ``"features"`` is X averaged over positions.
    """

    def __init__(self, problem: Problem, options: FarAMTN) -> None:
        """Build the network from the method's options."""
        super().__init__()
        self.trunk = Trunk(options.backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.pooling, self.residual = options.pooling, options.residual
        group_of_output = groups_of_outputs(problem, options.grouping)
        groups = max(group_of_output) + 1
        branch, self.replaced = take_last_block(self.trunk)
        self.activation = branch.activation
        if not options.residual:
            branch.drop_shortcut()
        copies = 1 if options.shared else groups
        self.branches = nn.ModuleList(copy.deepcopy(branch) for _ in range(copies))
        self.feature_size = branch.channels_in
        channels = branch.channels_out
        self.attention = (
            GroupAttention(self.feature_size, channels, groups, options.reduction)
            if options.attention
            else None
        )
        narrow = max(channels // options.reduction, 1)
        self.fusion: nn.Module = nn.Identity()
        if options.fusion == "attention":
            self.fusion = AttentionFusion(channels, narrow)
        elif options.fusion == "concat":
            self.fusion = ConcatFusion(channels, narrow, groups)
        self.groups = groups
        self.heads = GroupTaskHeads(
            channels, group_of_output, problem, hidden=options.group_hidden, dropout=options.dropout
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return one output a task and ``"features"`` ``(N, feature_size)``."""
        shared_map, _ = self.trunk(images)
        squeezed = shared_map.mean((2, 3))
        outputs: dict[str, Tensor] = self.heads(
            self.fusion(self.group_features(shared_map, squeezed))
        )
        return outputs | {"features": squeezed}

    def group_features(self, shared_map: Tensor, squeezed: Tensor) -> Tensor:
        """Map X ``(N, C, h, w)`` and its average to pooled group features ``(N, G, D)``."""
        # One branch serves all groups by broadcasting. Unshared branches run one after the other:
        # bit for bit what one grouped convolution gives, and faster on a CPU.
        parts = [branch(shared_map) for branch in self.branches]
        convolved = torch.stack([convolved for convolved, _ in parts], 1)
        gates = None if self.attention is None else self.attention(squeezed)
        if not self.residual:
            # A positive factor a channel commutes with both kinds of pooling.
            pooled = self._pool(convolved)
            return pooled.expand(-1, self.groups, -1) if gates is None else pooled * gates
        if gates is not None:
            convolved = convolved * gates[..., None, None]
        maps = self.activation(convolved + torch.stack([shortcut for _, shortcut in parts], 1))
        return self._pool(maps).expand(-1, self.groups, -1)

    def _pool(self, maps: Tensor) -> Tensor:
        """Pool ``(N, G, D, h, w)`` to ``(N, G, D)``."""
        return global_pool(maps.flatten(0, 1), self.pooling).view(maps.shape[:3])

    def adopt(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add the last block of the stage before under the names of this network's branches.

        Args:
            weights: Of the stage before; where it has such a block, it is the global stage.

        Returns:
            The same weights with those of the block once more for each branch.
        """
        added: dict[str, Tensor] = {}
        for key, value in weights.items():
            if not self.replaced or not key.startswith(self.replaced):
                continue
            rest = key.removeprefix(self.replaced)
            if rest.startswith("downsample."):
                target = rest.replace("downsample", "shortcut", 1)
            else:
                target = f"block.{rest}"
            added |= {f"branches.{number}.{target}": value for number in range(len(self.branches))}
        return added | weights


class Branch(nn.Module):
    """A residual block of a timm ResNet, taken apart into convolutions and shortcut.

    Attributes:
        channels_in: Of the map that it is given.
        channels_out: Of what it returns.
        activation: The block's last one, which belongs after the sum.
    """

    def __init__(self, block: Any) -> None:
        """Take over a block that :func:`last_activation` knows."""
        super().__init__()
        after_sum = last_activation(block)
        self.activation: nn.Module = getattr(block, after_sum)
        self.shortcut: nn.Module = nn.Identity() if block.downsample is None else block.downsample
        # What is left of the block computes f(X) alone: nothing is added, nothing is cut off.
        block.downsample = Nothing()
        setattr(block, after_sum, nn.Identity())
        self.block: nn.Module = block
        last = block.conv3 if hasattr(block, "conv3") else block.conv2
        self.channels_in: int = block.conv1.in_channels
        self.channels_out: int = last.out_channels

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return f(X) and the shortcut, both ``(N, D, h, w)``."""
        return self.block(maps), self.shortcut(maps)

    def drop_shortcut(self) -> None:
        """Take the shortcut out, and undo timm's zero start of the last norm.

        With a shortcut the zero makes the block start as the identity; without one it would
        silence the map.
        """
        self.shortcut = nn.Identity()
        for module in self.block.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.any():
                nn.init.ones_(module.weight)


class Nothing(nn.Module):
    """A shortcut that adds nothing."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return a zero that broadcasts."""
        return maps.new_zeros(())


def last_activation(block: Any) -> str:
    """Return the name of the activation after a residual block's sum; empty for other blocks."""
    if not hasattr(block, "conv1") or not hasattr(block, "downsample"):
        return ""
    activation = "act3" if hasattr(block, "conv3") else "act2"
    return activation if hasattr(block, activation) else ""


def take_last_block(trunk: Trunk) -> tuple[Branch, str]:
    """Take the last block of ``layer4`` out of a trunk, or make a bottleneck for other backbones.

    Returns:
        The branch, and the prefix of the block's names in a network with the whole trunk
        ("trunk.net.layer4.2."); empty for a bottleneck that is new.
    """
    stage = getattr(trunk.net, "layer4", None)
    if isinstance(stage, nn.Sequential) and last_activation(stage[-1]):
        block = stage[-1]
        stage[-1] = nn.Identity()
        return Branch(block), f"trunk.net.layer4.{len(stage) - 1}."
    added = Bottleneck(trunk.final_channels, trunk.final_channels // 4)
    added.zero_init_last()
    return Branch(added), ""
