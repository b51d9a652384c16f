"""A training step as the core takes it never makes the host wait for the device."""

from __future__ import annotations

import pytest
import torch

from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batch
from farbench.plugins.manager import load_plugins
from farbench.plugins.method import Problem
from farbench.testing.no_waiting import META, no_waiting, on_meta
from farbench.testing.problems import STATISTICS, TASKS, drawn_batch, drawn_targets
from farbench.training.device import Compute, Forward
from farbench.training.optimizer import make_optimizer, set_learning_rate
from farbench.training.terms import TrainingLoss


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("weighting", ["equal", "dynamic"])
def test_a_step_reads_nothing_back(optimizer: str, weighting: str) -> None:
    """The device is torch's own `meta`: whatever reads a value there is an error."""
    registry = load_plugins(())
    method = registry.methods["linear_head"].value(backbone="resnet10t")
    tasks = (TASKS["attributes"], TASKS["classes"], TASKS["scalar"])
    losses = {"attributes": "bce", "classes": "cross_entropy", "scalar": "smooth_l1"}
    groupings = registry.grouping_records()
    problem = Problem(tasks, 64, STATISTICS, pretrained=False, groupings=groupings)
    compute = Compute(META, "float32", 1)
    network = compute.place(method.build(problem)).train()
    loss = TrainingLoss(
        problem,
        {task.name: registry.losses[losses[task.kind]].value() for task in tasks},
        registry.weightings[weighting].value(),
        int(network.feature_size),
    ).to(META)
    own = list(loss.weighting.parameters()) if loss.weighting is not None else []
    protocol = Protocol(name="tests", optimizer=optimizer)
    stepper = make_optimizer(list(network.parameters()), protocol, 1e-3, compute, own, 1e-3)
    forward = Forward(network, tasks, compute, masked=False)
    batch = drawn_batch(4, None, 64, 0)
    terms = torch.zeros((2, 2, len(loss.terms)), device=META)
    total = torch.zeros((), device=META, dtype=torch.float64)
    targets = {task.name: on_meta(drawn_targets(task.kind, 4, 0)) for task in tasks}
    on_device = Batch(on_meta(batch.images), None, targets, batch.positions)
    with no_waiting():
        for step in range(2):
            set_learning_rate(stepper, 1e-3)
            found = loss(forward(on_device), forward.targets(on_device))
            value, terms[step, 0], terms[step, 1] = found
            stepper.zero_grad(set_to_none=True)
            value.backward()
            stepper.step()
            total += value.detach() * len(batch.positions)
