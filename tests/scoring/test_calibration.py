"""Calibration against a plain loop, scikit-learn, and cases counted by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from farbench.scoring.attributes import score_attributes
from farbench.scoring.calibration import (
    BINS,
    class_calibration,
    class_probabilities,
    probability_of_yes,
    reliability,
)
from farbench.scoring.classes import score_classes
from farbench.scoring.score import reference
from farbench.tasks.base import TrainStatistics
from farbench.tasks.classes import Classes


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    probability = rng.random(3000) ** 2
    return probability, rng.random(3000) < probability**1.3


def loop(probability, happened, bins):
    """Add up the error bin by bin, in plain Python."""
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        held = [
            (p, h)
            for p, h in zip(probability, happened, strict=True)
            if (low < p or number == 0) and p <= high
        ]
        if held:
            predicted = sum(p for p, _ in held) / len(held)
            observed = sum(h for _, h in held) / len(held)
            error += abs(predicted - observed) * len(held) / len(probability)
    return error


def test_error_agrees_with_a_plain_loop(drawn):
    assert reliability(*drawn).error == pytest.approx(loop(*drawn, BINS))


def test_bins_agree_with_sklearn(drawn):
    found = reliability(*drawn)
    probability, happened = drawn
    observed, predicted = calibration_curve(happened, probability, n_bins=15)
    assert found.predicted == pytest.approx(predicted)
    assert found.observed == pytest.approx(observed)


def test_edges_belong_to_the_bin_below():
    edge = 3 / BINS
    found = reliability([0.0, edge, edge + 1e-9, 1.0], [0, 0, 1, 1])
    assert np.flatnonzero(found.images).tolist() == [0, 2, 3, 14]
    assert np.isnan(found.predicted[1])


def test_a_network_that_says_yes_too_often_is_not_calibrated_by_its_noes():
    # Half say yes with 0.8 and half with 0.2; it happens in 0.7 and 0.1 of them.
    probability = np.repeat([0.8, 0.2], 100)
    happened = np.concatenate([np.arange(100) < 70, np.arange(100) < 10])
    assert reliability(probability, happened).error == pytest.approx(0.1)
    confidence, met = np.full(200, 0.8), happened == (probability > 0.5)
    assert reliability(confidence, met).error == pytest.approx(0.0)


def test_probabilities_of_the_largest_stored_logits():
    assert probability_of_yes(np.array([-65504, 0, 65504], np.float16)).tolist() == [0, 0.5, 1]
    logits = np.array([[65504, -65504, 0], [1, 1, 1]], np.float16)
    assert class_probabilities(logits) == pytest.approx(np.array([[1, 0, 0], [1 / 3] * 3]))


def test_attributes_of_unknown_labels():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (500, 3)).astype(np.float16)
    targets = rng.integers(-1, 2, (500, 3)).astype(np.int8)
    targets[:, 2] = -1
    scores = score_attributes(logits, targets, ["a", "b", "c"])
    for column, name in enumerate("ab"):
        known = targets[:, column] >= 0
        probability = 1 / (1 + np.exp(-logits[known, column].astype(float)))
        happened = targets[known, column] == 1
        assert scores["ece_per_attribute"][name] == pytest.approx(loop(probability, happened, 15))
        expected = brier_score_loss(happened, probability)
        assert scores["brier_per_attribute"][name] == pytest.approx(expected)
    assert (scores["ece_per_attribute"]["c"], scores["brier_left_out"]) == (None, 1)
    mean = sum(scores["ece_per_attribute"][name] for name in "ab") / 2
    assert scores["ece"] == pytest.approx(mean)


def test_classes_by_their_top_class():
    logits = np.log([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    labels = np.array([0, 1, 2, -1])
    # Confidences 0.7, 0.7 (one met) and 0.8 (met); the last image is unknown.
    error, brier = class_calibration(logits[:3], labels[:3])
    assert error == pytest.approx((2 * 0.2 + 1 * 0.2) / 3)
    assert brier == pytest.approx((0.14 + 1.14 + 0.06) / 3)
    scores = score_classes(logits, labels, ("a", "b", "c"))
    assert (scores["ece"], scores["brier"]) == (pytest.approx(error), pytest.approx(brier))
    assert score_classes(logits, np.full(4, -1), ("a", "b", "c"))["ece"] is None


def test_a_constant_answer_has_no_calibration():
    task = Classes("race", ("a", "b"))
    scores = reference(task, TrainStatistics(prevalence=(0.7, 0.3)), np.array([0, 0, 1]))
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert (scores["ece"], scores["brier"]) == (None, None)
