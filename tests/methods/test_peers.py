"""What holds for every peer of MGMTN's Table 2, beside the contract of all methods."""

from __future__ import annotations

import itertools

import pytest
import torch
from peer_parts import ATTRIBUTES, FEW, build, faces, peer_problem
from torch import Tensor, nn

from farbench import CELEBA_ATTRIBUTES, Landmarks, Method, Scalar, UserError
from farbench.tasks.classes import Classes
from farbench_methods import farbench_groupings
from farbench_methods.aps import APS
from farbench_methods.dmm_cnn import DMMCNN
from farbench_methods.dmtl import DMTL
from farbench_methods.farl_head import FaRLHead
from farbench_methods.linear_head import LinearHead
from farbench_methods.mcnn_aux import MCNNAux
from farbench_methods.moon import Moon
from farbench_methods.ps_mcnn import PSMCNN
from farbench_methods.spl_net import SPLNet

PEERS: dict[str, Method] = {
    method.name: method
    for method in (
        LinearHead(backbone="resnet10t"),
        Moon(backbone="resnet10t", fc_sizes=(32, 16), grid=2),
        MCNNAux(width=0.1, hidden=16),
        DMTL(width=0.05, hidden=16),
        PSMCNN(width=0.2, hidden=16),
        SPLNet(width=0.125, reduction=2),
        APS(backbone="resnet10t"),
        DMMCNN(backbone="resnet10t", channels=16, hidden=16),
        FaRLHead(backbone="vit_tiny_patch16_224", layers=(0,)),
    )
}
GROUPED = [name for name, method in PEERS.items() if "grouping" in type(method).model_fields]
ANY_TASK = ("linear_head", "dmtl", "farl_head")

peers = pytest.mark.parametrize("name", PEERS)


def logits(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return network(images)["attributes"]


@peers
@pytest.mark.parametrize("side", [48, 75])
def test_any_size_from_48_px(name: str, side: int) -> None:
    network = build(PEERS[name], peer_problem(side=side)).train()
    assert network(faces(2, side))["attributes"].shape == (2, 40)


@peers
def test_starts_near_the_prevalence(name: str) -> None:
    rates = [0.02 + 0.02 * i for i in range(40)]
    # In train mode: running statistics have seen nothing yet.
    network = build(PEERS[name], peer_problem(rates=rates)).train()
    share = torch.sigmoid(logits(network, faces(8))).mean(0)
    assert share.tolist() == pytest.approx(rates, abs=0.1)
    network = build(PEERS[name], peer_problem(rates=rates, start_at_prior=False)).train()
    share = torch.sigmoid(logits(network, faces(8))).mean(0)
    assert share.tolist() != pytest.approx(rates, abs=0.1)


@peers
def test_a_data_set_with_few_attributes(name: str) -> None:
    network = build(PEERS[name], peer_problem([FEW])).eval()
    assert logits(network, faces()).shape == (2, 3)


@pytest.mark.parametrize("name", GROUPED)
def test_an_unknown_grouping_is_told(name: str) -> None:
    with pytest.raises(UserError, match="mgmtn"):
        build(PEERS[name].model_copy(update={"grouping": "mgmtm"}))


@pytest.mark.parametrize("name", ANY_TASK)
def test_tasks_of_other_kinds_get_an_output_of_their_own(name: str) -> None:
    eyes = ((0,), (1,))
    tasks = [
        Classes("race", ("a", "b", "c")),
        Scalar("age", "years", 0, 116),
        ATTRIBUTES,
        Landmarks("five", "landmarks5", 5, (1, 0, 2, 4, 3), eyes),
    ]
    assert PEERS[name].task_kinds == ()
    for chosen in (tasks, tasks[:2]):
        outputs = build(PEERS[name], peer_problem(chosen))(faces())
        assert {key: value.shape[1] for key, value in outputs.items() if key != "features"} == {
            task.name: task.outputs for task in chosen
        }


@peers
def test_takes_as_many_steps_as_the_baseline(name: str) -> None:
    stages = PEERS[name].stages()
    assert [stage.name for stage in stages] == ["global", "joint"]
    children = dict(build(PEERS[name]).named_children())
    assert all(child in children for stage in stages for child in stage.frozen)
    if name != "mcnn_aux":
        assert [stage.method for stage in stages] == [PEERS[name]] * 2
        assert not any(stage.frozen for stage in stages)


@pytest.mark.parametrize("name", ["aps", "dmm_cnn", "mcnn_aux", "ps_mcnn"])
def test_groups_of_the_papers_hold_every_attribute_once(name: str) -> None:
    grouping = next(one for one in farbench_groupings() if one.name == name)
    members = list(itertools.chain(*grouping.groups.values()))
    assert sorted(members) == sorted(CELEBA_ATTRIBUTES)
    count = {"aps": 2, "dmm_cnn": 2, "mcnn_aux": 9, "ps_mcnn": 4}[name]
    assert len(grouping.groups) == count


def test_general_attributes_of_aps() -> None:
    grouping = next(one for one in farbench_groupings() if one.name == "aps")
    named = {"Male", "Young", "Attractive", "Oval_Face", "Pale_Skin", "Chubby", "Smiling"}
    assert named < set(grouping.groups["General"])
    local = {"Eyeglasses", "Bags_Under_Eyes", "Big_Nose", "Mustache", "Arched_Eyebrows"}
    assert local < set(grouping.groups["Partial"])
