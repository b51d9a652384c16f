"""Where the time of a training step goes, what it computes, and what it keeps in memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from farbench.bench.peak import Peak, peak_of
from farbench.bench.workload import Workload
from farbench.data.batches import Batch
from farbench.running.costs import count_flops, forget_peak_memory, peak_memory_mb, wait_for
from farbench.training.device import Forward

PARTS = ("input", "masks", "forward", "loss", "backward", "optimizer")
"""Of a step. ``input`` is the making of a batch; ``masks`` what its masks add to that, or what
predicting them in every step takes."""


@dataclass(frozen=True)
class Memory:
    """What training holds on its device, in MB (10^6 bytes).

    Attributes:
        parameters: Parameters and buffers of network and loss.
        gradients: Of what is trained.
        optimizer: Its state.
        activations: What a step keeps for its backward pass.
        peak: The most that tensors took at once, measured; None on a processor.
    """

    parameters: float
    gradients: float
    optimizer: float
    activations: float
    peak: float | None


@dataclass(frozen=True)
class Profile:
    """The profile of a row's last stage.

    Attributes:
        method: Its name and options.
        device: What it ran on, with precision and threads.
        image_size: Side of the input in pixels.
        batch_size: Images a step.
        parameters: Of the network, with those that are frozen.
        flops_per_image: Of a training step, forward and backward, by image (a multiply-add is
            two).
        parts_ms: Median milliseconds a step of each part, each waited for.
        step_ms: Median milliseconds a step of the training loop, in which nothing waits.
        input_share: Share of the loop's time that it waited for its next batch.
        images_per_second: Of the loop.
        peak: What the device could do.
        mfu: The loop's operations a second as a share of that (model FLOPs utilisation). Above 1
            the peak was measured too low.
        memory: What it holds.
    """

    method: dict[str, Any]
    device: dict[str, object]
    image_size: int
    batch_size: int
    parameters: int
    flops_per_image: float
    parts_ms: dict[str, float]
    step_ms: float
    input_share: float
    images_per_second: float
    peak: Peak
    mfu: float
    memory: Memory

    @property
    def parts_sum_ms(self) -> float:
        """All parts, one after the other."""
        return sum(self.parts_ms.values())

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return {**asdict(self), "parts_sum_ms": self.parts_sum_ms}


def profile(work: Workload, rounds: int = 3) -> Profile:
    """Measure a workload: a round to warm up, then some that count.

    Args:
        work: Network, loss, optimizer and batches.
        rounds: Epochs of the loop, and as many of steps taken apart.
    """
    compute, size = work.forward.compute, work.run.protocol.batch_size
    full = next(work.batches())
    peak_before = peak_of(compute)
    work.epoch()
    forget_peak_memory(compute)
    loops, shares, parts = [], [], []
    for _ in range(rounds):
        wait_for(compute)
        started = time.perf_counter()
        shares.append(work.epoch())
        wait_for(compute)
        loops.append((time.perf_counter() - started) / work.steps)
        parts.append(_input_parts(work) | _step_parts(work, full))
    peak_memory = peak_memory_mb(compute)
    step = statistics.median(loops)
    rate = len(work.data.train) / (work.steps * step)
    flops = count_flops(lambda: _eager_loss(work, full).backward()) / size  # type: ignore[no-untyped-call]
    # A machine is not equally fast all the time, so a peak that is measured is measured twice.
    peak = max(peak_before, peak_of(compute), key=lambda one: one.flops)
    return Profile(
        method={"name": work.run.stage.method.name, **work.run.stage.method.options()},
        device=compute.numerics(),
        image_size=work.run.protocol.crop,
        batch_size=size,
        parameters=sum(parameter.numel() for parameter in work.forward.network.parameters()),
        flops_per_image=flops,
        parts_ms={name: 1000 * statistics.median(one[name] for one in parts) for name in PARTS},
        step_ms=1000 * step,
        input_share=statistics.median(shares),
        images_per_second=rate,
        peak=peak,
        mfu=flops * rate / peak.flops,
        memory=_memory(work, full, peak_memory),
    )


def take_step(work: Workload, batch: Batch) -> None:
    """Take one training step."""
    value, _, _ = work.loss(work.forward(batch), work.forward.targets(batch))
    work.optimizer.zero_grad(set_to_none=True)
    work.forward.backward(value)
    work.optimizer.step()


def _eager_loss(work: Workload, batch: Batch) -> Tensor:
    """Return the loss of a batch, its network called as it is.

    Compiled code and CUDA graphs hide what they compute and keep.
    """
    plain = Forward(work.forward.network, work.forward.tasks, work.forward.compute, work.run.masked)
    value: Tensor = work.loss(plain(batch), plain.targets(batch))[0]
    return value


def _input_parts(work: Workload) -> dict[str, float]:
    """Return the seconds a step of making batches, masks apart."""
    whole = _seconds(work, work.batches()) / work.steps
    if work.data.batches.masks is None:
        return {"input": whole, "masks": 0.0}
    bare = _seconds(work, work.batches(masks=False)) / work.steps
    return {"input": min(bare, whole), "masks": max(whole - bare, 0.0)}


def _seconds(work: Workload, batches: Iterator[Batch]) -> float:
    wait_for(work.forward.compute)
    started = time.perf_counter()
    for _ in batches:  # none is kept, as in training
        pass
    wait_for(work.forward.compute)
    return time.perf_counter() - started


def _step_parts(work: Workload, batch: Batch) -> dict[str, float]:
    """Return the seconds of each part of a step, the device waited for after each."""
    taken: dict[str, float] = {}

    @contextmanager
    def part(name: str) -> Iterator[None]:
        wait_for(work.forward.compute)
        started = time.perf_counter()
        yield
        wait_for(work.forward.compute)
        taken[name] = time.perf_counter() - started

    work.set_to_train()
    if batch.predict_masks is not None:
        with part("masks"):
            masks = batch.predict_masks(batch.images.to(work.forward.compute.device))
        batch = replace(batch, masks=masks, predict_masks=None)
    with part("forward"):
        outputs = work.forward(batch)
    with part("loss"):
        value, _, _ = work.loss(outputs, work.forward.targets(batch))
    with part("backward"):
        work.optimizer.zero_grad(set_to_none=True)
        work.forward.backward(value)
    with part("optimizer"):
        work.optimizer.step()
    return taken


def _memory(work: Workload, batch: Batch, peak: float | None) -> Memory:
    """Count the bytes of the tensors that training holds."""
    modules = (work.forward.network, work.loss)
    held = [t for module in modules for t in (*module.parameters(), *module.buffers())]
    trained = [p for module in modules for p in module.parameters() if p.grad is not None]
    state = [
        value
        for entry in work.optimizer.state.values()
        for value in entry.values()
        if isinstance(value, Tensor)
    ]
    own = {tensor.untyped_storage().data_ptr() for tensor in held}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in own:
            kept[place] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _eager_loss(work, batch)
    return Memory(
        parameters=_megabytes(held),
        gradients=_megabytes(trained),
        optimizer=_megabytes(state),
        activations=sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 1e6,
        peak=peak,
    )


def _megabytes(tensors: list[Any]) -> float:
    return float(sum(tensor.numel() * tensor.element_size() for tensor in tensors)) / 1e6
