"""The network of mobilenetv3_mha: shared stages, then a branch with attention for each task."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from farbench import Problem, Task, UserError
from farbench.nn.heads import TaskHeads
from farbench.nn.trunk import Trunk
from farbench_methods.backbone_stages import backbone_stages

if TYPE_CHECKING:
    from farbench_methods.mobilenetv3_mha import MobileNetV3MHA


class BranchedNetwork(nn.Module):
    """Stages that all tasks share, then one branch a task.

    Attributes:
        feature_size: Channels of the last shared map; ``"features"`` is its average over positions.
    """

    def __init__(self, problem: Problem, options: MobileNetV3MHA) -> None:
        """Build the network from the method's options.

        Raises:
            UserError: The backbone cannot be branched there, or not at all.
        """
        super().__init__()
        trunk = Trunk(options.backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = trunk.pixel_mean, trunk.pixel_std
        stages, maps = backbone_stages(options.backbone, trunk, problem.image_size)
        shared = len(stages) - options.branch_at
        if shared < 1:
            raise UserError(
                f"branch_at {options.branch_at} is too large for backbone '{options.backbone}', "
                f"which has {len(stages)} stages; allowed are 0 to {len(stages) - 1}."
            )
        self.trunk = nn.Sequential(*stages[:shared])
        self.feature_size = maps[shared - 1].shape[1]
        self.branches = nn.ModuleDict(
            {
                task.name: TaskBranch(stages[shared:], maps[-1].shape, problem, task, options)
                for task in problem.tasks
            }
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return one output a task and ``"features"`` ``(N, feature_size)``."""
        shared_map = self.trunk(images)
        outputs = {"features": shared_map.mean((2, 3))}
        for branch in self.branches.values():
            outputs |= branch(shared_map)
        return outputs


class TaskBranch(nn.Module):
    """A task's own stages, attention between the positions of their map, and its head."""

    def __init__(
        self,
        stages: list[nn.Sequential],
        map_shape: torch.Size,
        problem: Problem,
        task: Task,
        options: MobileNetV3MHA,
    ) -> None:
        """Create the branch.

        Args:
            stages: The backbone's last stages; they are copied.
            map_shape: Of the final map at the problem's image size, ``(1, C, h, w)``.
            problem: Gives the prior that the last bias starts at.
            task: What is predicted.
            options: Of the method.
        """
        super().__init__()
        self.stages = nn.Sequential(*copy.deepcopy(stages))
        size = options.embedding
        self.project = nn.Sequential(nn.Conv2d(map_shape[1], size, 1), nn.Hardswish())
        self.attention: PositionAttention | None = None
        if options.attention:
            self.attention = PositionAttention(size, options.heads, map_shape[2], map_shape[3])
        self.head = TaskHeads(size, problem, [task], hidden=0, dropout=options.dropout)

    def forward(self, shared_map: Tensor) -> dict[str, Tensor]:
        """Map the shared map to the task's output."""
        projected = self.project(self.stages(shared_map))
        if self.attention is not None:
            projected = self.attention(projected)
        outputs: dict[str, Tensor] = self.head(projected.mean((2, 3)))
        return outputs


class PositionAttention(nn.Module):
    """Multi-head self-attention between the positions of a map: ``LayerNorm(t + MHA(t))``.

    A token t is the map at one position plus what was learned for that position.
    """

    def __init__(self, channels: int, heads: int, height: int, width: int) -> None:
        """Create it for maps ``(N, channels, height, width)``; others get other positions."""
        super().__init__()
        self.position = nn.Parameter(torch.empty(1, channels, height, width))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, C, h, w)``."""
        position: Tensor = self.position
        if position.shape[2:] != maps.shape[2:]:
            position = nn.functional.interpolate(
                position, size=maps.shape[2:], mode="bicubic", align_corners=False
            )
        tokens = (maps + position).flatten(2).transpose(1, 2)
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        refined: Tensor = self.norm(tokens + attended).transpose(1, 2).unflatten(2, maps.shape[2:])
        return refined
