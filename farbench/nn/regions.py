"""Features of masked regions: resize the masks, pool the features that they keep."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


def resize_masks(masks: Tensor, height: int, width: int, coverage: float) -> Tensor:
    """Bring binary masks to the size of a feature map (MGMTN Eq. 1, ``resize(P_j; F_i)``).

    A cell is kept if at least ``coverage`` of it lies in the mask. Half, the usual threshold,
    loses parts that are thinner than a cell (an ear on a 7x7 map); hence a lower default in the
    methods (this project's reading: the paper gives neither filter nor threshold).

    Args:
        masks: ``(N, G, h, w)`` in {0, 1}.
        height: Of the feature map.
        width: Of the feature map.
        coverage: In (0, 1].

    Returns:
        Float ``(N, G, height, width)`` in {0, 1}.
    """
    return (adaptive_avg_pool2d(masks, (height, width)) >= coverage).to(masks.dtype)


def masked_average(features: Tensor, weights: Tensor) -> Tensor:
    """Average the weighted map over all H x W positions (MGMTN Eq. 2).

    Args:
        features: ``(N, C, H, W)``.
        weights: ``(N, G, H, W)``.

    Returns:
        ``(N, G, C)``.
    """
    area = features.shape[2] * features.shape[3]
    return weights.flatten(2) @ features.flatten(2).transpose(1, 2) / area


def masked_max(features: Tensor, weights: Tensor) -> Tensor:
    """Max-pool ``weights * features`` over positions for each group, positions outside being 0.

    The position of each maximum is found without a graph and its value is gathered, so the
    backward pass never touches the ``(N, G, C, H, W)`` product.

    Args:
        features: ``(N, C, H, W)``.
        weights: ``(N, G, H, W)``, not negative.

    Returns:
        ``(N, G, C)``.
    """
    flat, kept = features.flatten(2), weights.flatten(2)
    with torch.no_grad():
        where = torch.stack(
            [(flat * kept[:, g : g + 1]).argmax(-1) for g in range(kept.shape[1])], dim=1
        )
    values = flat.gather(2, where.transpose(1, 2)).transpose(1, 2)
    pooled: Tensor = values * kept.gather(2, where)
    return pooled
