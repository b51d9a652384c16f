"""The most floating-point operations a second that a device can do: what MFU is a share of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from farbench.running.costs import wait_for
from farbench.training.device import Compute

T = 1e12
GPUS: tuple[tuple[str, float, float], ...] = (
    ("B200", 2250 * T, 1125 * T),
    ("H200", 989.4 * T, 494.7 * T),
    ("GH200", 989.4 * T, 494.7 * T),
    ("H100 PCIe", 756 * T, 378 * T),
    ("H100 NVL", 835 * T, 417 * T),
    ("H100", 989.4 * T, 494.7 * T),
    ("A100", 312 * T, 156 * T),
    ("A40", 149.7 * T, 74.8 * T),
    ("A30", 165 * T, 82 * T),
    ("A10", 125 * T, 62.5 * T),
    ("L40S", 362 * T, 183 * T),
    ("L4", 121 * T, 60 * T),
    ("RTX 4090", 165.2 * T, 82.6 * T),
    ("RTX 3090", 71 * T, 35.6 * T),
)
"""Part of a GPU's name, and its makers' figures for dense matrix products: bfloat16 and TF32 (what
cuDNN's convolutions of float32 run in). The first that fits counts."""

SIDES = (512, 1024)
"""Of the square matrices whose product is timed where no figure is known."""
CONVOLUTIONS = ((8, 256, 28, 3), (8, 512, 28, 1))
"""Images, channels, side and kernel of convolutions that are timed too."""
REPEATS = 7


@dataclass(frozen=True)
class Peak:
    """A device's peak.

    Attributes:
        flops: Operations a second; a multiply-add counts as two.
        source: Where the figure is from.
    """

    flops: float
    source: str


def peak_of(compute: Compute) -> Peak:
    """Return a device's peak in the precision that networks run in: known, else measured."""
    if compute.device.type == "cuda":
        name = torch.cuda.get_device_name(compute.device)
        known = known_peak(name, compute.precision)
        if known is not None:
            return Peak(known, f"{name}, maker's figure for dense {compute.precision}")
    measured = _measured_peak(compute)
    threads = f", {compute.threads} threads" if compute.device.type == "cpu" else ""
    return Peak(measured, f"measured: products and convolutions{threads}")


def known_peak(name: str, precision: str) -> float | None:
    """Return the maker's figure for a GPU by the name that torch gives it."""
    for part, bfloat16, tf32 in GPUS:
        if re.search(rf"\b{part}\b", name):
            return bfloat16 if precision == "bfloat16" else tf32
    return None


def _measured_peak(compute: Compute) -> float:
    """Return the best of several matrix products and convolutions.

    Both, because libraries differ: on some processors torch convolves twice as fast as it
    multiplies matrices.
    """
    kind = torch.bfloat16 if compute.precision == "bfloat16" else torch.float32

    def drawn(*shape: int) -> Tensor:
        tensor = torch.randn(shape, device=compute.device, dtype=kind)
        return tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor

    best = 0.0
    with torch.inference_mode():
        for side in SIDES:
            one = drawn(side, side)
            best = max(best, _rate(partial(torch.mm, one, one), 2 * side**3, compute))
        for images, channels, side, kernel in CONVOLUTIONS:
            maps, weight = (
                drawn(images, channels, side, side),
                drawn(channels, channels, kernel, kernel),
            )
            step = partial(torch.conv2d, maps, weight, padding=kernel // 2)
            flops = 2 * images * side**2 * channels**2 * kernel**2
            best = max(best, _rate(step, flops, compute))
    return best


def _rate(step: Callable[[], object], flops: int, compute: Compute) -> float:
    """Return operations a second of the quickest of several calls."""
    step()
    quickest = float("inf")
    for _ in range(REPEATS):
        wait_for(compute)
        started = time.perf_counter()
        step()
        wait_for(compute)
        quickest = min(quickest, time.perf_counter() - started)
    return flops / quickest
