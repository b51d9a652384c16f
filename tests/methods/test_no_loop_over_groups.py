"""All groups in one pass: a step has as many operations with two groups as with eight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_parts import celeba_problem
from torch.utils._python_dispatch import TorchDispatchMode

from farbench import CELEBA_ATTRIBUTES, Grouping
from farbench_methods import farbench_methods

METHODS = {method.name: method for method in farbench_methods()}
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("attribute_grouping", {}),
    ("aml", {}),
    ("g2ff_ca", {}),
    ("g2ff_ca", {"attention_shared": False}),
    ("g2ff_sa", {}),
    ("g2ff_ca_sa", {}),
    ("g2ff_ca_sa", {"attention_shared": False}),
    ("far_amtn", {}),
    ("far_amtn", {"fusion": "concat", "residual": False, "group_hidden": 8}),
)


class Operations(TorchDispatchMode):
    """Counts what torch is asked to compute, backward passes included."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def grouped(count: int) -> Grouping:
    """The attributes dealt out to so many groups."""
    return Grouping(
        name="dealt",
        source="a test",
        groups={f"g{n}": CELEBA_ATTRIBUTES[n::count] for n in range(count)},
        regions={f"g{n}": "face" for n in range(count)},
    )


def operations(name: str, options: dict[str, Any], groups: int) -> list[str]:
    """Return the operations of a forward and a backward pass."""
    problem = replace(celeba_problem(), groupings={"dealt": grouped(groups)})
    method = METHODS[name](backbone="resnet10t", hidden=8, grouping="dealt", **options)
    torch.manual_seed(0)
    network = method.build(problem).train()
    inputs = [torch.randn(2, 3, 32, 32)]
    if method.mask_request() is not None:
        inputs.append((torch.rand(2, groups, 8, 8) > 0.5).float())
    with Operations() as counted:
        network(*inputs)["attributes"].square().sum().backward()
    return counted.names


@pytest.mark.parametrize(("name", "options"), CASES)
def test_more_groups_are_not_more_operations(name: str, options: dict[str, Any]) -> None:
    few, many = (operations(name, options, groups) for groups in (2, 8))
    assert len(few) > 50
    assert sorted(few) == sorted(many)
