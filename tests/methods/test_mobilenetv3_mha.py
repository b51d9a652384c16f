"""Branching of a backbone, attention between positions, and learned positions at other sizes."""

from __future__ import annotations

import pytest
import torch
from mixed_tasks import AGE, RACE, mixed_problem
from pydantic import ValidationError
from torch import Tensor, nn

from farbench import UserError
from farbench.nn.trunk import Trunk
from farbench_methods.backbone_stages import backbone_stages
from farbench_methods.mobilenetv3_mha import MobileNetV3MHA
from farbench_methods.mobilenetv3_mha_network import BranchedNetwork, PositionAttention

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def network(**options: object) -> BranchedNetwork:
    torch.manual_seed(0)
    chosen = {"backbone": "lcnet_050", "embedding": 16, "heads": 4} | options
    return BranchedNetwork(mixed_problem((RACE, AGE)), MobileNetV3MHA(**chosen))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("backbone", "stages", "channels"),
    [
        ("mobilenetv3_large_100", 8, 960),
        ("tf_efficientnet_lite0", 9, 1280),
        ("resnet10t", 5, 512),
        ("test_convnext", 5, 64),
        ("regnetx_002", 5, 368),
    ],
)
def test_stages_in_order_are_the_backbone(backbone: str, stages: int, channels: int) -> None:
    trunk = Trunk(backbone, pretrained=False)
    parts, maps = backbone_stages(backbone, trunk, 64)
    assert len(parts) == len(maps) == stages
    assert maps[-1].shape[1] == channels
    assert trunk.training
    trunk.eval()
    with torch.no_grad():
        torch.testing.assert_close(nn.Sequential(*parts)(IMAGES), trunk(IMAGES)[0])
    # Nothing that has weights is lost.
    assert count(nn.ModuleList(parts)) == count(trunk)


def test_a_backbone_that_is_no_chain_is_told() -> None:
    class Sum(nn.Module):
        """Its parts work side by side."""

        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, images: Tensor) -> Tensor:
            return self.left(images) + self.right(images)

    class Fake(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Sum()

        def forward(self, images: Tensor) -> tuple[Tensor, None]:
            return self.net(images), None

    with pytest.raises(UserError, match=r"'sum' cannot be branched.*resnet50"):
        backbone_stages("sum", Fake(), 16)  # type: ignore[arg-type]


def test_tasks_part_at_the_branch_point() -> None:
    """Each copy of the last stages is paid for once a task; nothing else changes."""
    whole = count(Trunk("lcnet_050", pretrained=False))
    previous = None
    for branch_at in range(7):
        net = network(branch_at=branch_at)
        own = [count(branch.stages) for branch in net.branches.values()]
        assert own[0] == own[1]
        assert count(net.trunk) + own[0] == whole
        assert previous is None or own[0] > previous
        previous = own[0]
    with pytest.raises(UserError, match=r"branch_at 7 .* 7 stages; allowed are 0 to 6"):
        network(branch_at=7)


def test_branches_start_alike_and_are_trained_apart() -> None:
    net = network(branch_at=2)
    first, second = (branch.stages for branch in net.branches.values())
    for key, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[key])
    net(IMAGES)["race"].sum().backward()
    assert all(value.grad is not None for value in first.parameters())
    assert all(value.grad is None for value in second.parameters())
    assert all(value.grad is not None for value in net.trunk.parameters())


def test_attention_between_positions_written_out() -> None:
    torch.manual_seed(0)
    layer = PositionAttention(8, 2, 3, 2).eval()
    nn.init.uniform_(layer.attention.in_proj_bias)
    nn.init.uniform_(layer.norm.weight)
    maps = torch.randn(2, 8, 3, 2)
    got = layer(maps)
    weights, biases = layer.attention.in_proj_weight.chunk(3), layer.attention.in_proj_bias.chunk(3)
    for image in range(2):
        tokens = torch.stack(
            [maps[image, :, y, x] + layer.position[0, :, y, x] for y in range(3) for x in range(2)]
        )
        q, k, v = (tokens @ w.T + b for w, b in zip(weights, biases, strict=True))
        parts = []
        for head in range(2):
            mine = slice(4 * head, 4 * head + 4)
            shares = torch.softmax(q[:, mine] @ k[:, mine].T / 4**0.5, dim=-1)
            parts.append(shares @ v[:, mine])
        attended = layer.attention.out_proj(torch.cat(parts, 1))
        wanted = layer.norm(tokens + attended).T.reshape(8, 3, 2)
        torch.testing.assert_close(got[image], wanted)


def test_a_head_sees_the_mean_over_positions() -> None:
    net = network(dropout=0.0).eval()
    branch = net.branches["age"]
    with torch.no_grad():
        refined = branch.attention(branch.project(branch.stages(net.trunk(IMAGES))))
        last = branch.head["age"][-1]
        wanted = last(torch.stack([refined[:, :, y, x] for y in (0, 1) for x in (0, 1)]).mean(0))
        torch.testing.assert_close(net(IMAGES)["age"], wanted)
    assert refined.shape == (2, 16, 2, 2)


def test_positions_matter_and_are_interpolated() -> None:
    layer = PositionAttention(8, 2, 4, 4).eval()
    maps = torch.randn(1, 8, 4, 4)
    with torch.no_grad():
        # Without positions a shuffled map gives the shuffled answer; with them it does not.
        mirrored = layer(maps.flip(3)).flip(3)
        assert not torch.allclose(layer(maps), mirrored, atol=1e-4)
        saved = layer.position.clone()
        layer.position.zero_()
        torch.testing.assert_close(layer(maps), layer(maps.flip(3)).flip(3))
        # What is the same everywhere is the same at any size.
        layer.position.copy_(saved.mean((2, 3), keepdim=True).expand_as(saved))
        constant = torch.ones(1, 8, 1, 1)
        small, large = layer(constant.expand(1, 8, 4, 4)), layer(constant.expand(1, 8, 7, 5))
        torch.testing.assert_close(large.mean((2, 3)), small.mean((2, 3)))
        ramp = torch.linspace(0, 1, 4).view(1, 1, 1, 4).expand(1, 8, 4, 4)
        layer.position.copy_(ramp)
    seen: list[Tensor] = []
    layer.attention.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    layer(torch.zeros(1, 8, 8, 8))
    row = seen[0].unflatten(1, (8, 8))[0, 0, :, 0]
    assert (row.diff() > 0).all()


def test_without_attention_positions_are_averaged_at_once() -> None:
    net = network(attention=False).eval()
    assert not [key for key in net.state_dict() if "attention" in key]
    branch = net.branches["race"]
    with torch.no_grad():
        pooled = branch.project(branch.stages(net.trunk(IMAGES))).mean((2, 3))
        torch.testing.assert_close(net(IMAGES)["race"], branch.head(pooled)["race"])


def test_heads_must_divide_the_embedding() -> None:
    with pytest.raises(ValidationError, match=r"heads \(3\) must divide embedding \(16\)"):
        MobileNetV3MHA(embedding=16, heads=3)
    MobileNetV3MHA(embedding=16, heads=3, attention=False)
