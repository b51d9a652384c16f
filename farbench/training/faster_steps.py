"""Faster training steps where they pay: torch.compile and CUDA graphs, each with a way back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batch, Batches
from farbench.errors import UserError
from farbench.training.device import Forward
from farbench.training.memory import is_out_of_memory

BACKEND = "inductor"
"""What torch.compile hands its graphs to."""

COMPILE_IMAGES = 2_000_000
"""Images of 224 px in a stage from which `auto` compiles on a GPU. This project's choice: at 2,500
images/s they take 800 s, of which compiling saves a tenth, about what it costs."""

GRAPH_BATCH = 64
"""The largest batch that `auto` replays as CUDA graphs: with more images a GPU has work enough to
hide what launching each kernel costs. This project's choice; the papers' batches are 32 and 36."""


@dataclass(frozen=True)
class Speedups:
    """How the steps of a stage are made faster; either changes last bits and dropout's numbers.

    Attributes:
        compiled: The network is called through torch.compile in training.
        graphs: Its forward and backward pass are replayed as CUDA graphs in training.
    """

    compiled: bool = False
    graphs: bool = False

    def numerics(self) -> dict[str, object]:
        """Return what is on, for an identity: a stage without keeps the identity it had."""
        used = {"compile": self.compiled, "cuda_graphs": self.graphs}
        return {name: True for name, on in used.items() if on}


NO_SPEEDUPS = Speedups()


def choose_speedups(
    protocol: Protocol, device: torch.device, images: int, ranks: int = 1
) -> Speedups:
    """Decide before anything runs, for it is part of a stage's identity.

    Args:
        protocol: Its ``compile``, ``cuda_graphs``, ``micro_batch``, ``batch_size`` and ``crop``.
        device: Where the stage trains.
        images: That it sees in all: epochs times train images.
        ranks: Processes that train it together: what they exchange in a step cannot be captured.

    Raises:
        UserError: What is asked for cannot be had.
    """
    if protocol.cuda_graphs == "on" and device.type != "cuda":
        raise UserError(
            f"protocol.cuda_graphs: on needs a CUDA device, and the run is on {device}. "
            "Type --set protocol.cuda_graphs=auto."
        )
    if ranks > 1:
        asked = {"compile": protocol.compile == "on", "cuda_graphs": protocol.cuda_graphs == "on"}
        asked["micro_batch"] = protocol.part_size is not None
        for key in (key for key, on in asked.items() if on):
            off = "null" if key == "micro_batch" else "auto"
            raise UserError(
                f"protocol.{key} is for one process a cell, and torchrun has begun {ranks}. Type "
                f"--set protocol.{key}={off}."
            )
        return NO_SPEEDUPS
    if protocol.part_size is not None:
        for key in ("compile", "cuda_graphs"):
            if getattr(protocol, key) == "on":
                raise UserError(
                    f"protocol.{key}: on is for whole batches, and protocol.micro_batch passes "
                    f"them in parts. Type --set protocol.{key}=off, or protocol.micro_batch=null."
                )
        return NO_SPEEDUPS
    on_gpu = device.type == "cuda"
    pays = on_gpu and images * (protocol.crop / 224) ** 2 >= COMPILE_IMAGES
    small = on_gpu and protocol.batch_size <= GRAPH_BATCH
    compiled = protocol.compile == "on" or (protocol.compile == "auto" and pays)
    graphs = protocol.cuda_graphs == "on" or (
        # A stage that is compiled launches few kernels already.
        protocol.cuda_graphs == "auto" and small and not compiled
    )
    return Speedups(compiled, graphs)


def share_compiled_code(cache: Path) -> None:
    """Let cells share what torch.compile makes, below the cache, unless the user says where."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache / "compiled"))


def speed_up(
    forward: Forward,
    speedups: Speedups,
    batches: Batches,
    count: int,
    note: Callable[[str], None],
) -> bool:
    """Make whole training batches of a network faster; all other calls stay as they are.

    Compiling and capturing are rehearsed on noise before the first step, and leave nothing behind:
    no gradient, no running mean, no random number. So a network for which it fails trains as it
    would without. No other thread may use the device meanwhile: a capture would break.

    Args:
        forward: The network in its training modes (frozen parts in eval mode).
        speedups: What to do.
        batches: Whose batches it will be trained on.
        count: Images of a whole batch.
        note: Is told, in one line, that the network stays as it is, and why.

    Returns:
        Whether it was done.

    Raises:
        RuntimeError: The device has not enough memory.
    """
    if not (speedups.compiled or speedups.graphs):
        return False
    arguments = forward.arguments(_noise(batches, count))
    what = "torch.compile" if speedups.compiled else "CUDA graphs"
    try:
        with _without_a_trace(forward.network, forward.compute.device):
            if speedups.compiled:
                fast = _compiled(forward, arguments, graphs=speedups.graphs)
            else:
                fast = _graphed(forward, arguments)
    except Exception as error:  # whatever a compiler may raise: the network itself can do without
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().split("\n")[0]
        note(f"  {what} is left out, for it fails: {type(error).__name__}: {reason}")
        return False
    forward.use_for_whole_batches(fast, count)
    return True


def _compiled(
    forward: Forward, arguments: tuple[Tensor, ...], *, graphs: bool
) -> Callable[..., dict[str, Tensor]]:
    """Compile forward and backward pass for one batch size; with graphs, inductor's own."""
    mode = "reduce-overhead" if graphs else "default"
    compiled: Callable[..., dict[str, Tensor]] = torch.compile(
        forward.network, backend=BACKEND, dynamic=False, mode=mode
    )
    with forward.compute.autocast():
        outputs = compiled(*arguments)
    trained = [output.float().sum() for output in outputs.values() if output.requires_grad]
    total = torch.stack(trained).sum()
    total.backward()  # type: ignore[no-untyped-call]  # compiled when it is first asked for
    return compiled


def _graphed(forward: Forward, arguments: tuple[Tensor, ...]) -> Callable[..., dict[str, Tensor]]:
    """Capture forward and backward pass; loss and optimizer stay outside.

    So what a loss or a weighting counts on the host goes on counting, and the learning rate may
    change. Dropout draws new numbers in each replay, from torch's generator of the device.
    """
    network, compute = forward.network, forward.compute
    # A cast that autocast keeps would be captured once and then be out of date.
    lower = compute.precision == "bfloat16"
    with torch.autocast(
        compute.device.type, dtype=torch.bfloat16, enabled=lower, cache_enabled=False
    ):
        torch.cuda.make_graphed_callables(network, arguments, allow_unused_input=True)
    replay: Callable[..., dict[str, Tensor]] = network.__dict__.pop("forward")
    return replay


def _noise(batches: Batches, count: int) -> Batch:
    """Return a batch of the shapes that training batches have."""
    drawn = torch.Generator().manual_seed(0)
    side, few = batches.crop, batches.mask_side
    images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=drawn)
    masks = None
    if batches.masks is not None:
        shape = (count, len(batches.masks.groups), few, few)
        masks = torch.randint(0, 2, shape, dtype=torch.uint8, generator=drawn)
    return Batch(images, masks, {}, np.arange(count))


@contextmanager
def _without_a_trace(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Undo what a rehearsal does to gradients, buffers and random numbers."""
    buffers = list(network.buffers())
    kept = [buffer.detach().clone() for buffer in buffers]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            network.__dict__.pop("forward", None)  # a capture that fails may leave its own behind
            for parameter in network.parameters():
                parameter.grad = None
            with torch.no_grad():
                for buffer, before in zip(buffers, kept, strict=True):
                    buffer.copy_(before)
