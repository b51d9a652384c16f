"""Masks that are predicted from each batch as the network sees it, in the place of stored ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class OnlineMasks:
    """Predicts masks in every step (``protocol.masks.online``).

    Attributes:
        groups: Names of the G groups, in channel order.
        predict: Maps augmented images, uint8 ``(N, S, S, 3)`` where networks run, and a side s to
            masks ``(N, G, s, s)`` of the same crop.
    """

    groups: tuple[str, ...]
    predict: Callable[[Tensor, int], Tensor]
