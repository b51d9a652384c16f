"""A batch that passes in parts: the same loss and gradients, and BatchNorm moved once a part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from test_stage import make_run, train, weights
from tiny_parts import COLOUR_TASK, CPU, TinyNet, colour_batches
from torch import Tensor, nn

from farbench.data.batches import Batch
from farbench.plugins.manager import load_plugins
from farbench.plugins.method import Problem
from farbench.testing.problems import STATISTICS, TASKS, drawn_targets
from farbench.training.device import Forward
from farbench.training.micro_batches import Parts
from farbench.training.terms import TrainingLoss

LOSSES = {"attributes": "equalized_focal", "classes": "cross_entropy", "scalar": "smooth_l1"}


class Plain(nn.Module):
    """Looks at each image by itself."""

    feature_size = 6

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU())
        self.heads = nn.ModuleDict({k: nn.Linear(6, TASKS[k].outputs) for k in LOSSES})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.trunk(images).mean((2, 3))
        outputs = {TASKS[k].name: head(features) for k, head in self.heads.items()}
        return outputs | {"features": features}


def drawn(count: int) -> Batch:
    """A batch whose first images know few of their labels."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 12, 12, 3), dtype=torch.uint8, generator=generator)
    targets = {TASKS[k].name: drawn_targets(k, count, 0) for k in LOSSES}
    attributes = targets[TASKS["attributes"].name]
    attributes[: count // 2, 1:] = -1
    return Batch(images, None, targets, np.arange(count))


@pytest.mark.parametrize("size", [2, 3, 4, 10])
@pytest.mark.parametrize("weighting", ["equal", "dynamic", "uncertainty"])
def test_gradients_are_those_of_the_whole_batch(weighting: str, size: int) -> None:
    registry = load_plugins(())
    tasks = tuple(TASKS[k] for k in LOSSES)
    problem = Problem(tasks, 12, STATISTICS, pretrained=False)
    losses = {TASKS[k].name: registry.losses[name].value() for k, name in LOSSES.items()}
    found: list[list[Tensor]] = []
    for parts in (None, size):
        torch.manual_seed(0)
        network = Plain()
        loss = TrainingLoss(problem, losses, registry.weightings[weighting].value(), 6)
        forward = Forward(network, tasks, CPU, masked=False, micro_batch=parts)
        for _ in range(2):  # the second step sees what a loss counted in the first
            network.zero_grad()
            batch = drawn(9)
            value, _, _ = loss(forward(batch), forward.targets(batch))
            forward.backward(value)
        gradients = [parameter.grad for parameter in network.parameters()]
        found.append([value.detach(), *gradients, *loss.buffers()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    assert found[0][1].abs().max() > 1e-4


def test_parts_are_computed_again_as_they_were() -> None:
    """With dropout and BatchNorm: as if each part's activations had been kept."""
    forward_size, images = 4, torch.randn(10, 3, 16, 16)
    found: list[list[Tensor]] = []
    for kept in (True, False):
        torch.manual_seed(0)
        network = TinyNet(8).train()
        torch.manual_seed(5)
        if kept:
            pieces = images.tensor_split(3)
            colours = torch.cat([network(piece)["colours"] for piece in pieces])
            colours.square().sum().backward()
        else:
            parts = Parts(network, forward_size)
            parts.outputs(network, images)["colours"].square().sum().backward()
            parts.settle()
        found.append([*(p.grad for p in network.parameters()), *network.buffers()])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("count", "sizes"), [(9, [5, 4]), (10, [4, 3, 3]), (5, [5]), (1, [1])])
def test_parts_are_even_and_never_one_image(count: int, sizes: list[int]) -> None:
    size = {9: 8, 10: 4, 5: 5, 1: 4}[count]
    seen: list[int] = []

    def call(images: Tensor) -> dict[str, Tensor]:
        seen.append(len(images))
        return {"colours": images.mean((2, 3))}

    Parts(nn.Identity(), size).outputs(call, torch.zeros(count, 3, 2, 2, requires_grad=True))
    assert seen == sizes
    seen.clear()
    Parts(nn.Identity(), 2).outputs(call, torch.zeros(3, 3, 2, 2))
    assert seen == [3]


def test_memory_holds_one_part() -> None:
    """Between the passes the images are kept, and nothing of the network's inside."""
    saved: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        saved.append(tensor.numel())
        return tensor

    network = TinyNet(8).train()
    batch = next(iter(colour_batches(60, 8).evaluate(np.arange(12), 12)))
    totals = {}
    for parts in (None, 4):
        saved.clear()
        forward = Forward(network, (COLOUR_TASK,), CPU, masked=False, micro_batch=parts)
        with torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept):
            forward(batch)
        totals[parts] = sum(saved)
    images = 12 * 3 * 16 * 16
    assert totals[4] <= images < 0.5 * totals[None]


def test_a_stage_is_trained_in_parts(tmp_path: Any) -> None:
    meta = train(make_run(micro_batch=4, epochs=8, learning_rate=3e-2), tmp_path / "parts")
    train(make_run(epochs=8, learning_rate=3e-2), tmp_path / "whole")
    assert meta["history"][-1]["loss"] < 0.8 * meta["history"][0]["loss"]
    one, other = weights(tmp_path / "parts"), weights(tmp_path / "whole")
    assert not torch.equal(one["trunk.1.running_mean"], other["trunk.1.running_mean"])
    train(make_run(micro_batch=8, epochs=8, learning_rate=3e-2), tmp_path / "larger")
    for key, value in weights(tmp_path / "larger").items():  # as large as the batch: no parts
        assert torch.equal(value, other[key])
