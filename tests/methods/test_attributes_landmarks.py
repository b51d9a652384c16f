"""What is frozen in attributes_landmarks, by stage and by BatchNorm."""

from __future__ import annotations

import pytest
import torch
from mixed_tasks import ATTRIBUTES, POINTS, mixed_problem
from torch import nn

from farbench.training.weights import freeze, set_to_train
from farbench_methods.attributes_landmarks import AttributesLandmarks


@pytest.mark.parametrize("freeze_backbone", [True, False])
@pytest.mark.parametrize("frozen_batchnorm", [True, False])
def test_a_step_moves_what_it_should(freeze_backbone: bool, frozen_batchnorm: bool) -> None:
    method = AttributesLandmarks(
        backbone="resnet10t", freeze_backbone=freeze_backbone, frozen_batchnorm=frozen_batchnorm
    )
    torch.manual_seed(0)
    network = method.build(mixed_problem((ATTRIBUTES, POINTS)))
    (stage,) = method.stages()
    trained = freeze(network, stage.frozen)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    set_to_train(network, stage.frozen)
    optimizer = torch.optim.SGD(trained, lr=0.1)
    outputs = network(torch.randn(4, 3, 64, 64))
    (outputs["attributes"].square().mean() + outputs["points"].square().mean()).backward()
    optimizer.step()
    moved = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    weights = {key for key in moved if key.startswith("trunk.") and key.endswith("weight")}
    statistics = {key for key in moved if key.endswith("running_mean")}
    assert bool(weights) is not freeze_backbone
    assert bool(statistics) is not (freeze_backbone and frozen_batchnorm)
    assert {key for key in moved if key.startswith("heads.")} == {
        key for key in before if key.startswith("heads.")
    }


def test_heads_are_the_repositorys() -> None:
    """512 -> 256 -> ReLU -> outputs."""
    network = AttributesLandmarks().build(mixed_problem((ATTRIBUTES, POINTS)))
    for name, outputs in (("attributes", 40), ("points", 10)):
        layers = [layer for layer in network.heads[name] if not isinstance(layer, nn.Dropout)]
        assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Linear]
        assert layers[0].weight.shape == (256, 512)
        assert layers[2].weight.shape == (outputs, 256)


def test_the_feature_is_the_average_of_the_final_map() -> None:
    network = AttributesLandmarks(backbone="resnet10t").build(mixed_problem((POINTS,))).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        outputs = network(images)
        pooled = network.trunk(images)[0].mean((2, 3))
        torch.testing.assert_close(outputs["points"], network.heads(pooled)["points"])
    torch.testing.assert_close(outputs["features"], pooled)
