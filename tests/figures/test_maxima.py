"""Where maxima lie: found by hand, against what the network itself pools, and counted."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from farbench.figures.max_pool import share_within
from farbench.figures.maxima import Pool, Recorder, of_map, of_masked, spread
from farbench.figures.similarity import (
    between_images,
    by_distance,
    level_indices,
    steps_between,
)
from farbench.nn.attention import KINDS, RegionPool
from farbench.nn.trunk import Trunk


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shared", [True, False])
def test_what_is_recorded_pools_to_what_the_network_pooled(kind, shared):
    torch.manual_seed(0)
    pool = RegionPool(6, kind, 3, shared=shared)
    features, masks = torch.randn(4, 6, 5, 5), torch.rand(4, 3, 5, 5).gt(0.5).float()
    with torch.inference_mode(), Recorder(nn.ModuleList([pool])) as seen:
        pooled = pool(features, masks)
    (found,) = seen.pools
    product = found.features[:, None] * found.weights[:, :, None]
    most = product.flatten(3).amax(-1)
    if pool.channel_weight is not None:
        # A positive factor a channel: it scales the maximum and leaves its place.
        factor = pooled / most.where(most > 0, torch.nan)
        assert (factor[~factor.isnan()] > 0).all()
    else:
        torch.testing.assert_close(pooled, most)
    assert not pool._forward_hooks


def test_a_trunk_s_final_map_is_recorded():
    trunk = Trunk("resnet10t", pretrained=False, levels=(3,), final=True).eval()
    with torch.inference_mode(), Recorder(nn.ModuleList([trunk])) as seen:
        final, _ = trunk(torch.rand(1, 3, 32, 32))
    torch.testing.assert_close(seen.final, final)


def test_maxima_of_a_map_leave_out_channels_that_are_the_same_everywhere():
    features = torch.zeros(1, 4, 2, 3)
    features[0, 0, 1, 2] = 5.0
    features[0, 1, 0, 1] = 1.0
    features[0, 2] = -1.0  # negative, but for one place that is highest all the same
    features[0, 2, 0, 1] = -0.5
    counts, height, width = of_map(features)
    assert (height, width) == (2, 3)
    assert counts.tolist() == [[0, 0.5, 0, 0, 0, 0.25]]


def test_maxima_under_a_mask_lie_in_it_or_nowhere():
    features = torch.zeros(1, 3, 1, 4)
    features[0, 0] = torch.tensor([9.0, 1.0, 2.0, 9.0])
    features[0, 1] = torch.tensor([9.0, 3.0, 1.0, 9.0])
    features[0, 2] = torch.tensor([9.0, -3.0, -1.0, 9.0])  # 0, of outside, is its maximum
    weights = torch.tensor([[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]).view(1, 2, 1, 4)
    counts, *_ = of_masked(Pool(features, weights))
    expected = [[[0, 1 / 3, 1 / 3, 0], [0, 0, 0, 0]]]
    np.testing.assert_allclose(counts.numpy(), expected, rtol=1e-6)


def test_cells_are_spread_over_the_pixels_that_they_cover():
    counts = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 0.6]])
    heat = spread(counts, 2, 3, 7)
    assert heat.shape == (1, 7, 7)
    assert heat.sum() == pytest.approx(0.6)
    # 7 pixels in 3 columns: 3, 2 and 2; in 2 rows: 4 and 3.
    assert (heat[0, 4:, 5:] > 0).all()
    assert np.count_nonzero(heat) == 6


def test_the_share_within_masks_is_of_the_maxima_that_there_are():
    heat = np.zeros((1, 4, 4))
    heat[0, 0, 0], heat[0, 3, 3] = 0.3, 0.1
    masks = np.zeros((1, 2, 2), np.uint8)
    masks[0, 0, 0] = 1
    assert share_within(heat, masks) == pytest.approx(0.75)
    assert share_within(np.zeros((1, 4, 4)), masks) == 0


def test_similarity_is_the_mean_over_the_pairs_of_each_distance():
    height, width = 3, 4
    vectors = torch.nn.functional.normalize(torch.randn(2, 5, height * width), dim=1)
    places = list(itertools.product(range(height), range(width)))
    sums: dict[int, list[float]] = {}
    far: dict[int, list[float]] = {}
    for (a, one), (b, other) in itertools.permutations(enumerate(places), 2):
        distance = np.hypot((one[0] - other[0]) / height, (one[1] - other[1]) / width)
        if distance <= 1:
            step = round(distance * width) - 1
            sums.setdefault(step, []).append(float(vectors[0, :, a] @ vectors[0, :, b]))
            far.setdefault(step, []).append(distance)
    expected = [np.mean(sums[step]) for step in sorted(sums)]
    np.testing.assert_allclose(by_distance(vectors, height, width)[0], expected, atol=1e-6)
    _, distances = steps_between(height, width)
    np.testing.assert_allclose(distances, [np.mean(far[step]) for step in sorted(far)])


def test_the_similarity_of_two_faces_leaves_out_a_face_with_itself():
    vectors = torch.nn.functional.normalize(torch.randn(5, 4, 6), dim=1)
    pairs = [
        float((vectors[a].T @ vectors[b]).mean()) for a, b in itertools.permutations(range(5), 2)
    ]
    means = [vectors[:2].mean(2), vectors[2:].mean(2)]
    assert between_images(means) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert np.isnan(between_images([means[0][:1]]))


@pytest.mark.parametrize(
    ("levels", "final", "found"), [((3, 4), False, (3, 4)), ((), True, (3, 4, 5))]
)
def test_levels_are_those_that_the_trunk_keeps(levels, final, found):
    trunk = Trunk("resnet10t", pretrained=False, levels=levels, final=final).eval()
    indices = level_indices(trunk)
    assert tuple(indices) == found
    with torch.inference_mode():
        images = torch.rand(1, 3, 64, 64)
        maps = trunk.net.forward_intermediates(
            images, indices=list(indices.values()), intermediates_only=True
        )
        own = trunk(images)[1]
    assert [64 // one.shape[2] for one in maps] == [2**level for level in found]
    for level, one in own.items():
        torch.testing.assert_close(one, maps[found.index(level)])
