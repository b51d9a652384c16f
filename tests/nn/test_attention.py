"""Masked features and their attention against loops written from MGMTN's Eqs. 1 to 5."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from farbench.nn.attention import KINDS, RegionPool
from farbench.nn.regions import argmax_of_products, masked_average, masked_max, resize_masks

N, C, G, H, W = 3, 4, 5, 6, 7


def inputs(seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    masks = (torch.rand(N, G, H, W) > 0.5).float()
    masks[0, 1] = 0  # a part that is nowhere
    masks[1, 2] = 1
    return torch.randn(N, C, H, W), masks


def naive(pool: RegionPool, features: Tensor, masks: Tensor) -> Tensor:
    """One image, group and channel at a time."""
    out = torch.empty(N, G, C)
    for n in range(N):
        for g in range(G):
            own = 0 if pool.shared else g
            selected = features[n] * masks[n, g]  # Eq. 1
            if pool.channel_weight is not None:
                z = torch.stack([selected[c].sum() / (H * W) for c in range(C)])  # Eq. 2
                weight = pool.channel_weight[own]
                psi = torch.stack(  # Eq. 3: a 1x1 convolution, then a sigmoid
                    [
                        torch.sigmoid(sum(z[i] * weight[i, c] for i in range(C)) + bias)
                        for c, bias in enumerate(pool.channel_bias[own, 0])
                    ]
                )
                selected = selected * psi[:, None, None]  # Eq. 4
            if pool.spatial is not None:
                both = torch.stack([selected.mean(0), selected.amax(0)])[None]
                kernel, bias = pool.spatial.weight[own], pool.spatial.bias[own]
                refined = torch.sigmoid(conv2d(both, kernel[None], bias[None], padding=3))
                selected = selected * refined[0]
            out[n, g] = selected.amax((1, 2))
    return out


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_the_loop_with_its_gradients(kind: str, shared: bool) -> None:
    features, masks = inputs()
    torch.manual_seed(1)
    pool = RegionPool(C, kind, G, shared=shared)
    with torch.no_grad():
        for parameter in pool.parameters():
            parameter.normal_()
    mine, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    got, expected = pool(mine, masks), naive(pool, theirs, masks)
    torch.testing.assert_close(got, expected)
    direction = torch.randn(N, G, C)
    own = torch.autograd.grad((got * direction).sum(), [mine, *pool.parameters()])
    others = torch.autograd.grad((expected * direction).sum(), [theirs, *pool.parameters()])
    # Where a whole map is 0 (no mask) the maximum is everywhere, and torch spreads its gradient;
    # it is 0 all the same.
    for one, other in zip(own, others, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_is_nowhere_has_no_feature(kind: str) -> None:
    features, masks = inputs()
    pooled = RegionPool(C, kind, G)(features, masks)
    assert not pooled[0, 1].any()
    assert pooled[2].any()


def test_what_lies_outside_a_mask_does_not_count() -> None:
    features, masks = inputs()
    changed = torch.where(masks[:, 3:4] > 0, features, torch.randn_like(features) * 50)
    for kind in KINDS:
        pool = RegionPool(C, kind, G)
        torch.testing.assert_close(pool(features, masks)[:, 3], pool(changed, masks)[:, 3])


def test_a_mask_of_ones_is_global_pooling() -> None:
    features = torch.randn(N, C, H, W)
    whole = torch.ones(N, G, H, W)
    pooled = masked_max(features, whole)
    assert torch.equal(pooled, features.amax((2, 3))[:, None].expand(-1, G, -1))
    assert torch.equal(RegionPool(C, "none", G)(features, whole), pooled)
    torch.testing.assert_close(
        masked_average(features, whole), features.mean((2, 3))[:, None].expand(-1, G, -1)
    )


def test_parameters_are_shared_or_not() -> None:
    def count(kind: str, shared: bool) -> int:
        return sum(p.numel() for p in RegionPool(C, kind, G, shared=shared).parameters())

    channel, spatial = C * C + C, 2 * 49 + 1
    for kind, size in (("none", 0), ("channel", channel), ("spatial", spatial)):
        assert count(kind, True) == size
        assert count(kind, False) == G * size
    assert count("channel_spatial", True) == channel + spatial


def test_autocast_runs_every_kind() -> None:
    features, masks = inputs()
    for kind in KINDS:
        pool = RegionPool(C, kind, G)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = features.bfloat16()
            pooled = pool(half, masks.to(half.dtype))
        torch.testing.assert_close(pooled.float(), pool(features, masks), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 2), (16, 16), (3, 5)])
def test_resized_masks_keep_cells_by_their_coverage(height: int, width: int) -> None:
    torch.manual_seed(0)
    masks = (torch.rand(2, 3, 8, 8) > 0.6).float()
    for coverage in (0.25, 0.5, 1.0):
        resized = resize_masks(masks, height, width, coverage)
        assert resized.shape == (2, 3, height, width)
        for y in range(height):
            for x in range(width):
                top, bottom = y * 8 // height, -(-(y + 1) * 8 // height)
                left, right = x * 8 // width, -(-(x + 1) * 8 // width)
                share = masks[:, :, top:bottom, left:right].mean((2, 3))
                assert torch.equal(resized[:, :, y, x], (share >= coverage - 1e-6).float())


def test_full_and_empty_masks_stay_so() -> None:
    masks = torch.stack([torch.ones(1, 28, 28), torch.zeros(1, 28, 28)], 1)
    resized = resize_masks(masks, 14, 14, 1.0)
    assert resized[:, 0].all()
    assert not resize_masks(masks, 7, 7, 1e-6)[:, 1].any()


def test_products_are_made_in_parts_where_they_are_large() -> None:
    torch.manual_seed(0)
    features, weights = torch.randn(5, 64, 400), torch.rand(5, 80, 400)  # two images at once
    pooled = masked_max(features.view(5, 64, 20, 20), weights.view(5, 80, 20, 20))
    assert torch.equal(pooled, (features.unsqueeze(1) * weights.unsqueeze(2)).amax(-1))
    factors = torch.rand(5, 80, 64, 1)
    where = argmax_of_products(features, factors, 2)
    assert torch.equal(where, (features.unsqueeze(1) * factors).argmax(2))
