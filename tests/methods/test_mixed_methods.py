"""What holds for every method for mixed tasks, beside the contract of all methods."""

from __future__ import annotations

import pytest
import torch
from mixed_tasks import AGE, ALL, ATTRIBUTES, RACE, WHO, mixed_problem
from torch import Tensor, nn

from farbench import Method, Task
from farbench_methods.attributes_landmarks import AttributesLandmarks
from farbench_methods.dynamic_mtl import DynamicMTL
from farbench_methods.far_amtn import FarAMTN
from farbench_methods.mobilenetv3_mha import MobileNetV3MHA

TINY: dict[str, Method] = {
    "far_amtn": FarAMTN(backbone="resnet10t", dropout=0.2),
    "far_amtn_unshared": FarAMTN(backbone="resnet10t", shared=False, fusion="concat"),
    "far_amtn_lite": FarAMTN(backbone="test_efficientnet", residual=False, fusion="none"),
    "mobilenetv3_mha": MobileNetV3MHA(backbone="lcnet_050", embedding=16, heads=4),
    "mobilenetv3_mha_shared": MobileNetV3MHA(backbone="resnet10t", branch_at=0, attention=False),
    "attributes_landmarks": AttributesLandmarks(backbone="resnet10t", hidden=8),
    "dynamic_mtl": DynamicMTL(hidden=8),
}


def built(method: Method, tasks: tuple[Task, ...] = ALL, side: int = 64) -> nn.Module:
    torch.manual_seed(0)
    return method.build(mixed_problem(tasks, side))


def images(count: int = 3, side: int = 64) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", TINY)
def test_predicts_every_kind_of_task_and_trains_every_parameter(name: str) -> None:
    network = built(TINY[name])
    outputs = network(images())
    shapes = {key: tuple(value.shape) for key, value in outputs.items()}
    features = (3, network.feature_size)
    assert shapes == {task.name: (3, task.outputs) for task in ALL} | {"features": features}
    # The shared feature alone is enough for no task: what is trained are the tasks' outputs.
    sum(outputs[task.name].square().sum() for task in ALL).backward()
    trained = {key for key, value in network.named_parameters() if value.requires_grad}
    assert {key for key, value in network.named_parameters() if value.grad is not None} == trained
    frozen = {key for key, _ in network.named_parameters()} - trained
    declared = name == "attributes_landmarks"
    assert bool(frozen) is declared
    assert all(key.startswith("trunk.") for key in frozen)
    assert len(network.pixel_mean) == len(network.pixel_std) == 3


@pytest.mark.parametrize("name", ["mobilenetv3_mha", "attributes_landmarks", "dynamic_mtl"])
def test_a_task_trains_its_own_part_and_the_shared_one(name: str) -> None:
    network = built(TINY[name], (RACE, AGE))
    network(images())["age"].square().sum().backward()
    trained = {key for key, value in network.named_parameters() if value.grad is not None}
    assert not [key for key in trained if ".race." in key]
    assert [key for key in trained if ".age." in key]
    shared = [key for key in trained if ".age." not in key]
    assert bool(shared) is (name != "attributes_landmarks")  # its trunk is frozen


@pytest.mark.parametrize("name", TINY)
def test_a_single_task_is_the_same_network_with_one_task(name: str) -> None:
    outputs = built(TINY[name], (AGE,))(images())
    assert sorted(outputs) == ["age", "features"]
    assert outputs["age"].shape == (3, 1)


@pytest.mark.parametrize("name", TINY)
def test_untrained_outputs_are_near_the_priors(name: str) -> None:
    problem = mixed_problem((ATTRIBUTES, RACE, AGE))
    torch.manual_seed(0)
    network = TINY[name].build(problem).eval()
    with torch.no_grad():
        outputs = network(images())
    for task in problem.tasks:
        prior = torch.tensor(problem.prior(task))
        assert (outputs[task.name] - prior).abs().max() < 0.5, task.name


@pytest.mark.parametrize("name", TINY)
def test_an_embedding_has_no_prior(name: str) -> None:
    """Nothing is shrunk where nothing is known; the same seed gives the same embedding."""
    outputs = []
    for start_at_prior in (True, False):
        torch.manual_seed(0)
        network = TINY[name].build(mixed_problem((WHO,), start_at_prior=start_at_prior)).eval()
        with torch.no_grad():
            outputs.append(network(images())["who"])
    assert torch.equal(*outputs)
    assert outputs[0].std(0).min() > 0
