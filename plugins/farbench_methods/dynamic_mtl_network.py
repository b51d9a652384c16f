"""The network of dynamic_mtl: Inception-ResNet-v1 up to Mixed_7a, then one branch a task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from farbench import Problem, Task
from farbench.nn.heads import TaskHeads
from farbench_methods.inception_resnet_v1 import CHANNELS, SMALLEST, InceptionTrunk, block8

if TYPE_CHECKING:
    from farbench_methods.dynamic_mtl import DynamicMTL


class DynamicMTLNetwork(nn.Module):
    """Whitened images -> trunk -> ``Mixed_7a`` ``(N, 1792, h, w)`` -> one branch a task.

    Attributes:
        feature_size: Length of ``"features"``: 1792, or all of ``Mixed_7a`` at the problem's image
            size (maps of other image sizes are averaged to that size).
    """

    # Whatever these are, whitening undoes them; a half keeps the numbers small.
    pixel_mean = (0.5, 0.5, 0.5)
    pixel_std = (0.5, 0.5, 0.5)

    def __init__(self, problem: Problem, options: DynamicMTL) -> None:
        """Build the network from the method's options."""
        super().__init__()
        self.trunk = InceptionTrunk(*options.repeats)
        self.feature_side = self.trunk.side(max(problem.image_size, SMALLEST))
        self.flat_features = options.flat_features
        self.feature_size = CHANNELS * (self.feature_side**2 if options.flat_features else 1)
        self.branches = nn.ModuleDict(
            {task.name: TaskBranch(problem, task, options) for task in problem.tasks}
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return one output a task and ``"features"`` ``(N, feature_size)``."""
        images = whiten(images)
        if images.shape[-1] < SMALLEST:
            images = interpolate(images, size=(SMALLEST, SMALLEST), mode="bilinear")
        shared_map = self.trunk(images)
        if self.flat_features:
            features = adaptive_avg_pool2d(shared_map, self.feature_side).flatten(1)
        else:
            features = shared_map.mean((2, 3))
        outputs: dict[str, Tensor] = {"features": features}
        for branch in self.branches.values():
            outputs |= branch(shared_map)
        return outputs


class TaskBranch(nn.Module):
    """Blocks of a task's own, average pooling, dropout, and its head."""

    def __init__(self, problem: Problem, task: Task, options: DynamicMTL) -> None:
        """Create the branch of one task."""
        super().__init__()
        self.task = task.name
        self.blocks = nn.Sequential(
            *(block8(scale=0.2) for _ in range(options.branch_repeats)),
            block8(scale=1.0, activation=False),
        )
        self.dropout = nn.Dropout(options.dropout)
        self.head: nn.Module
        if task.kind == "identity" and task.outputs == CHANNELS:
            self.head = nn.Identity()
        elif task.kind == "identity":
            self.head = nn.Linear(CHANNELS, task.outputs)
        else:
            heads = TaskHeads(CHANNELS, problem, [task], hidden=options.hidden, dropout=0)
            self.head = heads[task.name]

    def forward(self, shared_map: Tensor) -> dict[str, Tensor]:
        """Map ``Mixed_7a`` to the task's output."""
        pooled = self.dropout(self.blocks(shared_map).mean((2, 3)))
        return {self.task: self.head(pooled)}


def whiten(images: Tensor) -> Tensor:
    """Bring each image to mean 0 and standard deviation 1 over all pixels and channels.

    As TensorFlow's ``per_image_standardization``, the deviation is not taken below
    ``1 / sqrt(3 S S)``, that of 8-bit pixels.
    """
    mean = images.mean((1, 2, 3), keepdim=True)
    deviation = (images - mean).square().mean((1, 2, 3), keepdim=True).sqrt()
    # One grey value is 2 / 255 here.
    return (images - mean) / deviation.clamp(min=2 / 255 / math.sqrt(images[0].numel()))
