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

    All groups are pooled in one pass. The position of each maximum is found without a graph and its
    value is gathered, so the ``(N, G, C, H, W)`` product is not kept, and the backward pass never
    touches it.

    Args:
        features: ``(N, C, H, W)``.
        weights: ``(N, G, H, W)``, not negative.

    Returns:
        ``(N, G, C)``.
    """
    # A trunk's maps are channels last; a maximum over positions wants them side by side.
    flat, kept = features.flatten(2).contiguous(), weights.flatten(2)
    where = argmax_of_products(flat, kept.unsqueeze(2), -1)
    values = flat.gather(2, where.transpose(1, 2)).transpose(1, 2)
    pooled: Tensor = values * kept.gather(2, where)
    return pooled


@torch.no_grad()
def argmax_of_products(features: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Return where ``weights * features`` is largest, for all groups in one pass.

    The product is made for as many images at once as fit into memory that the processor's
    allocator keeps (above 32 MB each product would be new pages: half as fast), or into a part of
    a GPU's. Compiled code never makes it.

    Args:
        features: ``(N, C, positions)``.
        weights: ``(N, G, C, 1)`` or ``(N, G, 1, positions)``.
        dim: Of ``(N, G, C, positions)``.

    Returns:
        int64, the shape of the product without ``dim``.
    """
    if torch.compiler.is_compiling():
        return (features.unsqueeze(1) * weights).argmax(dim)
    numbers = weights.shape[1] * features.shape[1] * features.shape[2]
    at_once = max((2**22 if features.device.type == "cpu" else 2**28) // numbers, 1)
    parts = zip(torch.split(features, at_once), torch.split(weights, at_once), strict=True)
    return torch.cat([(some.unsqueeze(1) * own).argmax(dim) for some, own in parts])
