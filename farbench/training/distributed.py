"""The processes of torchrun that train one cell together: how they meet, talk and part.

The first process, the leader, runs everything as it would alone. The others, its helpers, wait
until it trains. In a step each process passes its part of the batch through the network; the
leader gets the outputs of the whole batch, takes the loss of them and hands each process the
gradient of its own. So losses and task weightings need to know nothing of processes, whatever they
divide by or count, and batch_size stays the size of the whole batch. BatchNorm takes its
statistics over the whole batch.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn

from farbench.errors import UserError

WAIT = timedelta(days=30)
"""Helpers wait so long for the leader, who may pack images or train masks meanwhile. A process that
ends is noticed at once."""

_state: dict[str, Any] = {"control": None, "within": False}
"""The group for messages, and whether a helper waits for a step, so that it can hear none."""


class LostRank(SystemExit):
    """The processes are no longer together: this one must end, and no cell can go on."""


def ranks() -> int:
    """Return how many processes train together; 1 where nobody has joined."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number among them; the leader's is 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def ranks_on_a_device() -> int:
    """Return how many of them share a GPU at most."""
    if ranks() == 1 or not torch.cuda.is_available():
        return 1
    return -(-_local("SIZE") // torch.cuda.device_count())


def join(device: str) -> None:
    """Meet the other processes that torchrun has begun.

    Args:
        device: As of ``--device``; on GPUs each process takes its own, and NCCL carries tensors.
    """
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        torch.cuda.set_device(_local("RANK") % torch.cuda.device_count())
        if _local("SIZE") <= torch.cuda.device_count():
            backend = "nccl"  # it does not let two processes share a GPU
    dist.init_process_group(backend)
    _state["control"] = dist.new_group(backend="gloo", timeout=WAIT)
    signal.signal(signal.SIGTERM, _told_to_end)


def _local(what: str) -> int:
    return int(os.environ["LOCAL_RANK" if what == "RANK" else "LOCAL_WORLD_SIZE"])


def _told_to_end(*_: object) -> NoReturn:
    raise _ended("ended by torchrun, for another of its processes has ended")


def tell(message: object) -> None:
    """Send a message from the leader to all helpers."""
    _broadcast(message)


def hear() -> Any:
    """Wait for a message of the leader."""
    return _broadcast(None)


def _broadcast(message: object) -> Any:
    held = [message]
    try:
        dist.broadcast_object_list(held, src=0, group=_state["control"])
    except RuntimeError as error:
        raise _lost(error) from error
    return held[0]


def _lost(error: Exception) -> LostRank:
    first = str(error).strip().split("\n")[0]
    if is_of_another(error):
        return _ended(f"another process of torchrun has ended ({first})")
    return _ended(f"a step failed, and the other processes wait in it: {first}")


def is_of_another(error: Exception) -> bool:
    """Tell whether an error says that another process has ended, not that this one failed."""
    closed = ("closed by peer", "reset by peer", "Broken pipe")
    return isinstance(error, dist.DistError) or any(text in str(error) for text in closed)


def _ended(why: str) -> LostRank:
    """Return what ends this process; only the leader says why."""
    if rank() > 0:
        return LostRank(1)
    return LostRank(f"error: {why}. The same command goes on from the last finished epoch.")


def leave() -> None:
    """Dismiss the helpers, unless they are lost, and end the group."""
    if dist.is_initialized():
        if rank() == 0 and not _state["within"]:
            tell(None)
        dist.destroy_process_group()


@contextmanager
def helped(assignment: object) -> Iterator[None]:
    """Have the helpers take part in a stage while the context lasts.

    Args:
        assignment: Tells them which; they answer by :func:`epochs_of_leader`.

    Raises:
        LostRank: A step failed here, while helpers wait for its end.
    """
    if ranks() == 1:
        yield
        return
    tell(assignment)
    _state["within"] = True  # until all have begun
    try:
        yield
    except Exception as error:
        if _state["within"]:
            raise _lost(error) from error
        raise
    finally:
        if not _state["within"]:
            tell(None)


@contextmanager
def epoch_together(epoch: int) -> Iterator[None]:
    """Have the helpers take part in the steps of an epoch."""
    if ranks() > 1:
        tell(epoch)
        _state["within"] = True
    yield
    _state["within"] = False


def epochs_of_leader() -> Iterator[int]:
    """Yield the epochs that the leader begins, until it has no more in this stage."""
    while (epoch := hear()) is not None:
        yield epoch


def own_part(count: int) -> slice:
    """Return which of so many images are this process's; parts differ by one image at most."""
    return slice(rank() * count // ranks(), (rank() + 1) * count // ranks())


def check_batches(images: int, batch_size: int, ranks: int) -> None:
    """Refuse a batch of which some process would get nothing.

    Args:
        images: Of an epoch; the last batch has what is left over, but a single one is left out.
        batch_size: Of the whole batch.
        ranks: Processes.

    Raises:
        UserError: There is one.
    """
    left = images % batch_size
    smallest = left if left > 1 or images < batch_size else batch_size
    if smallest < ranks:
        raise UserError(
            f"torchrun has begun {ranks} processes, and a batch has {smallest} images (of {images} "
            f"train images in batches of {batch_size}). Begin fewer with --nproc-per-node."
        )


def add_up(tensor: Tensor) -> None:
    """Sum a dense tensor over all processes, in place."""
    dist.all_reduce(tensor)


def from_leader(tensor: Tensor) -> None:
    """Give all processes the leader's values of a dense tensor, in place."""
    dist.broadcast(tensor, 0)


def share_weights(network: nn.Module) -> None:
    """Give all processes the leader's parameters and buffers; then all have begun the stage."""
    for tensor in network.state_dict().values():
        dense = tensor.contiguous()
        from_leader(dense)
        tensor.copy_(dense)
    _state["within"] = False
