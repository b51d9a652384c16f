"""Dynamic weights against a literal reading of the official graph, with two backward passes."""

from __future__ import annotations

import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from farbench_weightings.dynamic import Dynamic

N, D, T = 16, 6, 2


class TwoTasks(nn.Module):
    """A shared layer and two heads; returns the losses ``(2,)`` and the shared features."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.first, self.second = nn.Linear(4, D), nn.Linear(D, 3), nn.Linear(D, 2)

    def forward(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        features = self.shared(inputs).relu()
        one = cross_entropy(self.first(features), labels[:, 0])
        two = cross_entropy(self.second(features), labels[:, 1])
        return torch.stack([one, two]), features


def data(seed: int) -> tuple[Tensor, Tensor]:
    """The second label can be seen in the inputs; the first one is drawn."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(N, 4, generator=generator)
    drawn = torch.randint(0, 3, (N,), generator=generator)
    return inputs, torch.stack([drawn, (inputs[:, 0] > 0).long()], 1)


def official(
    losses: Tensor, features: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """Return loss_full and loss_for_weights; as in TensorFlow no gradient is stopped."""
    z = features / features.square().sum(1, keepdim=True).clamp(min=1e-10).sqrt()
    scores = z @ weight.T + bias
    share = scores.exp() / scores.exp().sum(1, keepdim=True)
    w = [share[:, 0].mean(), share[:, 1].mean()]
    full = w[0] * losses[0] + w[1] * losses[1]
    own = w[0] / (losses[0] + 0.01) + w[1] / (losses[1] + 0.01)
    return full, own


def build(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return Dynamic(**options).build(("identity", "expression"), D)


def network() -> TwoTasks:
    torch.manual_seed(1)
    return TwoTasks()


def test_unit_starts_as_in_the_official_code() -> None:
    layer = Dynamic().build(("a", "b"), 4000).layer
    assert layer.weight.std().item() == pytest.approx(0.088, rel=0.03)  # truncated at 2 x 0.1
    assert layer.weight.abs().max() <= 0.2
    assert not layer.bias.any()


@pytest.mark.parametrize("through_features", [True, False])
@pytest.mark.parametrize("rescale", [True, False])
def test_one_backward_gives_each_its_own_gradient(through_features: bool, rescale: bool) -> None:
    """As two optimisers with variable lists of their own get it, step after step."""
    factor = T if rescale else 1
    mine, unit = network(), build(rescale=rescale, through_features=through_features)
    theirs, other = network(), build()
    one = torch.optim.Adam([*mine.parameters(), *unit.parameters()], lr=0.01)
    net = torch.optim.Adam(theirs.parameters(), lr=0.01)
    weights = torch.optim.Adam(other.parameters(), lr=0.01)
    layer = other.layer
    for seed in range(5):
        losses, features = mine(*data(seed))
        one.zero_grad()
        unit(losses, features)[0].backward()

        losses, features = theirs(*data(seed))
        seen = features if through_features else features.detach()
        full, own = official(losses, seen, layer.weight, layer.bias)
        own_gradients = torch.autograd.grad(own, list(other.parameters()), retain_graph=True)
        net_gradients = torch.autograd.grad(factor * full, list(theirs.parameters()))
        for parameter, gradient in zip(mine.parameters(), net_gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)
        for parameter, gradient in zip(unit.parameters(), own_gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)

        one.step()
        for parameters, gradients in ((theirs, net_gradients), (other, own_gradients)):
            for parameter, gradient in zip(parameters.parameters(), gradients, strict=True):
                parameter.grad = gradient
        net.step()
        weights.step()
    for a, b in zip(
        [*mine.parameters(), *unit.parameters()],
        [*theirs.parameters(), *other.parameters()],
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_features_get_no_gradient_from_the_unit() -> None:
    losses = torch.tensor([0.6, 0.3], requires_grad=True)
    features = torch.rand(N, D, requires_grad=True)
    total, weights = build()(losses, features)
    total.backward()
    assert features.grad is None
    torch.testing.assert_close(losses.grad, weights)


@pytest.mark.parametrize("harder", [0, 1])
def test_the_harder_task_gets_more(harder: int) -> None:
    """With losses held at 0.6 and 0.3, at the default learning rate, in steps of a short run."""
    torch.manual_seed(0)
    weighting = Dynamic()
    unit = weighting.build(("a", "b"), 512)
    optimizer = torch.optim.Adam(unit.parameters(), lr=weighting.learning_rate(1e-4))
    losses = torch.full((T,), 0.3)
    losses[harder] = 0.6
    shares = []
    for _ in range(300):
        total, weights = unit(losses, torch.rand(N, 512))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        shares.append(weights[harder].item() / T)
    assert abs(shares[0] - 0.5) < 0.05
    assert shares[0] < shares[100] < shares[200] < shares[-1]
    assert 0.6 < shares[-1] < 0.9  # well on its way, not all of it yet


def test_the_harder_task_gets_more_in_training() -> None:
    """One label can be learnt, the other one is drawn."""
    net, unit = network(), build()
    optimizer = torch.optim.Adam(
        [{"params": net.parameters()}, {"params": unit.parameters(), "lr": 0.003}], lr=0.01
    )
    for seed in range(300):
        losses, features = net(*data(seed))
        total, weights = unit(losses, features)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert losses[0] > 3 * losses[1]
    assert weights[0] > 1.5 > 0.5 > weights[1]


def test_an_absent_task_weighs_nothing_and_the_unit_learns_nothing_of_it() -> None:
    unit, features = build(), torch.rand(N, D)
    total, weights = unit(torch.tensor([0.6, 0.0]), features)
    assert weights.tolist() == [1, 0]
    total.backward()
    assert not unit.layer.weight.grad.any()
    unit.zero_grad()
    total, _ = unit(torch.zeros(T), features)
    assert torch.isfinite(total)
    total.backward()
    torch.testing.assert_close(unit.layer.weight.grad, torch.zeros(T, D), rtol=0, atol=1e-5)


def test_half_precision_features_are_taken() -> None:
    total, weights = build()(torch.tensor([0.6, 0.3]), torch.rand(N, D).bfloat16())
    assert total.dtype == weights.dtype == torch.float32
