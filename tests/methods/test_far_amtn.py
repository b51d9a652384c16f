"""FAR-AMTN against literal loops over groups: attention, fusion, heads, parameter counts."""

from __future__ import annotations

import pytest
import timm
import torch
from mixed_tasks import AGE, ATTRIBUTES, RACE, mixed_problem
from torch import Tensor, nn

from farbench import UserError
from farbench.training.weights import hand_on
from farbench_methods.baseline import GlobalOptions
from farbench_methods.far_amtn import FarAMTN
from farbench_methods.far_amtn_blocks import (
    AttentionFusion,
    ConcatFusion,
    GroupAttention,
    GroupTaskHeads,
    groups_of_outputs,
)
from farbench_methods.far_amtn_network import Branch, FarAMTNNetwork

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network(tasks: tuple = (ATTRIBUTES, AGE), **options: object) -> FarAMTNNetwork:
    torch.manual_seed(0)
    return FarAMTNNetwork(
        mixed_problem(tasks), FarAMTN(**({"backbone": "resnet10t", "fusion": "none"} | options))
    )


def moved_norms(module: nn.Module) -> None:
    """Give BatchNorm layers values as after training; from scratch the last one is zero."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.running_mean, -0.3, 0.3)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def gate(attention: GroupAttention, group: int, squeezed: Tensor) -> Tensor:
    """``Sigmoid(fc(ReLU(fc(Z))))`` with Linear layers."""
    channels, middle = attention.reduce_weight.shape[1:]
    reduce, restore = (
        nn.Linear(channels, middle),
        nn.Linear(middle, attention.restore_weight.shape[2]),
    )
    reduce.weight.data = attention.reduce_weight[group].T
    reduce.bias.data = attention.reduce_bias[group, 0]
    restore.weight.data = attention.restore_weight[group].T
    restore.bias.data = attention.restore_bias[group, 0]
    return torch.sigmoid(restore(torch.relu(reduce(squeezed))))


@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_wsgsa_equals_a_loop_over_groups(shared: bool, residual: bool, pooling: str) -> None:
    net = network(shared=shared, residual=residual, pooling=pooling).eval()
    moved_norms(net)
    with torch.no_grad():
        x = net.trunk(IMAGES)[0]
        got = net.group_features(x, x.mean((2, 3)))
        assert len(net.branches) == (1 if shared else 9)
        assert got.shape == (2, 9, 512)
        for group in range(9):
            branch = net.branches[0 if shared else group]
            block = branch.block
            f = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
            refined = f * gate(net.attention, group, x.mean((2, 3)))[:, :, None, None]
            if residual:
                refined = torch.relu(refined + branch.shortcut(x))
            wanted = refined.amax((2, 3)) if pooling == "max" else refined.mean((2, 3))
            torch.testing.assert_close(got[:, group], wanted)


@pytest.mark.parametrize("backbone", ["resnet10t", "resnet26", "resnest26d", "seresnet18"])
def test_the_block_taken_apart_gives_what_it_gave_whole(backbone: str) -> None:
    """``ReLU(f(X) + shortcut)`` is timm's own block, for all kinds of blocks."""
    torch.manual_seed(0)
    block = timm.create_model(backbone, num_classes=0).layer4[-1].eval()
    moved_norms(block)
    x = torch.randn(2, block.conv1.in_channels, 4, 4)
    with torch.no_grad():
        whole = block(x)
        branch = Branch(block)
        f, shortcut = branch(x)
        torch.testing.assert_close(branch.activation(f + shortcut), whole)
    assert whole.shape[1] == branch.channels_out


@pytest.mark.parametrize("shared", [True, False])
def test_without_attention_every_group_starts_from_the_whole_backbone(shared: bool) -> None:
    net = network(shared=shared, attention=False).eval()
    whole = timm.create_model("resnet10t", num_classes=0, global_pool="max").eval()
    assert net.attention is None
    with torch.no_grad():
        moved_norms(whole)
        weights = {f"trunk.net.{key}": value for key, value in whole.state_dict().items()}
        hand_on(net, weights)
        x = net.trunk(IMAGES)[0]
        got = net.group_features(x, x.mean((2, 3)))
        wanted = whole(IMAGES)
    for group in range(9):
        torch.testing.assert_close(got[:, group], wanted)


@pytest.mark.parametrize("shared", [True, False])
def test_the_global_stage_hands_on_its_last_block(shared: bool) -> None:
    """Also where the trunk has no such block any more, and to each unshared branch."""
    net = network(shared=shared)
    whole = timm.create_model("resnet10t", num_classes=0)
    moved_norms(whole)
    source = whole.state_dict()
    hand_on(net, {f"trunk.net.{key}": value for key, value in source.items()})
    own = net.state_dict()
    for branch in range(1 if shared else 9):
        prefix = f"branches.{branch}"
        for key in ("conv1.weight", "bn2.running_var", "bn2.num_batches_tracked"):
            assert torch.equal(own[f"{prefix}.block.{key}"], source[f"layer4.0.{key}"])
        downsample = source["layer4.0.downsample.1.weight"]
        assert torch.equal(own[f"{prefix}.shortcut.1.weight"], downsample)
    assert torch.equal(own["trunk.net.conv1.0.weight"], source["conv1.0.weight"])
    # Between two of its own stages nothing is renamed.
    again = network(shared=shared)
    assert hand_on(again, own) == len(own)
    assert torch.equal(
        again.state_dict()["branches.0.block.conv1.weight"], source["layer4.0.conv1.weight"]
    )


def test_the_global_stage_is_the_one_of_the_other_rows() -> None:
    method = FarAMTN(backbone="resnet10t", grouping="ps_mcnn", fusion="concat", hidden=64)
    first, last = method.stages()
    assert (first.name, last.name) == ("global", "joint")
    assert set(first.method.options()) == set(GlobalOptions.model_fields)
    assert first.method.options()["hidden"] == 64
    assert first == FarAMTN(backbone="resnet10t", hidden=64, shared=False).stages()[0]
    assert last.method is method
    assert first.frozen == last.frozen == ()


def test_parameters_follow_the_closed_formula() -> None:
    """The paper's claim: C = 2048, K = 8 groups, reduction 16; 8.7 million against 39.9."""
    c, k, r, width = 2048, 8, 16, 512
    block = c * width + 9 * width * width + width * c + 2 * (width + width + c)
    attention = 2 * c * c // r + c // r + c
    rows = {
        (True, True): block + k * attention,
        (False, True): k * block + k * attention,
        (False, False): k * block,
    }
    for (shared, with_attention), wanted in rows.items():
        net = network((ATTRIBUTES,), backbone="resnet50", shared=shared, attention=with_attention)
        own = count(net.branches) + (count(net.attention) if net.attention else 0)
        assert own == wanted
        assert count(net.heads) == 40 * (c + 1)
        assert count(net) == count(net.trunk) + own + count(net.heads)
    assert list(rows.values()) == [8_674_304, 39_912_448, 35_700_736]
    trunk = count(timm.create_model("resnet50", num_classes=0)) - block
    assert count(net.trunk) == trunk


@pytest.mark.parametrize("backbone", ["test_efficientnet", "lcnet_050", "regnetx_002"])
def test_other_backbones_get_a_bottleneck_that_starts_as_the_identity(backbone: str) -> None:
    net = network((AGE,), backbone=backbone, pooling="avg").eval()
    channels = net.trunk.final_channels
    assert net.replaced == ""
    assert net.feature_size == channels
    kernels = [m.kernel_size for m in net.branches[0].block.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [(1, 1), (3, 3), (1, 1)]
    with torch.no_grad():
        x = net.trunk(IMAGES)[0]
        got = net.group_features(x, x.mean((2, 3)))
    torch.testing.assert_close(got[:, 0], torch.relu(x).mean((2, 3)))


def test_without_the_shortcut_nothing_is_silent_and_nothing_is_left_over() -> None:
    net = network((AGE,), residual=False)
    assert count(net.branches[0].shortcut) == 0
    assert net.branches[0].block.bn2.weight.all()
    x = net.trunk(IMAGES)[0]
    assert net.group_features(x, x.mean((2, 3))).std() > 0


def test_groups_are_those_of_the_attributes_and_one_for_each_other_task() -> None:
    problem = mixed_problem((RACE, ATTRIBUTES, AGE))
    groups = groups_of_outputs(problem, "mgmtn")
    assert groups[:3] == [0, 0, 0]
    assert groups[-1] == 9
    for number, group in enumerate(problem.groups("mgmtn"), start=1):
        assert [c for c in range(40) if groups[3 + c] == number] == sorted(group.columns)
    assert set(groups_of_outputs(problem, "single")) == {0, 1, 2}
    assert groups_of_outputs(mixed_problem((RACE, AGE)), "mgmtn") == [0, 0, 0, 1]
    with pytest.raises(UserError, match="mgmtn"):
        groups_of_outputs(problem, "mgmtm")


@pytest.mark.parametrize("hidden", [0, 4])
def test_heads_equal_a_loop_over_outputs(hidden: int) -> None:
    problem = mixed_problem((RACE, ATTRIBUTES), start_at_prior=False)
    groups = groups_of_outputs(problem, "mgmtn")
    torch.manual_seed(0)
    heads = GroupTaskHeads(6, groups, problem, hidden=hidden, dropout=0.5).eval()
    features = torch.randn(5, 9, 6)
    outputs = heads(features)
    joined = torch.cat([outputs["race"], outputs["attributes"]], 1)
    for column, group in enumerate(groups):
        own = features[:, group]
        if hidden:
            own = torch.relu(own @ heads.reduce_weight[group] + heads.reduce_bias[group, 0])
        wanted = own @ heads.last.weight[column] + heads.last.bias[column]
        torch.testing.assert_close(joined[:, column], wanted)


def test_heads_start_at_the_prior_of_each_task() -> None:
    problem = mixed_problem((RACE, ATTRIBUTES, AGE))
    heads = GroupTaskHeads(6, groups_of_outputs(problem, "mgmtn"), problem, hidden=0, dropout=0)
    wanted = [*problem.prior(RACE), *problem.prior(ATTRIBUTES), *problem.prior(AGE)]
    torch.testing.assert_close(heads.last.bias.data, torch.tensor(wanted))
    assert heads.last.weight.abs().max() < 0.1 / 6**0.5 + 1e-6


def test_attention_fusion_equals_a_loop() -> None:
    """``u_g = v_g + W_o sum_h a_gh W_v v_h`` with ``a_g = softmax_h(q_g . k_h / sqrt(d))``."""
    torch.manual_seed(0)
    fusion = AttentionFusion(12, 4)
    features = torch.randn(3, 5, 12)
    got = fusion(features)
    for image in range(3):
        for g in range(5):
            own = features[image]
            scores = [fusion.query(own[g]) @ fusion.key(own[h]) / 4**0.5 for h in range(5)]
            shares = torch.softmax(torch.stack(scores), 0)
            seen = sum(share * fusion.value(own[h]) for h, share in enumerate(shares))
            torch.testing.assert_close(got[image, g], own[g] + fusion.restore(seen))


def test_concat_fusion_equals_a_loop() -> None:
    torch.manual_seed(0)
    fusion = ConcatFusion(12, 4, 5)
    features = torch.randn(3, 5, 12)
    code = torch.relu(fusion.reduce(torch.cat([features[:, g] for g in range(5)], 1)))
    for g, got in enumerate(fusion(features).unbind(1)):
        read = code @ fusion.restore_weight[g] + fusion.restore_bias[g, 0]
        torch.testing.assert_close(got, features[:, g] + read)


@pytest.mark.parametrize("fusion", ["none", "attention", "concat"])
def test_only_fusion_lets_a_group_see_the_others(fusion: str) -> None:
    net = network((RACE, AGE), fusion=fusion, shared=False)
    moved_norms(net)
    net(IMAGES)["age"].square().sum().backward()
    others = net.branches[0].block.conv1.weight.grad
    assert (others is not None and others.any()) == (fusion != "none")
    # A group's attention is its own.
    assert net.attention.restore_bias.grad[0].any() == (fusion != "none")
    assert net.attention.restore_bias.grad[1].any()
    assert net.branches[1].block.conv1.weight.grad.any()


def test_features_are_the_pooled_shared_map() -> None:
    net = network().eval()
    with torch.no_grad():
        torch.testing.assert_close(net(IMAGES)["features"], net.trunk(IMAGES)[0].mean((2, 3)))
