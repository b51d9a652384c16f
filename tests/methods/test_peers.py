"""What holds for every peer of MGMTN's Table 2: shapes, gradients, sizes, groups, options."""

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

CHANGED: dict[str, dict[str, object]] = {
    "linear_head": {"backbone": "resnet18", "pooling": "max", "dropout": 0.5},
    "moon": {"backbone": "resnet18", "grid": 1, "fc_sizes": (32,), "width": 2.0, "dropout": 0.1},
    "mcnn_aux": {
        "grouping": "ps_mcnn",
        "aux": False,
        "aux_start": "random",
        "aux_frozen": False,
        "branches": 3,
        "hidden": 8,
        "dropout": 0.1,
        "norm": "batch",
        "width": 0.2,
    },
    "dmtl": {"grouping": "ps_mcnn", "hidden": 8, "dropout": 0.1, "width": 0.1},
    "ps_mcnn": {
        "grouping": "mgmtn",
        "task_channels": (32, 64, 128, 128, 64),
        "shared_channels": (64, 64, 64, 64, 64),
        "exchanged": 0,
        "hidden": 8,
        "dropout": 0.5,
        "width": 0.3,
    },
    "spl_net": {"grouping": "mgmtn", "blocks": (1, 1, 1), "reduction": 4, "width": 0.25},
    "aps": {
        "backbone": "resnet18",
        "grouping": "ps_mcnn",
        "gate": "relu",
        "alignment": False,
        "compatibility": "dot",
        "tau": 0.9,
        "eta": 0.9,
    },
    "dmm_cnn": {
        "backbone": "resnet18",
        "grouping": "single",
        "subjective": (),
        "channels": 8,
        "pyramid": (1, 3),
        "hidden": 8,
        "dropout": 0.1,
    },
    "farl_head": {"backbone": "vit_small_patch16_224", "layers": (0, 1), "dropout": 0.5},
}
ELSEWHERE = {("moon", "from_scratch"), ("farl_head", "weights")}
"""Options that are tested in the file of their own method."""

peers = pytest.mark.parametrize("name", PEERS)


def logits(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return network(images)["attributes"]


@peers
def test_gives_logits_and_trains_every_parameter(name: str) -> None:
    network = build(PEERS[name]).train()
    outputs = network(faces(4))
    assert set(outputs) <= {"attributes", "features"}
    assert outputs["attributes"].shape == (4, 40)
    if "features" in outputs:
        assert outputs["features"].shape == (4, network.feature_size)
    outputs["attributes"].square().sum().backward()
    gradients = {key: value.grad for key, value in network.named_parameters()}
    assert [key for key, value in gradients.items() if value is None] == []
    # timm starts the last BatchNorm of a residual block at 0: before the first step what lies
    # before it has a gradient of zeros.
    still = [key for key, value in gradients.items() if not value.any() and ".net." not in key]
    assert still == []


@peers
@pytest.mark.parametrize("side", [48, 75])
def test_any_size_from_48_px(name: str, side: int) -> None:
    network = build(PEERS[name], peer_problem(side=side)).train()
    assert network(faces(2, side))["attributes"].shape == (2, 40)


@peers
def test_one_image_is_like_the_same_among_others(name: str) -> None:
    network = build(PEERS[name]).eval()
    images = faces(3)
    torch.testing.assert_close(
        logits(network, images[:1]), logits(network, images)[:1], rtol=1e-3, atol=1e-4
    )


@peers
def test_works_under_autocast_and_in_channels_last(name: str) -> None:
    network = build(PEERS[name]).eval()
    images = faces()
    expected = logits(network, images)
    network = network.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        found = logits(network, images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.2)


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


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("grouping", ["mgmtn", "single", "aps"])
def test_other_groupings(name: str, grouping: str) -> None:
    changes: dict[str, object] = {"grouping": grouping}
    if name == "dmm_cnn":
        changes["subjective"] = ()
    network = build(PEERS[name].model_copy(update=changes)).eval()
    assert logits(network, faces()).shape == (2, 40)


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


@peers
def test_options_are_explained(name: str) -> None:
    kind = type(PEERS[name])
    for key, field in kind.model_fields.items():
        assert field.description, key
    assert kind.source
    assert kind.__doc__
    assert set(CHANGED[name]) == set(kind.model_fields) - {
        option for method, option in ELSEWHERE if method == name
    }


def signature(method: Method) -> list[object]:
    """What an option can change: stages, parameters, or the numbers that come out."""
    network = build(method).train()
    torch.manual_seed(2)
    found = network(faces(4))["attributes"].detach()
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    frozen = [stage.frozen for stage in method.stages()]
    return [shapes, found.tolist(), frozen]


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, changes in CHANGED.items() for option in changes],
)
def test_every_option_changes_something(name: str, option: str) -> None:
    if (name, option) == ("dmm_cnn", "grouping"):
        before = PEERS[name].model_copy(update={"subjective": ()})
    elif (name, option) == ("aps", "tau"):
        before = PEERS[name].model_copy(update={"tau": 0.0})
    else:
        before = PEERS[name]
    after = type(before)(**{**before.model_dump(), option: CHANGED[name][option]})
    assert signature(after) != signature(before)


@peers
def test_the_seed_decides_the_weights(name: str) -> None:
    one, two = build(PEERS[name]), build(PEERS[name])
    for (key, first), second in zip(
        one.state_dict().items(), two.state_dict().values(), strict=True
    ):
        assert torch.equal(first, second), key
    two.load_state_dict(one.state_dict())


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
