"""Which GPUs take part, and which takes the next item: by the memory that items took before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

CONTEXT = 600_000_000
"""Bytes that a process takes on a GPU beside its tensors: CUDA's context and kernels (400 to 600
MB on current GPUs; no allocator counts them)."""

MARGIN = 1.1
"""A later step may take more than the first: other sizes of batches, libraries' workspaces."""


@dataclass
class GpuMemory:
    """What is known of one GPU's memory.

    Attributes:
        taken: By item, the bytes that its first training step took; None until it has come.
        free: Bytes that nobody holds, as the last worker saw it.
    """

    taken: dict[str, int | None] = field(default_factory=dict)
    free: int = 0

    def begin(self, item: str) -> None:
        """Note an item whose memory is not known yet."""
        self.taken[item] = None

    def measured(self, item: str, taken: int, free: int) -> None:
        """Note what an item takes, and what is left."""
        self.taken[item] = max(self.taken.get(item) or 0, taken)
        self.free = free

    def end(self, item: str) -> None:
        """Count what an item took as free again."""
        self.free += self.taken.pop(item, None) or 0


def choose_gpu(gpus: Sequence[GpuMemory]) -> int | None:
    """Return the GPU for the next item: the least busy one that surely has room.

    An idle GPU always has room. On a busy one, all items must have made their first step, and the
    memory that is free must hold as much as the largest item so far, on any GPU.

    Returns:
        Its position, or None if the item has to wait.
    """
    largest = max((taken or 0 for gpu in gpus for taken in gpu.taken.values()), default=0)
    needed = MARGIN * largest + CONTEXT
    order = sorted(range(len(gpus)), key=lambda position: len(gpus[position].taken))
    for position in order:
        gpu = gpus[position]
        known = all(taken is not None for taken in gpu.taken.values())
        if not gpu.taken or (known and gpu.free >= needed):
            return position
    return None


def gpus_to_use(device: str) -> list[str | None]:
    """Return what ``CUDA_VISIBLE_DEVICES`` is to be in a worker, for each GPU that takes part.

    Args:
        device: As of ``--device``. "cuda" and "auto" stand for all GPUs of the first one's kind,
            because the kind is part of a cell's identity; "cuda:1" for that one.

    Returns:
        None in the list leaves the variable as it is; nothing in it means no GPU.
    """
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return []
    if ":" in device or torch.cuda.device_count() == 1:
        return [None]
    given = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    count = torch.cuda.device_count()
    names = given if len(given) >= count else [str(number) for number in range(count)]
    kinds = [torch.cuda.get_device_name(number) for number in range(count)]
    return [name for name, kind in zip(names, kinds, strict=False) if kind == kinds[0]]
