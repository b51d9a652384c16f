"""The reduced Inception-ResNet-v1 of dynamic_mtl: sizes, counts, whitening, branches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import pytest
import torch
from mixed_tasks import AGE, RACE, WHO, mixed_problem
from torch import nn

from farbench_methods.dynamic_mtl import DynamicMTL
from farbench_methods.dynamic_mtl_network import DynamicMTLNetwork, whiten
from farbench_methods.inception_resnet_v1 import (
    InceptionTrunk,
    ResidualTowers,
    block8,
    block17,
    block35,
)


def built(tasks: tuple = (WHO, RACE), side: int = 64, **options: object) -> DynamicMTLNetwork:
    torch.manual_seed(0)
    return DynamicMTLNetwork(mixed_problem(tasks, side), DynamicMTL(**options))


def convolutions(module: nn.Module) -> str:
    """Name each convolution by its channels and its kernel."""
    return " ".join(
        f"{layer.out_channels}x{layer.kernel_size[0]}x{layer.kernel_size[1]}"
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d)
    )


def test_maps_measure_what_facenet_documents() -> None:
    """160 px: 17 x 17 x 256 after the stem, 8 x 8 x 896, 3 x 3 x 1792."""
    trunk = InceptionTrunk(1, 1).eval()
    shapes = []
    maps = torch.zeros(1, 3, 160, 160)
    with torch.no_grad():
        for part in trunk:
            maps = part(maps)
            shapes.append(tuple(maps.shape[1:]))
    assert convolutions(trunk.stem) == "32x3x3 32x3x3 64x3x3 80x1x1 192x3x3 256x3x3"
    assert convolutions(trunk.reduction_a) == "384x3x3 192x1x1 192x3x3 256x3x3"
    towers = "256x1x1 384x3x3 256x1x1 256x3x3 256x1x1 256x3x3 256x3x3"
    assert convolutions(trunk.reduction_b) == towers
    assert shapes == [(256, 17, 17), (256, 17, 17), (896, 8, 8), (896, 8, 8), (1792, 3, 3)]


@pytest.mark.parametrize("side", [75, 106, 107, 160])
def test_the_side_of_the_last_map_is_known_beforehand(side: int) -> None:
    maps = torch.zeros(1, 3, side, side)
    trunk = InceptionTrunk(0, 0)
    with torch.no_grad():
        assert trunk.eval()(maps).shape[2] == InceptionTrunk.side(side)


def test_74_pixels_are_too_few_for_the_trunk_but_not_for_the_network() -> None:
    with pytest.raises(RuntimeError, match="size"):
        InceptionTrunk(0, 0).eval()(torch.zeros(1, 3, 74, 74))
    assert InceptionTrunk.side(75) == 1
    network = built().eval()
    for side in (20, 74, 75, 90):
        assert network(torch.randn(1, 3, side, side))["race"].shape == (1, 3)


def test_repeats_are_the_codes_or_the_full_ones() -> None:
    full = InceptionTrunk(5, 10)
    assert (len(full.block35), len(full.block17)) == (5, 10)
    default = built().trunk
    assert (len(default.block35), len(default.block17)) == (1, 1)
    branch = built(branch_repeats=3).branches["race"].blocks
    assert [(block.scale, block.activation) for block in branch] == [(0.2, True)] * 3 + [
        (1.0, False)
    ]


@pytest.mark.parametrize(
    ("block", "channels", "scale", "wanted"),
    [
        (block35, 256, 0.17, "32x1x1 32x1x1 32x3x3 32x1x1 32x3x3 32x3x3 256x1x1"),
        (block17, 896, 0.10, "128x1x1 128x1x1 128x1x7 128x7x1 896x1x1"),
        (partial(block8, scale=0.2), 1792, 0.2, "192x1x1 192x1x1 192x1x3 192x3x1 1792x1x1"),
    ],
)
def test_residual_blocks(
    block: Callable[[], ResidualTowers], channels: int, scale: float, wanted: str
) -> None:
    torch.manual_seed(0)
    module = block().eval()
    assert convolutions(module) == wanted
    maps = torch.randn(2, channels, 5, 5)
    with torch.no_grad():
        side_by_side = torch.cat([tower(maps) for tower in module.towers.towers], 1)
        torch.testing.assert_close(module(maps), torch.relu(maps + scale * module.up(side_by_side)))
        module.activation = False
        torch.testing.assert_close(module(maps), maps + scale * module.up(side_by_side))


def test_images_are_whitened_one_by_one() -> None:
    images = torch.rand(3, 3, 8, 8) * torch.tensor([1.0, 0.2, 0.05]).view(3, 1, 1, 1)
    whitened = whiten(images)
    for got, image in zip(whitened, images, strict=True):
        torch.testing.assert_close(got, (image - image.mean()) / image.std(correction=0))
    flat = whiten(torch.full((1, 3, 8, 8), 0.3))
    assert torch.equal(flat, torch.zeros_like(flat))
    network = built((AGE,)).eval()
    with torch.no_grad():
        torch.testing.assert_close(
            network(images)["age"], network(0.3 * images - 0.1)["age"], rtol=1e-3, atol=1e-4
        )


def test_an_embedding_of_1792_is_the_pooled_feature_itself() -> None:
    task = dataclasses.replace(WHO, embedding=1792)
    network = built((task,)).eval()
    images = torch.randn(2, 3, 80, 80)
    with torch.no_grad():
        branch = network.branches["who"]
        pooled = branch.blocks(network.trunk(whiten(images))).mean((2, 3))
        torch.testing.assert_close(network(images)["who"], pooled)
    assert isinstance(built((WHO,)).branches["who"].head, nn.Linear)


def test_other_tasks_have_128_units_with_relu() -> None:
    head = built().branches["race"].head
    assert [type(layer) for layer in head] == [nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert head[0].weight.shape == (128, 1792)
    assert head[2].p == 0
    assert built(dropout=0.3).branches["race"].dropout.p == 0.3


@pytest.mark.parametrize("side", [80, 112])
def test_features_are_mixed_7a(side: int) -> None:
    images = torch.randn(2, 3, side, side)
    average, flat = built((AGE,), side).eval(), built((AGE,), side, flat_features=True).eval()
    cells = InceptionTrunk.side(side) ** 2
    assert (average.feature_size, flat.feature_size) == (1792, 1792 * cells)
    with torch.no_grad():
        maps = average.trunk(whiten(images))
        torch.testing.assert_close(average(images)["features"], maps.mean((2, 3)))
        torch.testing.assert_close(flat(images)["features"], maps.flatten(1))
        assert flat(torch.randn(1, 3, 96, 96))["features"].shape == (1, flat.feature_size)
