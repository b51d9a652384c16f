"""PS-MCNN: who reads what at each level."""

from __future__ import annotations

import pydantic
import pytest
import torch
from peer_parts import build, built_without_memory, faces, parameters, peer_problem
from torch import nn
from torch.nn.functional import max_pool2d

from farbench import CELEBA_ATTRIBUTES, UserError
from farbench_methods.ps_mcnn import PSMCNN

SMALL = PSMCNN(width=0.25, hidden=8)


def test_levels_have_the_sizes_of_the_re_implementation() -> None:
    network = built_without_memory(PSMCNN())
    read = [
        (level.specific[0][0].in_channels, level.shared[0].in_channels) for level in network.levels
    ]
    # A TSNet reads its own map and SNet's; SNet its own and 32 channels of each of four TSNets.
    assert read == [(3, 3), (64, 160), (128, 192), (192, 192), (192, 192)]
    made = [
        (level.specific[0][0].out_channels, level.shared[0].out_channels)
        for level in network.levels
    ]
    assert made == [(32, 32), (64, 64), (128, 64), (128, 64), (128, 64)]
    assert parameters(network.layers[0]) == 512 * (128 * 7 * 7 + 1) + 512 * 513  # 224 px
    assert parameters(network.layers[-1]) == 512 * (64 * 7 * 7 + 1) + 512 * 513
    assert network.outputs.weight.shape == (40, 1024)


def test_levels_written_out() -> None:
    network = build(SMALL.model_copy(update={"exchanged": 20})).eval()  # 5 channels of each
    seen: list[tuple[object, ...]] = []
    for level in network.levels:
        level.register_forward_hook(lambda module, given, out: seen.append((*given, *out)))
    with torch.no_grad():
        network(faces())
    for number in range(1, 5):
        _, _, maps, shared = seen[number - 1]
        to_tasks, to_shared, made, common = seen[number]
        for own, given in zip(maps, to_tasks, strict=True):
            assert torch.equal(given, torch.cat([own, shared], 1))
        assert torch.equal(to_shared, torch.cat([own[:, :5] for own in maps] + [shared], 1))
        level = network.levels[number]
        with torch.no_grad():
            for convolution, given, out in zip(level.specific, to_tasks, made, strict=True):
                torch.testing.assert_close(out, max_pool2d(convolution(given), 2))
            torch.testing.assert_close(common, max_pool2d(level.shared(to_shared), 2))


def reached(network: nn.Module, attribute: str) -> list[list[bool]]:
    """For each level, which TSNets an attribute's gradient reaches."""
    network.zero_grad()
    network(faces(4))["attributes"][:, CELEBA_ATTRIBUTES.index(attribute)].sum().backward()
    return [
        [
            one[0].weight.grad is not None and bool(one[0].weight.grad.any())
            for one in level.specific
        ]
        for level in network.levels
    ]


def test_every_group_learns_from_every_network_below_the_last_level() -> None:
    rows = reached(build(SMALL).train(), "Bangs")  # Upper: the first TSNet
    assert rows[-1] == [True, False, False, False]
    # One level below, the others are read by SNet only, whose map the first TSNet reads next.
    assert all(all(row) for row in rows[:-1])


def test_without_exchange_groups_learn_apart() -> None:
    network = build(SMALL.model_copy(update={"exchanged": 0})).train()
    assert reached(network, "Bangs") == [[True, False, False, False]] * 5
    assert network.levels[0].shared[0].weight.grad.any()  # SNet is read all the same


def test_snet_reads_the_first_channels_of_a_narrow_network() -> None:
    method = SMALL.model_copy(update={"exchanged": 400})
    network = build(method)
    assert network.exchanged == [8, 16, 32, 32, 32]
    assert network(faces())["attributes"].shape == (2, 40)


def test_attributes_read_their_own_feature_and_snets() -> None:
    network = build(SMALL).eval()
    seen = {}
    network.outputs.register_forward_hook(lambda module, given, out: seen.update(given=given[0]))
    with torch.no_grad():
        network(faces())
    assert seen["given"].shape == (2, 4, 16)
    shared = seen["given"][:, :, 8:]
    assert torch.equal(shared, shared[:, :1].expand_as(shared))
    assert not torch.equal(seen["given"][:, 0, :8], seen["given"][:, 1, :8])


def test_what_cannot_be_built_is_told() -> None:
    with pytest.raises(pydantic.ValidationError, match="give both as many"):
        PSMCNN(task_channels=(8, 8))
    with pytest.raises(UserError, match="halves the image 5 times"):
        build(SMALL, peer_problem(side=31))
