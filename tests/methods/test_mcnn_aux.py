"""MCNN-AUX: the paper's layers, who shares them, and the second stage."""

from __future__ import annotations

import pytest
import torch
from peer_parts import build, faces, parameters, peer_problem
from torch import nn

from farbench import CELEBA_ATTRIBUTES, UserError
from farbench_methods.mcnn_aux import MCNNAux

SMALL = {"width": 0.1, "hidden": 16}


def test_the_layers_have_the_papers_sizes() -> None:
    with torch.device("meta"):
        network = MCNNAux().build(peer_problem(side=112, start_at_prior=False))
    mcnn = network.trunk
    convolutions = [one for one in mcnn.modules() if isinstance(one, nn.Conv2d)]
    assert [(one.out_channels, one.kernel_size[0]) for one in convolutions] == [
        *((75, 7), (200, 5)),
        *[(300, 3)] * 6,
    ]
    assert [one.size for one in mcnn.modules() if isinstance(one, nn.LocalResponseNorm)] == [5] * 8
    assert parameters(mcnn.shared) == 75 * (3 * 49 + 1) + 200 * (75 * 25 + 1)
    assert parameters(mcnn.branches) == 6 * 300 * (200 * 9 + 1)
    # 112 px pooled by 27 are 4 x 4.
    group = 512 * (300 * 16 + 1) + 512 * (512 + 1)
    assert [parameters(one) for one in mcnn.groups] == [group] * 9
    assert parameters(mcnn.outputs) == 40 * 513
    assert parameters(network.aux) == 40 * 41


def gradients(attribute: str, **options: object) -> nn.Module:
    network = build(MCNNAux(**{**SMALL, "aux": False, **options})).train()
    network(faces(4))["attributes"][:, CELEBA_ATTRIBUTES.index(attribute)].sum().backward()
    return network.trunk


def used(modules: nn.ModuleList) -> list[int]:
    return [
        number
        for number, module in enumerate(modules)
        if any(value.grad is not None and value.grad.any() for value in module.parameters())
    ]


@pytest.mark.parametrize(
    ("attribute", "group", "branch"),
    [("Male", 0, 0), ("Young", 4, 4), ("Bangs", 5, 5), ("Goatee", 6, 5), ("Chubby", 8, 5)],
)
def test_the_last_four_groups_share_a_convolution(attribute: str, group: int, branch: int) -> None:
    mcnn = gradients(attribute)
    assert used(mcnn.groups) == [group]
    assert used(mcnn.branches) == [branch]
    assert used(mcnn.shared) == [0, 1]


def test_fewer_groups_than_convolutions() -> None:
    mcnn = gradients("Male", grouping="ps_mcnn")
    assert len(mcnn.branches) == len(mcnn.groups) == 4


def test_the_second_stage_starts_where_the_first_ended() -> None:
    method = MCNNAux(**SMALL)
    first, second = (stage.method for stage in method.stages())
    assert first == MCNNAux(**SMALL, aux=False)
    assert second == method
    before, after = build(first).eval(), build(second).eval()
    missing = after.load_state_dict(before.state_dict(), strict=False)
    assert missing.missing_keys == ["aux.weight", "aux.bias"]
    assert missing.unexpected_keys == []
    with torch.no_grad():
        torch.testing.assert_close(
            after(faces())["attributes"], before(faces())["attributes"], rtol=1e-5, atol=1e-5
        )


def test_the_layer_on_all_scores_sees_all_scores() -> None:
    network = build(MCNNAux(**SMALL)).eval()
    with torch.no_grad():
        network.aux.weight.normal_()
        scores = network.trunk(faces())
        expected = scores @ network.aux.weight.T + network.aux.bias
        torch.testing.assert_close(network(faces())["attributes"], expected)


def test_stages() -> None:
    frozen = MCNNAux(**SMALL).stages()[-1]
    free = MCNNAux(**SMALL, aux_frozen=False).stages()[-1]
    assert (frozen.frozen, free.frozen) == (("trunk",), ())
    alone = MCNNAux(**SMALL, aux=False)
    assert [(stage.name, stage.method) for stage in alone.stages()] == [
        ("global", alone),
        ("joint", alone),
    ]


def test_random_start_of_the_last_layer_keeps_the_prior() -> None:
    network = build(MCNNAux(**SMALL, aux_start="random"), peer_problem(rates=[0.3] * 40))
    assert torch.sigmoid(network.aux.bias).tolist() == pytest.approx([0.3] * 40, abs=1e-6)
    assert 0 < network.aux.weight.abs().max() <= 0.1 * 40**-0.5


def test_images_that_are_too_small_are_told() -> None:
    with pytest.raises(UserError, match=r"26 px; type --set protocol\.crop"):
        build(MCNNAux(**SMALL), peer_problem(side=26))
