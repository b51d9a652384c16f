"""MOON's and DMTL's published sizes, and the plain baseline's sum."""

from __future__ import annotations

import pytest
import torch
from peer_parts import ATTRIBUTES, build, built_without_memory, faces, parameters, peer_problem
from torch import nn

import farbench.nn.trunk
from farbench_methods.dmtl import DMTL
from farbench_methods.linear_head import LinearHead
from farbench_methods.moon import Moon


def test_moon_has_the_layers_of_the_re_implementation() -> None:
    network = built_without_memory(Moon())
    sizes = [
        (one.in_features, one.out_features)
        for one in network.classifier
        if isinstance(one, nn.Linear)
    ]
    assert sizes == [(512 * 7 * 7, 4096), (4096, 4096), (4096, 1000), (1000, 40)]
    assert parameters(network.classifier) == 123_682_896
    assert parameters(network) == 138_406_032
    kinds = [type(one).__name__ for one in network.classifier]
    assert kinds == ["Linear", "ReLU", "Dropout"] * 3 + ["Linear"]


@pytest.mark.parametrize(
    ("pretrained", "from_scratch", "loads"), [(True, True, 0), (True, False, 1), (False, False, 0)]
)
def test_moon_starts_from_random_weights_unless_told(
    monkeypatch: pytest.MonkeyPatch, pretrained: bool, from_scratch: bool, loads: int
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(farbench.nn.trunk, "load_pretrained", lambda net, name: asked.append(name))
    method = Moon(backbone="resnet10t", fc_sizes=(8,), grid=1, from_scratch=from_scratch)
    build(method, peer_problem(pretrained=pretrained))
    assert asked == ["resnet10t"] * loads


def test_dmtl_has_the_sizes_of_alexnet() -> None:
    """Five convolutions and two layers, by hand; 227 px give a map of 6 x 6."""
    network = built_without_memory(DMTL())
    convolutions = [3 * 96 * 11**2, 96 * 256 * 5**2, *(9 * a * b for a, b in ((256, 384),) * 1)]
    convolutions += [9 * 384 * 384, 9 * 384 * 256]
    norms = 2 * (96 + 256 + 384 + 384 + 256)
    layers = 256 * 6 * 6 * 4096 + 4096 + 4096 * 4096 + 4096
    assert parameters(network.trunk) == sum(convolutions) + norms + layers
    assert network.groups.reduce_weight.shape == (8, 4096, 512)
    small = build(DMTL(width=0.05, hidden=4), peer_problem(side=227)).eval()
    seen = {}
    pool = next(one for one in small.trunk if isinstance(one, nn.AdaptiveAvgPool2d))
    pool.register_forward_hook(lambda module, given, out: seen.update(given=given[0], out=out))
    with torch.no_grad():
        small(faces(1, 227))
    torch.testing.assert_close(seen["given"], seen["out"])
    assert seen["given"].shape[2:] == (6, 6)


def test_dmtl_gives_each_category_a_network_of_its_own() -> None:
    network = build(DMTL(width=0.05, hidden=8)).train()
    network(faces(4))["attributes"][:, 34].sum().backward()  # Wearing_Earrings: the group Ear
    rows = network.groups.reduce_weight.grad.flatten(1).any(1)
    names = [group.name for group in peer_problem().groups("mgmtn")]
    assert [name for name, used in zip(names, rows, strict=True) if used] == ["Ear"]
    assert network.trunk[0].weight.grad.any()


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_the_linear_head_is_one_layer_on_the_pooled_map(pooling: str) -> None:
    network = build(LinearHead(backbone="resnet10t", pooling=pooling)).eval()
    with torch.no_grad():
        outputs = network(faces())
        final, _ = network.trunk(faces())
        pooled = final.mean((2, 3)) if pooling == "avg" else final.amax((2, 3))
        layer = network.heads[ATTRIBUTES.name][-1]
        torch.testing.assert_close(outputs["features"], pooled)
        torch.testing.assert_close(outputs["attributes"], pooled @ layer.weight.T + layer.bias)
    assert parameters(network.heads) == 512 * 40 + 40
