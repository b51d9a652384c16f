"""Grouped heads on two threads: the same gradients, bit for bit, every time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tiny_parts import celeba_problem

from farbench.nn.heads import GroupedHeads


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_gradients_repeat(two_threads: None) -> None:
    problem = celeba_problem()
    torch.manual_seed(0)
    heads = GroupedHeads(256, problem.groups("mgmtn"), problem, hidden=512, dropout=0.0)
    features = torch.randn(36, 256)

    def gradient() -> torch.Tensor:
        heads.zero_grad()
        heads(features).square().sum().backward()
        assert heads.reduce_weight.grad is not None
        return heads.reduce_weight.grad.clone()

    first = gradient()
    assert all(torch.equal(first, gradient()) for _ in range(30))
