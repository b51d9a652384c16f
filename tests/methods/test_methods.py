"""The rows of MGMTN: what they build, in which stages, and what they ask for."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tiny_parts import celeba_problem

from farbench import CELEBA_ATTRIBUTES, BinaryAttributes, Method, TrainStatistics, UserError
from farbench_methods import farbench_methods

MASKED = ("aml", "g2ff_ca", "g2ff_sa", "g2ff_ca_sa")
SHIPPED = {method.name: method for method in farbench_methods()}
METHODS = {name: SHIPPED[name] for name in ("baseline", "attribute_grouping", *MASKED)}


def inputs(method: Method, groups: int = 8) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    images = torch.randn(3, 3, 64, 64)
    if method.mask_request() is None:
        return (images,)
    return images, (torch.rand(3, groups, 16, 16) > 0.4).float()


@pytest.mark.parametrize("name", METHODS)
def test_the_trunk_of_every_row_trains_as_long(name: str) -> None:
    stages = METHODS[name](backbone="resnet10t", hidden=8).stages()
    names = [stage.name for stage in stages]
    trained = [stage.name for stage in stages if "trunk" not in stage.frozen]
    assert trained == ["global", "joint"]
    assert names == (["global", "joint"] if name == "baseline" else ["global", "groups", "joint"])
    first = stages[0].method
    assert first == METHODS["baseline"](backbone="resnet10t", hidden=8)
    assert all(stage.method is stages[-1].method for stage in stages[1:])
    children = dict(stages[-1].method.build(celeba_problem()).named_children())
    assert "trunk" in children


def test_rows_with_the_same_trunk_share_the_global_stage() -> None:
    options = {"backbone": "resnet10t", "pooling": "avg", "hidden": 8, "dropout": 0.1}
    firsts = [method(**options).stages()[0] for method in METHODS.values()]
    assert all(first == firsts[0] for first in firsts)
    assert firsts[0].method.options() == options


@pytest.mark.parametrize("name", METHODS)
def test_masks_are_asked_for_where_they_are_used(name: str) -> None:
    request = METHODS[name]().mask_request()
    if name not in MASKED:
        assert request is None
        return
    assert request is not None
    assert (request.grouping, request.area) == ("mgmtn", 1.0)
    changed = METHODS[name](grouping="mcnn_aux", mask_area=1.44).mask_request()
    assert changed is not None
    assert (changed.grouping, changed.area) == ("mcnn_aux", 1.44)
    method = METHODS[name](backbone="resnet10t")
    with pytest.raises(ValueError, match="given none"):
        method.build(celeba_problem())(inputs(method)[0])


def test_features_have_the_papers_size() -> None:
    """ResNet-50: 2048 for the baseline, 512 + 1024 for AML, 3584 with the global feature."""
    for name, size in (("baseline", 2048), ("aml", 1536), ("g2ff_ca", 3584), ("g2ff_ca_sa", 3584)):
        with torch.device("meta"):
            network = METHODS[name](backbone="resnet50").build(
                dataclasses.replace(celeba_problem(), start_at_prior=False)
            )
        assert network.feature_size == size
        if name == "baseline":
            shapes = [tuple(p.shape) for p in network.heads.parameters() if p.ndim == 2]
            assert shapes == [(512, size), (40, 512)]
        else:
            assert network.heads.reduce_weight.shape == (8, size, 512)
            assert network.heads.weight.shape == (40, 512)


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_g2ff_joins_masked_levels_and_the_global_feature(pooling: str) -> None:
    """Eqs. 1 and 6 without attention, written out."""
    method = METHODS["g2ff_ca"](
        backbone="resnet10t", attention="none", pooling=pooling, hidden=8, mask_coverage=0.5
    )
    network = method.build(celeba_problem()).eval()
    images, masks = inputs(method)
    seen = {}
    network.heads.register_forward_hook(lambda module, args, out: seen.update(features=args[0]))
    with torch.no_grad():
        network(images, masks)
        final, maps = network.trunk(images)
    for group in range(8):
        parts = []
        for level in (3, 4):
            side = maps[level].shape[-1]
            own = masks[:, group].reshape(3, side, 16 // side, side, 16 // side).mean((2, 4))
            parts.append((maps[level] * (own >= 0.5)[:, None]).amax((2, 3)))
        parts.append(final.amax((2, 3)) if pooling == "max" else final.mean((2, 3)))
        torch.testing.assert_close(seen["features"][:, group], torch.cat(parts, 1))


def test_aml_sees_nothing_outside_the_masks_of_a_group() -> None:
    network = METHODS["aml"](backbone="resnet10t", hidden=8).build(celeba_problem()).eval()
    images, masks = inputs(METHODS["aml"]())
    masks[:, 2] = 0  # Lower Face
    with torch.no_grad():
        logits = network(images, masks)["attributes"]
    same = [i for i in range(40) if torch.equal(logits[0, i], logits[1, i])]
    assert [CELEBA_ATTRIBUTES[i] for i in same] == [
        *("Double_Chin", "Goatee", "Wearing_Necklace", "Wearing_Necktie"),
    ]


def test_aml_does_not_pay_for_what_it_does_not_see() -> None:
    aml = METHODS["aml"](backbone="resnet10t").build(celeba_problem())
    joined = METHODS["aml"](backbone="resnet10t", global_feature=True).build(celeba_problem())
    assert not [key for key in aml.state_dict() if "layer4" in key]
    assert [key for key in joined.state_dict() if "layer4" in key]
    trunk = {key for key in aml.state_dict() if key.startswith("trunk.")}
    assert trunk < set(joined.state_dict())


@pytest.mark.parametrize("name", METHODS)
def test_untrained_outputs_are_near_the_prevalence(name: str) -> None:
    rates = [0.02 + 0.02 * i for i in range(40)]
    method = METHODS[name](backbone="resnet10t")
    network = method.build(celeba_problem(rates)).eval()
    with torch.no_grad():
        share = torch.sigmoid(network(*inputs(method))["attributes"]).mean(0)
    assert share.tolist() == pytest.approx(rates, abs=0.04)


def test_a_data_set_with_fewer_attributes_has_fewer_groups() -> None:
    problem = dataclasses.replace(
        celeba_problem(),
        tasks=(BinaryAttributes("few", ("Smiling", "Male", "Eyeglasses")),),
        statistics={"few": TrainStatistics((0.5, 0.4, 0.1))},
    )
    groups = problem.groups("mgmtn")
    method = METHODS["g2ff_sa"](backbone="resnet10t", hidden=8)
    outputs = method.build(problem)(*inputs(method, len(groups)))
    assert outputs["few"].shape == (3, 3)


def test_unknown_groupings_and_levels_are_told() -> None:
    with pytest.raises(UserError, match="mgmtn"):
        METHODS["attribute_grouping"](backbone="resnet10t", grouping="mgmtm").build(
            celeba_problem()
        )
    with pytest.raises(UserError, match="twice"):
        METHODS["aml"](backbone="resnet10t", levels=(3, 3)).build(celeba_problem())
