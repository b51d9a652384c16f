"""Operators that torch's ONNX exporter does not know, in terms of those that it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def adaptive_max_pool2d(images: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Pool to a given size as torch does: windows may overlap where the sizes do not divide.

    Args:
        images: ``(N, C, H, W)`` with H and W known.
        size: Height and width of the output.

    Returns:
        The maxima, and in place of their positions, which a network has no use for, zeros.
    """
    rows = [images[:, :, a:b].amax(2) for a, b in _windows(images.shape[2], size[0])]
    tall = torch.stack(rows, 2)
    pooled = torch.stack(
        [tall[:, :, :, a:b].amax(3) for a, b in _windows(images.shape[3], size[1])], 3
    )
    return pooled, torch.zeros_like(pooled, dtype=torch.int64)


def _windows(length: int, count: int) -> list[tuple[int, int]]:
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]


REPLACED: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.adaptive_max_pool2d.default: adaptive_max_pool2d
}
"""Operator -> what it is replaced by before a network is translated."""
