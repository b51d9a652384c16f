"""What every method for mixed tasks keeps to: shapes, gradients, sizes, options, weights."""

from __future__ import annotations

import functools
from typing import Any

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

OTHER: dict[str, dict[str, Any]] = {
    "far_amtn": {
        "backbone": "test_efficientnet",
        "pooling": "avg",
        "hidden": 7,
        "dropout": 0.9,
        "grouping": "mcnn_aux",
        "shared": False,
        "attention": False,
        "reduction": 4,
        "residual": False,
        "fusion": "concat",
        "group_hidden": 5,
    },
    "mobilenetv3_mha": {
        "backbone": "resnet10t",
        "branch_at": 2,
        "attention": False,
        "heads": 2,
        "embedding": 8,
        "dropout": 0.9,
    },
    "attributes_landmarks": {
        "backbone": "test_efficientnet",
        "freeze_backbone": False,
        "frozen_batchnorm": False,
        "hidden": 0,
        "dropout": 0.9,
    },
    "dynamic_mtl": {
        "repeats": (1, 2),
        "branch_repeats": 0,
        "hidden": 0,
        "dropout": 0.9,
        "flat_features": True,
    },
}

OPTIONS = [(name, option) for name, changes in OTHER.items() for option in changes]


def built(method: Method, tasks: tuple[Task, ...] = ALL, side: int = 64) -> nn.Module:
    torch.manual_seed(0)
    return method.build(mixed_problem(tasks, side))


def images(count: int = 3, side: int = 64) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@functools.cache
def everything_seen(method: Method, side: int = 64) -> str:
    """Whatever an option can change: stages, parameters, what is frozen, outputs."""
    network = built(method, (ATTRIBUTES,), side)
    torch.manual_seed(2)
    with torch.no_grad():
        outputs = network(images(2, side))
    stages = method.stages()
    before = [(stage.name, stage.method.options(), stage.frozen) for stage in stages[:-1]]
    weights = [(key, value.shape, value.requires_grad) for key, value in network.named_parameters()]
    return repr((before, stages[-1].frozen, weights, outputs))


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
def test_runs_on_another_image_size(name: str) -> None:
    network = built(TINY[name], (RACE, AGE)).eval()
    with torch.no_grad():
        outputs, at_home = network(images(2, 96)), network(images(2))
    for key, value in outputs.items():
        assert torch.isfinite(value).all()
        assert value.shape == at_home[key].shape


@pytest.mark.parametrize("name", TINY)
def test_one_image_gets_what_it_gets_in_a_batch(name: str) -> None:
    network = built(TINY[name], (RACE, AGE)).eval()
    with torch.no_grad():
        batch, one = network(images()), network(images()[1:2])
    for key, value in one.items():
        torch.testing.assert_close(value, batch[key][1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TINY)
def test_a_single_task_is_the_same_network_with_one_task(name: str) -> None:
    outputs = built(TINY[name], (AGE,))(images())
    assert sorted(outputs) == ["age", "features"]
    assert outputs["age"].shape == (3, 1)


@pytest.mark.parametrize("name", TINY)
def test_weights_survive_a_round_trip(name: str) -> None:
    network = built(TINY[name], (RACE, AGE)).eval()
    torch.manual_seed(5)
    copy = TINY[name].build(mixed_problem((RACE, AGE))).eval()
    with torch.no_grad():
        assert not torch.equal(network(images())["age"], copy(images())["age"])
        copy.load_state_dict(network.state_dict())
        for key, value in network(images()).items():
            assert torch.equal(value, copy(images())[key]), key


@pytest.mark.parametrize("name", TINY)
def test_runs_in_bfloat16_and_channels_last(name: str) -> None:
    network = built(TINY[name], (RACE, AGE)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = network(images().to(memory_format=torch.channels_last))
    assert all(torch.isfinite(value.float()).all() for value in outputs.values())


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


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_every_option_changes_something(name: str, option: str) -> None:
    method = TINY[name]
    side = 112 if option == "flat_features" else 64
    changed = type(method)(**(dict(method) | {option: OTHER[name][option]}))
    assert everything_seen(method, side) != everything_seen(changed, side)


@pytest.mark.parametrize("name", OTHER)
def test_the_same_options_give_the_same(name: str) -> None:
    method = TINY[name]
    assert everything_seen(method) == everything_seen.__wrapped__(type(method)(**dict(method)))


@pytest.mark.parametrize("name", OTHER)
def test_options_are_all_tried_and_explained(name: str) -> None:
    method = type(TINY[name])
    assert set(method.model_fields) == set(OTHER[name])
    assert [key for key, field in method.model_fields.items() if not field.description] == []
    assert method.name == name
    assert method.source
    assert method.__doc__


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
