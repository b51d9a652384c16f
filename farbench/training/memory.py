"""Running out of memory: told from other errors, freed, and said with what takes less."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from farbench.benchmark.schema import Protocol
from farbench.errors import CellFailed

_SIGNS = (
    "out of memory",  # CUDA, and kernels that allocate beside torch's allocator
    "not enough memory",  # torch's allocator on a CPU
    "can't allocate memory",
    "ALLOC_FAILED",  # cuBLAS, cuDNN
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the host, has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def enough_memory(stage: str, protocol: Protocol, device: torch.device) -> Iterator[None]:
    """Turn running out of memory in a stage into a failed cell that names what takes less.

    Args:
        stage: Its name.
        protocol: Whose values the message halves.
        device: Where the stage trains.

    Raises:
        CellFailed: There was not enough memory. What the steps held is free again.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # The frames in which it happened hold the activations as long as the error lives.
        traceback.clear_frames(error.__traceback__)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise CellFailed(_advice(stage, protocol, device)) from error


def _advice(stage: str, protocol: Protocol, device: torch.device) -> str:
    batch = protocol.batch_size
    at_once = protocol.part_size or batch
    text = (
        f"{device} has not enough memory for stage '{stage}': {at_once} images of {protocol.crop} "
        "px at once"
    )
    if at_once < 4:
        return f"{text}. Take smaller images (--set protocol.crop=...) or a smaller backbone."
    return (
        f"{text}. Either smaller batches (--set protocol.batch_size={batch // 2}), or the same "
        f"batch in parts (--set protocol.micro_batch={at_once // 2}), which changes what BatchNorm "
        "sees and takes about a third longer. Both are another recipe."
    )
