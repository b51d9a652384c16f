"""Steps of what ships on a GPU while torch refuses whatever makes the host wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batch
from farbench.plugins.manager import load_plugins
from farbench.plugins.method import Method, Problem
from farbench.plugins.registry import Registry
from farbench.plugins.weighting import TaskWeighting
from farbench.testing.problems import STATISTICS, TASKS, drawn_batch, drawn_targets
from farbench.training.device import Compute, Forward
from farbench.training.optimizer import make_optimizer, set_learning_rate
from farbench.training.terms import TrainingLoss

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here"),
]

SIDE = 64
USUAL = {
    "attributes": "bce",
    "classes": "cross_entropy",
    "scalar": "smooth_l1",
    "landmarks": "wing",
    "identity": "softmax_centre",
}
REGISTRY = load_plugins(())


@pytest.fixture(autouse=True)
def back_to_default() -> Iterator[None]:
    """Whatever a test does, the next one begins as usual."""
    yield
    torch.cuda.set_sync_debug_mode("default")


def take_steps(
    registry: Registry,
    method: Method,
    kinds: tuple[str, ...],
    losses: dict[str, str] | None = None,
    weighting: TaskWeighting | None = None,
    protocol: dict[str, Any] | None = None,
) -> None:
    """Take a first step as it comes, then two in which nothing may wait."""
    device = torch.device("cuda")
    tasks = tuple(TASKS[kind] for kind in kinds)
    groupings = registry.grouping_records()
    problem = Problem(tasks, SIDE, STATISTICS, pretrained=False, groupings=groupings)
    compute = Compute(device, "bfloat16", 1)
    network = compute.place(method.build(problem)).train()
    chosen = {kind: registry.losses[(losses or USUAL)[kind]].value() for kind in kinds}
    loss = TrainingLoss(
        problem,
        {TASKS[kind].name: one for kind, one in chosen.items()},
        weighting or registry.weightings["equal"].value(),
        int(getattr(network, "feature_size", 0)),
    ).to(device)
    own = list(loss.weighting.parameters()) if loss.weighting is not None else []
    settings = Protocol(name="tests", **(protocol or {}))
    trained = [*network.parameters(), *loss.modules_by_term.parameters()]
    optimizer = make_optimizer(trained, settings, 1e-3, compute, own, 1e-3)
    request = method.mask_request()
    groups = None if request is None else len(problem.groups(request.grouping))
    forward = Forward(network, tasks, compute, groups is not None, settings.part_size)
    drawn = drawn_batch(4, groups, SIDE, 0)
    targets = {TASKS[kind].name: drawn_targets(kind, 4, 0) for kind in kinds}
    batch = Batch(drawn.images, drawn.masks, targets, drawn.positions).pinned()
    total = torch.zeros((), device=device, dtype=torch.float64)
    for step in range(3):
        torch.cuda.set_sync_debug_mode("error" if step else "default")
        set_learning_rate(optimizer, 1e-3)
        value, _, _ = loss(forward(batch), forward.targets(batch))
        optimizer.zero_grad(set_to_none=True)
        forward.backward(value)
        optimizer.step()
        total += value.detach() * len(batch.positions)
    torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(total)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("name", ["linear_head", "baseline", "g2ff_ca"])
def test_methods(name: str, optimizer: str) -> None:
    method = REGISTRY.methods[name].value(backbone="resnet10t")
    take_steps(REGISTRY, method, ("attributes",), protocol={"optimizer": optimizer})


@pytest.mark.parametrize("name", sorted(REGISTRY.losses))
def test_losses(name: str) -> None:
    kind = REGISTRY.losses[name].value.tasks[0]
    method = REGISTRY.methods["linear_head"].value(backbone="resnet10t")
    take_steps(REGISTRY, method, (kind,), losses={**USUAL, kind: name})


@pytest.mark.parametrize("name", sorted(REGISTRY.weightings))
def test_weightings(name: str) -> None:
    method = REGISTRY.methods["linear_head"].value(backbone="resnet10t")
    kinds = ("attributes", "classes", "scalar")
    take_steps(REGISTRY, method, kinds, weighting=REGISTRY.weightings[name].value())


def test_a_batch_in_parts() -> None:
    method = REGISTRY.methods["baseline"].value(backbone="resnet10t")
    take_steps(REGISTRY, method, ("attributes",), protocol={"micro_batch": 2, "batch_size": 4})
