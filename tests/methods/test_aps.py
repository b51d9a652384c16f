"""APS: VGG taken apart, the task networks' formula, soft alignment written out."""

from __future__ import annotations

import pytest
import timm
import torch
from peer_parts import build, faces
from torch.nn.functional import max_pool2d

from farbench_methods.aps import APS
from farbench_methods.aps_network import Alignment, TaskNetwork, VGGBlocks


@pytest.mark.parametrize(("name", "convolutions"), [("vgg16", (2, 2, 3, 3, 3)), ("vgg11_bn", None)])
def test_vgg_blocks_are_timms_vgg(
    monkeypatch: pytest.MonkeyPatch, name: str, convolutions: tuple[int, ...] | None
) -> None:
    # A VGG of few channels, so that it is made in no time.
    cfgs = timm.models.vgg.cfgs
    few = {key: [v if v == "M" else v // 32 for v in cfg] for key, cfg in cfgs.items()}
    monkeypatch.setattr(timm.models.vgg, "cfgs", few)
    whole: list[torch.nn.Module] = []
    create = timm.create_model

    def remember(*given: object, **named: object) -> torch.nn.Module:
        whole.append(create(*given, **named))
        return whole[-1]

    monkeypatch.setattr(timm, "create_model", remember)
    blocks = VGGBlocks(name, pretrained=False).eval()
    assert blocks.channels == [2, 4, 8, 16, 16]
    pairs = blocks(faces())
    assert [tuple(last.shape[2:]) for _, last in pairs] == [(s, s) for s in (64, 32, 16, 8, 4)]
    with torch.no_grad():
        last = max_pool2d(pairs[-1][1], 2)
        torch.testing.assert_close(last, whole[0].features(faces()))
    if convolutions:
        for number, (first, rest) in enumerate(zip(blocks.first, blocks.rest, strict=True)):
            assert len(first) == 2
            assert len(rest) == 2 * (convolutions[number] - 1)
        assert all((first >= 0).all() for first, _ in pairs)
        assert not any(torch.equal(first, last) for first, last in pairs)


def test_published_width() -> None:
    with torch.device("meta"):
        blocks = VGGBlocks("vgg16", pretrained=False)
    assert blocks.channels == [64, 128, 256, 512, 512]
    assert sum(value.numel() for value in blocks.parameters()) == 14_714_688


def test_a_task_networks_maps() -> None:
    torch.manual_seed(0)
    channels = [3, 4, 5, 6, 6]
    network = TaskNetwork(channels, "sigmoid").eval()
    pairs = [
        (torch.rand(2, c, 32 >> b, 32 >> b), torch.rand(2, c, 32 >> b, 32 >> b))
        for b, c in enumerate(channels)
    ]
    maps = network(pairs)
    torch.testing.assert_close(maps[0], pairs[0][0] * pairs[0][1])
    for b in range(1, 5):
        before = max_pool2d(network.passed[b - 1](maps[b - 1]), 2)
        gate = network.gates[b - 1](torch.cat([before, pairs[b][0]], 1))
        assert 0 <= gate.min() <= gate.max() <= 1
        torch.testing.assert_close(maps[b], gate * pairs[b][1])


def test_the_global_feature_cancels_in_the_printed_score() -> None:
    """<u, h + g> and <u, h> give the same softmax: why no layer makes g."""
    torch.manual_seed(0)
    align = Alignment(6, 6, APS(tau=0.3))
    own, shared, whole = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4), torch.randn(2, 6)
    h, low = own.flatten(2), shared.flatten(2)
    c = torch.einsum("d,ndp->np", align.own, h + whole[:, :, None])
    r = torch.einsum("d,ndp->np", align.shared, low + whole[:, :, None])
    a = torch.softmax(0.3 * c + 0.7 * r, 1)
    expected = torch.einsum("np,ndp->nd", a, h)
    torch.testing.assert_close(align(own, shared, None), expected)
    assert len(build(APS(backbone="resnet10t")).whole) == 0


def test_dot_compares_with_the_global_feature() -> None:
    torch.manual_seed(0)
    align = Alignment(6, 6, APS(tau=0.3, compatibility="dot"))
    assert list(align.parameters()) == []
    own, shared, whole = torch.randn(2, 6, 3, 4), torch.randn(2, 6, 3, 4), torch.randn(2, 6)
    h, low = own.flatten(2), shared.flatten(2)
    scores = 0.3 * torch.einsum("nd,ndp->np", whole, h) + 0.7 * torch.einsum(
        "nd,ndp->np", whole, low
    )
    a = torch.softmax(scores / 6**0.5, 1)
    torch.testing.assert_close(align(own, shared, whole), torch.einsum("np,ndp->nd", a, h))


@pytest.mark.parametrize("compatibility", ["printed", "dot"])
def test_both_blocks_are_weighed_by_eta(compatibility: str) -> None:
    network = build(APS(backbone="resnet10t", eta=0.25, compatibility=compatibility)).eval()
    seen: dict[str, torch.Tensor] = {}
    for name, module in (("fourth", network.fourth[1]), ("fifth", network.fifth[1])):
        module.register_forward_hook(lambda _, given, out, name=name: seen.update({name: out}))
    with torch.no_grad():
        pairs = network.trunk(faces())
        feature = network._feature(1, pairs)
    torch.testing.assert_close(feature, torch.cat([0.25 * seen["fourth"], 0.75 * seen["fifth"]], 1))


def test_groups_share_the_trunk_and_nothing_else() -> None:
    network = build(APS(backbone="resnet10t", compatibility="dot")).train()
    network(faces(4))["attributes"][:, 20].sum().backward()  # Male: General, the second
    for parts in (network.tasks, network.fourth, network.fifth, network.whole):
        for number, part in enumerate(parts):
            learns = [v.grad is not None and bool(v.grad.any()) for v in part.parameters()]
            assert all(learns) if number else not any(learns)
    assert network.trunk.net.net.conv1[0].weight.grad.any()
