"""Small problems that networks and losses are tried on: a task of each kind, groups, images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from farbench.data.batches import Batch
from farbench.plugins.grouping import Grouping
from farbench.tasks.attributes import CELEBA_ATTRIBUTES, BinaryAttributes
from farbench.tasks.base import Task, TrainStatistics
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar
from farbench.testing.checks import NotTried

SIDE = 64
"""Side of the images, in pixels."""

# No task has the name that its kind, or CelebA's, suggests: a network that spells a name out
# instead of asking the task for it is found.
TASKS: dict[str, Task] = {
    "attributes": BinaryAttributes("traits", CELEBA_ATTRIBUTES),
    "classes": Classes("mood", ("glad", "sad", "calm")),
    "scalar": Scalar("years", "years", 0, 116),
    "landmarks": Landmarks("marks", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES),
    "identity": Identity("who", embedding=6),
}
"""Kind -> a task of that kind."""

STATISTICS: dict[str, TrainStatistics] = {
    "traits": TrainStatistics(prevalence=tuple(0.1 + 0.02 * i for i in range(40))),
    "mood": TrainStatistics(prevalence=(0.6, 0.3, 0.1)),
    "years": TrainStatistics(mean=(33.0,), std=(17.0,)),
    "marks": TrainStatistics(mean=(0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8)),
    "who": TrainStatistics(identities=7),
}
"""Name of a task -> what is known of its train labels."""

HALVES = Grouping(
    name="contract_halves",
    source="farbench.testing: two groups that no paper has.",
    groups={"First half": CELEBA_ATTRIBUTES[:20], "Second half": CELEBA_ATTRIBUTES[20:]},
    regions={"First half": "eyes", "Second half": "mouth"},
)


def drawn_images(count: int, side: int = SIDE, seed: int = 0) -> Tensor:
    """Return coloured clouds with some noise, uint8 ``(count, side, side, 3)``."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    noisy = smooth + 0.1 * torch.randn(count, 3, side, side, generator=generator)
    return (255 * noisy.clamp(0, 1)).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def drawn_masks(count: int, groups: int, side: int = SIDE, seed: int = 0) -> Tensor:
    """Return masks, uint8 ``(count, groups, side / 4, side / 4)`` in {0, 1}.

    The share of each part of a mask that is set differs, so that thresholds on it matter.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    size = max(side // 4, 4)
    share = torch.rand(count, groups, 4, 4, generator=generator)
    share = torch.nn.functional.interpolate(share, (size, size), mode="nearest")
    return (torch.rand(share.shape, generator=generator) < share).to(torch.uint8)


def drawn_batch(count: int, groups: int | None, side: int = SIDE, seed: int = 0) -> Batch:
    """Return a batch without targets, as the core makes them; ``groups`` None is without masks."""
    masks = None if groups is None else drawn_masks(count, groups, side, seed)
    return Batch(drawn_images(count, side, seed), masks, {}, np.arange(count))


def drawn_targets(kind: str, count: int, seed: int = 0) -> Tensor:
    """Return targets without unknown ones, as losses get them, for the task of a kind."""
    generator = torch.Generator().manual_seed(seed + 2)
    task = TASKS[kind]
    if kind == "attributes":
        return (torch.rand(count, task.outputs, generator=generator) < 0.4).float()
    if kind in ("scalar", "landmarks"):
        return torch.rand(count, task.outputs, generator=generator)
    number = task.outputs if kind == "classes" else STATISTICS[task.name].identities
    return torch.randint(0, number, (count,), generator=generator)


def unknown_label(kind: str) -> float:
    """Return what stands for an unknown label in the targets of a kind."""
    return float("nan") if kind in ("scalar", "landmarks") else -1


def cuda_device() -> torch.device:
    """Return a CUDA device.

    Raises:
        NotTried: There is none.
    """
    if not torch.cuda.is_available():
        raise NotTried("no CUDA device here")
    return torch.device("cuda")
