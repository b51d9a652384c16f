"""Masks predicted in every step, against those that are predicted once and warped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_parts import CPU
from torch import Tensor, nn

from farbench.benchmark.schema import Augmentation, MaskProtocol
from farbench.data.batches import Batches
from farbench.data.mask_bits import StoredMasks, to_bits
from farbench.data.online_masks import OnlineMasks
from farbench.data.targets import Targets
from farbench.masks.network import predict_masks, shrink_masks
from farbench.masks.online import OnlinePrediction, area_matrix
from farbench.training.device import Forward

GROUPS = ("dark", "bright")
RANDOM = Augmentation(crop="random", flip=0.5, rotation=15, rotation_probability=1)
STILL = Augmentation(crop="center", flip=0, rotation=0, rotation_probability=0)


class Brightness(nn.Module):
    """Masks what is dark, and what is bright: a network that is right on every view of an image."""

    def forward(self, images: Tensor) -> Tensor:
        level = images.float().mean(-1) - 128
        return (torch.stack([-level, level], 1) - 60) / 8


def discs(count: int, side: int) -> np.ndarray:
    """Grey images with a bright and a dark disc each, soft at the edge."""
    random, (y, x) = np.random.default_rng(0), np.mgrid[:side, :side]
    images = np.full((count, side, side), 128.0)
    for image in images:
        for sign in (-1, 1):
            down, right = random.uniform(0.3, 0.7), random.uniform(0.28, 0.35)
            far = np.hypot(y - down * side, x - (right + 0.37 * (sign > 0)) * side)
            image += sign * 120 * np.clip(0.5 + (0.17 * side - far) / 4, 0, 1)
    return np.repeat(images.clip(0, 255).astype(np.uint8)[..., None], 3, -1)


def both_ways(packed: int, size: int, crop: int, side: int) -> tuple[Batches, Batches]:
    """Batches with stored and with online masks of the same images."""
    pixels, protocol = discs(12, packed), MaskProtocol(size=size, stored_size=64, online=True)
    network = Brightness()
    bits = to_bits(shrink_masks(predict_masks(network, pixels, size, CPU), 64, protocol.threshold))
    predict = OnlinePrediction(network, protocol, packed, CPU)
    return tuple(
        Batches(pixels, Targets((), {}, {}), masks, crop, side, 6)
        for masks in (StoredMasks(bits, GROUPS, 64), OnlineMasks(GROUPS, predict))
    )


def overlaps(batches: Batches, online: Batches, augmentation: Augmentation | None) -> np.ndarray:
    """Intersection over union of each image and group."""
    every = np.arange(12)
    if augmentation is None:
        pairs = zip(batches.evaluate(every), online.evaluate(every), strict=True)
    else:
        epochs = (one.train(every, augmentation, 0, "joint", 1) for one in (batches, online))
        pairs = zip(*epochs, strict=True)
    found = []
    for stored, predicted in pairs:
        assert torch.equal(stored.images, predicted.images)
        assert predicted.masks is None
        one, other = stored.masks.bool(), predicted.predict_masks(predicted.images)
        assert one.shape == other.shape
        found.append((one & other).sum((2, 3)) / (one | other).sum((2, 3)).clamp(min=1))
    return torch.cat(found).numpy()


@pytest.mark.parametrize(
    "sizes", [(128, 128, 112, 56), (72, 64, 64, 16), (96, 128, 77, 25), (64, 64, 64, 64)]
)
def test_they_are_those_stored_where_nothing_is_augmented(sizes: tuple[int, ...]) -> None:
    batches = both_ways(*sizes)
    assert overlaps(*batches, None).mean() > 0.93
    assert overlaps(*batches, STILL).mean() > 0.93
    assert overlaps(*batches, None).min() > 0.8


def test_they_follow_the_augmented_image() -> None:
    batches = both_ways(128, 128, 112, 56)
    assert overlaps(*batches, RANDOM).mean() > 0.93
    # The bar means something: masks that stay where they were are far below it.
    still = [batch.masks for batch in batches[0].train(np.arange(12), STILL, 0, "joint", 1)]
    moved = [batch.masks for batch in batches[0].train(np.arange(12), RANDOM, 0, "joint", 1)]
    common = sum(int((a & b).sum()) for a, b in zip(still, moved, strict=True))
    assert common < 0.7 * sum(int((a | b).sum()) for a, b in zip(still, moved, strict=True))


def test_a_step_gets_them_without_a_gradient_of_their_own() -> None:
    """The network that is trained is called with 0 and 1, and the mask network stays as it is."""
    _, online = both_ways(72, 64, 64, 16)
    batch = next(online.evaluate(np.arange(12), 6))
    network = nn.Linear(1, 1)
    images, masks = Forward(network, (), CPU, masked=True).arguments(batch)
    assert images.shape == (6, 3, 64, 64)
    assert masks.dtype == torch.float32
    assert masks.shape == (6, 2, 16, 16)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    weighted = (masks * nn.Parameter(torch.ones(2, 1, 1))).sum()
    weighted.backward()  # what is made without a graph can be kept for a backward pass
    assert not masks.requires_grad
    bare = Forward(network, (), CPU, masked=False).arguments(batch)
    assert len(bare) == 1


def test_the_area_matrix_averages_parts_of_pixels() -> None:
    halves = area_matrix(4, 0, 4, 2)
    assert halves.tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    inner = area_matrix(5, 0.5, 3, 2)
    expected = torch.tensor([[0.5, 1, 0, 0, 0], [0, 0, 1, 0.5, 0]]) / 1.5
    torch.testing.assert_close(inner, expected)
    grown = area_matrix(2, 0, 2, 3)
    torch.testing.assert_close(grown, torch.tensor([[1, 0], [0.5, 0.5], [0, 1]]))
