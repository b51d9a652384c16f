"""The weights that a stage starts from: handed on module by module."""

from __future__ import annotations

import torch
from tiny_parts import TinyNet, celeba_problem
from torch import nn

from farbench.training.weights import hand_on
from farbench_methods.attribute_grouping import AttributeGrouping
from farbench_methods.baseline import Baseline


def test_weights_are_handed_on_module_by_module() -> None:
    torch.manual_seed(0)
    old, new = TinyNet(8), TinyNet(8)
    new.extra = nn.Linear(2, 2)
    assert hand_on(new, old.state_dict()) == len(old.state_dict())
    for key, value in old.state_dict().items():
        assert torch.equal(new.state_dict()[key], value)
    # A wider head: the trunk fits; in the head the last bias would fit, without its weight.
    wide = TinyNet(16)
    fresh = {key: value.clone() for key, value in wide.state_dict().items()}
    hand_on(wide, old.state_dict())
    for key, value in wide.state_dict().items():
        expected = old.state_dict()[key] if key.startswith("trunk.") else fresh[key]
        assert torch.equal(value, expected), key
    # Gone from the new network, unknown to the old one: neither is an error.
    small = nn.Sequential(nn.Linear(3, 3))
    assert hand_on(small, old.state_dict()) == 0


def test_a_group_head_starts_afresh_behind_a_trunk_that_is_handed_on() -> None:
    options = {"backbone": "resnet10t", "hidden": 8}
    torch.manual_seed(0)
    one = Baseline(**options).build(celeba_problem())
    groups = AttributeGrouping(**options).build(celeba_problem())
    with torch.no_grad():
        for value in one.heads.parameters():
            value.fill_(7.0)
    hand_on(groups, one.state_dict())
    assert torch.equal(groups.trunk.net.conv1[0].weight, one.trunk.net.conv1[0].weight)
    assert not (groups.heads.weight == 7).any()
    assert not (groups.heads.bias == 7).any()
