"""What a trained cell costs: operations, speed, latency and memory. No part of its identity."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from farbench.benchmark.schema import MaskProtocol
from farbench.data.batches import Batch
from farbench.masks.network import MaskNetwork
from farbench.masks.plan import MaskPlan
from farbench.training.device import Compute, Forward

Costs = dict[str, float | None]
"""What ``cell.json`` has under ``costs``, by name."""

WARM_UP = 2
"""Calls before the first that is timed."""

FEWEST, MOST = 3, 50
"""Calls that are timed at least, however long they take, and at most."""

SECONDS = 0.5
"""After so long no further call is timed, so that a large network on a processor costs little."""


@torch.inference_mode()
def image_costs(forward: Forward, image: Batch, masks: MaskPlan | None) -> Costs:
    """Return how long one image takes in a trained network, and what its masks cost.

    Its latency has in it what a picture in host memory still needs: the way to the device,
    normalisation, the network. Decoding and cropping are not in it; masks stand by themselves.

    Args:
        forward: Of a network in eval mode.
        image: A batch of one image.
        masks: How the masks are made, if the method asks for them.

    Returns:
        ``latency_ms``; with masks also ``masks_flops``, ``masks_latency_ms`` and
        ``masks_parameters``, of the mask network, which runs once an image.
    """
    costs: Costs = {"latency_ms": median_latency(lambda: forward(image), forward.compute)}
    if masks is not None:
        costs |= _mask_network_costs(len(masks.groups), masks.protocol, forward.compute)
    return costs


@torch.inference_mode()
def image_flops(forward: Forward, image: Batch) -> int:
    """Return the operations of a network in eval mode for a batch of one image."""
    return count_flops(lambda: forward(image))


@functools.lru_cache
def _mask_network_costs(groups: int, protocol: MaskProtocol, compute: Compute) -> Costs:
    """Measure an untrained mask network, which costs the same; once a process, for all rows."""
    network = compute.place(MaskNetwork(groups, protocol, pretrained=False).eval())
    image = torch.zeros((1, protocol.size, protocol.size, 3), dtype=torch.uint8)

    def predict() -> None:
        with compute.autocast():
            network(image.to(compute.device))

    return {
        "masks_flops": count_flops(predict),
        "masks_latency_ms": median_latency(predict, compute),
        "masks_parameters": sum(parameter.numel() for parameter in network.parameters()),
    }


class _NoModules:
    """Stands in for the counter's record of the modules that are running: all is one.

    The counter's own looks for the gradient of what a module is given, and fails on a view of a
    parameter (`self.query.expand(n, -1, -1)`) where no gradients are taken.
    """

    def __init__(self) -> None:
        self.parents = {"Global"}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def count_flops(step: Callable[[], object]) -> int:
    """Count the floating-point operations of a call with torch's own counter.

    A multiply-add counts as two, so a ResNet-50 at 224 px has 8.18 G, where papers that count it
    as one write 4.09. Convolutions, matrix products and attention are counted; sums, activations,
    pooling, normalisation and recurrent layers are not.
    """
    # In eval mode torch runs multi-head attention as one fused operation, which nobody counts.
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        counter = FlopCounterMode(display=False)
        counter.mod_tracker = _NoModules()  # type: ignore[assignment]
        with counter:
            step()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def median_latency(step: Callable[[], object], compute: Compute) -> float:
    """Return the median milliseconds of a call, each waited for, after some that warm up."""
    for _ in range(WARM_UP):
        step()
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < FEWEST or (len(taken) < MOST and time.perf_counter() - began < SECONDS):
        wait_for(compute)
        started = time.perf_counter()
        step()
        wait_for(compute)
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def forget_peak_memory(compute: Compute) -> None:
    """Let :func:`peak_memory_mb` speak of what comes after."""
    if compute.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(compute.device)


def peak_memory_mb(compute: Compute) -> float | None:
    """Return the most memory that tensors took on the device, in MB (10^6 bytes).

    None on a processor: its process holds the interpreter, the libraries, mapped images and what
    earlier cells left to the allocator, so what the system says of it is not the training's.
    """
    if compute.device.type != "cuda":
        return None
    return float(torch.cuda.max_memory_allocated(compute.device)) / 1e6


def device_memory(compute: Compute) -> tuple[int, int]:
    """Return bytes on a GPU: the most that this process has taken, and what nobody holds now.

    Neither waits for the device: torch's allocator keeps the one, the driver the other.
    """
    free, _ = torch.cuda.mem_get_info(compute.device)
    return torch.cuda.max_memory_reserved(compute.device), free


def wait_for(compute: Compute) -> None:
    """Wait until the device has done what it was given."""
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)
