"""Trunks: any timm backbone, its levels by stride, and nothing that no output needs."""

from __future__ import annotations

import pytest
import timm
import tiny_parts  # noqa: F401 - one thread
import torch

from farbench.errors import UserError
from farbench.nn.trunk import LEVELS, Trunk, global_pool

BACKBONES = {
    # Channels of levels 3, 4 and 5, then of the final map.
    "resnet10t": (128, 256, 512, 512),
    "resnet50": (512, 1024, 2048, 2048),
    "resnest50d": (512, 1024, 2048, 2048),
    "tf_efficientnet_lite0": (40, 112, 320, 1280),
    "mobilenetv3_large_100": (40, 112, 960, 960),
}


@pytest.mark.parametrize("name", BACKBONES)
def test_levels_are_those_of_timm(name: str) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 64, 64)
    trunk = Trunk(name, pretrained=False, levels=(3, 4, 5)).eval()
    plain = timm.create_model(name, features_only=True, pretrained=False).eval()
    named = trunk.net.state_dict()
    weights = {key: named[key] for key in plain.state_dict()}
    plain.load_state_dict(weights)
    with torch.no_grad():
        final, maps = trunk(images)
        expected = dict(zip(plain.feature_info.reduction(), plain(images), strict=True))
        assert torch.equal(final, trunk.net.forward_features(images))
        trunk.levels = ()
        alone, none = trunk(images)
    assert torch.equal(alone, final)
    assert none == {}
    *channels, final_channels = BACKBONES[name]
    assert tuple(trunk.channels.values()) == tuple(channels)
    assert trunk.final_channels == final_channels == final.shape[1]
    assert list(maps) == [3, 4, 5]
    for level, map_ in maps.items():
        assert map_.shape == (2, trunk.channels[level], *[64 // LEVELS[level]] * 2)
        assert torch.equal(map_, expected[LEVELS[level]])


@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0", "mobilenetv3_large_100"])
@pytest.mark.parametrize("levels", [(4, 3), (2,), (5,)])
def test_a_trunk_without_its_final_map_ends_at_its_highest_level(
    name: str, levels: tuple[int, ...]
) -> None:
    images = torch.randn(2, 3, 64, 64)
    whole = Trunk(name, pretrained=False, levels=levels)
    cut = Trunk(name, pretrained=False, levels=levels, final=False)
    weights = whole.state_dict()
    assert set(cut.state_dict()) <= set(weights)  # so that weights can be handed on
    assert len(cut.state_dict()) < len(weights) or (5 in levels and "lite0" not in name)
    cut.load_state_dict({key: weights[key] for key in cut.state_dict()})
    final, maps = cut.eval()(images)
    assert final is None
    assert cut.final_channels == 0
    assert set(maps) == set(levels)
    with torch.no_grad():
        expected = whole.eval()(images)[1]
    for level in levels:
        assert torch.equal(maps[level], expected[level])


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0", "mobilenetv3_large_100"])
def test_every_parameter_gets_a_gradient(name: str, final: bool) -> None:
    trunk = Trunk(name, pretrained=False, levels=(3, 4), final=final)
    last, maps = trunk(torch.randn(2, 3, 64, 64))
    outputs = [*maps.values(), last] if final else list(maps.values())
    sum(map_.square().sum() for map_ in outputs).backward()
    assert [key for key, value in trunk.named_parameters() if value.grad is None] == []


def test_mean_and_deviation_are_the_backbones_own() -> None:
    assert Trunk("tf_efficientnet_lite0", pretrained=False).pixel_mean == (0.5, 0.5, 0.5)
    assert Trunk("resnet10t", pretrained=False).pixel_std == pytest.approx((0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("resnet10x", {}, r"no backbone 'resnet10x'.*resnet10t"),
        ("resnet10t.wrong_tag", {}, "cannot make backbone 'resnet10t.wrong_tag'"),
        ("resnet10t", {"levels": (6,)}, r"no level 6; strides: \[2, 4, 8, 16, 32\]"),
        ("resnet10t", {"levels": (3, 3)}, "one level twice"),
        ("resnet10t", {"final": False}, "needs at least one level"),
        ("vit_tiny_patch16_224", {}, "no maps .* several strides"),
        ("swin_tiny_patch4_window7_224", {}, "no maps .* several strides"),
    ],
)
def test_what_cannot_be_had_is_told(name: str, settings: dict[str, object], words: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match=words):
        Trunk(name, pretrained=False, **settings)  # type: ignore[arg-type]


def test_global_pooling() -> None:
    maps = torch.randn(2, 3, 4, 5)
    assert torch.equal(global_pool(maps, "max"), maps.flatten(2).max(2).values)
    torch.testing.assert_close(global_pool(maps, "avg"), maps.flatten(2).mean(2))
