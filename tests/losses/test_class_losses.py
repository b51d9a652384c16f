"""Cross-entropy over classes, and softmax with centre loss, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from loss_cases import LOSSES, TASKS, batch, build
from numpy.typing import NDArray

from farbench import TrainStatistics, UserError

SHARES = np.array(TASKS["classes"][1].prevalence)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(
    ("class_weights", "weights"),
    [
        ("none", np.ones(4)),
        ("inverse_frequency", 1 / SHARES / 4),
        ("inverse_square_root", SHARES**-0.5 / (SHARES**0.5).sum()),
    ],
)
def test_cross_entropy(smoothing: float, class_weights: str, weights: NDArray[np.float64]) -> None:
    assert (weights * SHARES).sum() == pytest.approx(1)  # what the docstring promises
    data = batch("classes")
    options = {"label_smoothing": smoothing, "class_weights": class_weights}
    value = build("cross_entropy", "classes", **options)(data.outputs, data.targets)
    labels = data.targets[data.known].numpy()
    costs = -log_softmax(data.outputs.detach().numpy().astype(np.float64))[data.known]
    wanted = np.eye(4)[labels] * (1 - smoothing) + smoothing / 4
    expected = (weights[labels] * (wanted * costs).sum(1)).mean()
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_a_class_without_train_labels_has_no_weight() -> None:
    loss = LOSSES["cross_entropy"](class_weights="inverse_frequency", label_smoothing=0.1)
    module = loss.build(TASKS["classes"][0], TrainStatistics(prevalence=(0.75, 0.25, 0.0, 0.0)))
    assert module.weights.tolist() == pytest.approx([1 / 1.5, 2, 0, 0])
    data = batch("classes")
    assert torch.isfinite(module(data.outputs, data.targets))


@pytest.mark.parametrize("unit_length", ["centre", "both", "none"])
def test_softmax_centre_over_several_steps(unit_length: str) -> None:
    """The official code image by image: loss at the old centres, then each moves by the mean."""
    centre_weight, alpha = 0.3, 0.7
    options = {"centre_weight": centre_weight, "alpha": alpha, "unit_length": unit_length}
    module = build("softmax_centre", "identity", **options)
    with torch.no_grad():
        module.bias.normal_()
    weight, bias = (p.detach().numpy().astype(np.float64) for p in (module.weight, module.bias))
    centres = np.zeros((6, 8))
    for step in range(3):
        data = batch("identity", step)
        known, labels = data.known.numpy(), data.targets.numpy()
        assert np.bincount(labels[known]).max() > 1  # some identities have several images
        embeddings = data.outputs.detach().numpy().astype(np.float64)
        unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        costs = -log_softmax((unit if unit_length == "both" else embeddings) @ weight.T + bias)
        f = embeddings if unit_length == "none" else unit
        total = [
            costs[n, labels[n]] + centre_weight * ((f[n] - centres[labels[n]]) ** 2).sum() / 2
            for n in np.flatnonzero(known)
        ]
        value = module(data.outputs, data.targets)
        assert value.item() == pytest.approx(np.mean(total), rel=1e-5)
        count = np.bincount(labels[known], minlength=6)
        old = centres.copy()
        for n in np.flatnonzero(known):
            y = labels[n]
            centres[y] -= (1 - alpha) * (old[y] - f[n]) / count[y]
        np.testing.assert_allclose(module.centres.numpy(), centres, rtol=1e-4, atol=1e-6)
    assert set(module.state_dict()) == {"weight", "bias", "centres"}


def test_classifier_is_trained_and_centres_are_not() -> None:
    module = build("softmax_centre", "identity")
    data = batch("identity")
    module(data.outputs, data.targets).backward()
    assert {name for name, _ in module.named_parameters()} == {"weight", "bias"}
    assert all(parameter.grad.any() for parameter in module.parameters())
    assert 0.05 < module.weight.std() < 0.15
    assert module.weight.abs().max() <= 0.2


def test_too_few_identities_are_refused() -> None:
    with pytest.raises(UserError, match="it has 1"):
        LOSSES["softmax_centre"]().build(TASKS["identity"][0], TrainStatistics(identities=1))
