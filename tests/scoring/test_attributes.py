"""Metrics of attributes against plain loops, scikit-learn, and cases counted by hand."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from farbench.scoring.attributes import (
    majority_from_prevalence,
    majority_reference,
    score_attributes,
)
from farbench.scoring.catalogue import METRICS as ALL_METRICS
from farbench.scoring.score import logits_as_stored

METRICS = ALL_METRICS["attributes"]
NAMES = [f"a{i}" for i in range(6)]


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 6)) < [0.02, 0.1, 0.3, 0.5, 0.8, 0.95]).astype(np.int8)
    logits = logits_as_stored(rng.normal(0, 1.5, (400, 6)) + 2.0 * targets - 1.0)
    targets[rng.random((400, 6)) < 0.1] = -1
    logits[rng.random((400, 6)) < 0.05] = 0  # exactly undecided is no
    return logits, targets


def loop(logits, targets):
    """Count every attribute in plain Python."""
    rows = {name: [] for name in ("accuracy", "mA", "f1", "precision", "recall")}
    for a in range(logits.shape[1]):
        tp = fp = fn = tn = 0
        for logit, target in zip(logits[:, a].tolist(), targets[:, a].tolist(), strict=True):
            if target == 1:
                tp, fn = (tp + 1, fn) if logit > 0 else (tp, fn + 1)
            elif target == 0:
                fp, tn = (fp + 1, tn) if logit > 0 else (fp, tn + 1)
        rows["accuracy"].append((tp + tn) / (tp + tn + fp + fn))
        rows["mA"].append((tp / (tp + fn) + tn / (tn + fp)) / 2)
        rows["f1"].append(2 * tp / (2 * tp + fp + fn))
        rows["precision"].append(tp / (tp + fp))
        rows["recall"].append(tp / (tp + fn))
    return rows


def test_agrees_with_a_plain_loop(drawn):
    scores = score_attributes(*drawn, NAMES)
    for metric, values in loop(*drawn).items():
        assert list(scores[f"{metric}_per_attribute"].values()) == pytest.approx(values)
        assert scores[metric] == pytest.approx(sum(values) / len(values))
        assert scores[f"{metric}_left_out"] == 0


@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        ("accuracy", lambda t, o: sk.accuracy_score(t, o > 0)),
        ("mA", lambda t, o: sk.balanced_accuracy_score(t, o > 0)),
        ("f1", lambda t, o: sk.f1_score(t, o > 0)),
        ("precision", lambda t, o: sk.precision_score(t, o > 0)),
        ("recall", lambda t, o: sk.recall_score(t, o > 0)),
        ("average_precision", sk.average_precision_score),
    ],
)
def test_agrees_with_sklearn(drawn, metric, reference):
    logits, targets = drawn
    scores = score_attributes(logits, targets, NAMES)
    for a, name in enumerate(NAMES):
        known = targets[:, a] >= 0
        expected = reference(targets[known, a], logits[known, a].astype(np.float32))
        assert scores[f"{metric}_per_attribute"][name] == pytest.approx(expected), name


def test_average_precision_by_its_definition(drawn):
    logits, targets = drawn
    a = 2
    known = targets[:, a] >= 0
    values, truth = logits[known, a], targets[known, a] == 1
    area, before = 0.0, 0.0
    for threshold in sorted(set(values.tolist()), reverse=True):
        called = values >= threshold
        recall = (called & truth).sum() / truth.sum()
        area += (recall - before) * (called & truth).sum() / called.sum()
        before = recall
    assert score_attributes(logits, targets, NAMES)["average_precision_per_attribute"][
        "a2"
    ] == pytest.approx(area)


def test_undefined_values_are_null_left_out_and_counted():
    #                  all no, none called | all yes | never called | no label known
    targets = np.array([[0, 1, 1, -1], [0, 1, 0, -1], [0, 1, 0, -1], [0, 1, 0, -1]], np.int8)
    logits = np.array([[-1, 1, -1, 1], [-1, 1, -1, 1], [-1, 1, -1, 1], [-1, -1, -1, 1]], np.float16)
    scores = score_attributes(logits, targets, ["none", "all", "missed", "unknown"])
    assert scores["accuracy_per_attribute"] == {
        "none": 1.0, "all": 0.75, "missed": 0.75, "unknown": None
    }  # fmt: skip
    assert scores["accuracy"] == pytest.approx(2.5 / 3)
    assert scores["accuracy_left_out"] == 1
    assert scores["mA_per_attribute"] == {
        "none": None, "all": None, "missed": 0.5, "unknown": None
    }  # fmt: skip
    assert (scores["mA"], scores["mA_left_out"]) == (0.5, 3)
    assert scores["f1_per_attribute"]["none"] is None
    assert scores["f1_per_attribute"]["missed"] == 0.0
    assert scores["precision_per_attribute"]["none"] is None
    assert scores["precision_per_attribute"]["missed"] == 0.0
    assert scores["recall_per_attribute"]["none"] is None
    assert scores["recall_per_attribute"]["missed"] == 0.0
    assert scores["average_precision_left_out"] == 2
    assert scores["prevalence_per_attribute"] == {
        "none": 0.0, "all": 1.0, "missed": 0.25, "unknown": None
    }  # fmt: skip
    assert scores["images"] == 4
    targets[0] = -1
    assert score_attributes(logits, targets, ["none", "all", "missed", "x"])["images"] == 3
    targets[targets == 1] = 0
    assert score_attributes(logits, targets, ["none", "no", "missed", "x"])["images"] == 3


def test_half_of_the_calls_right_is_a_precision_of_one_half():
    logits, targets = np.array([[1.0], [1.0], [-1.0]]), np.array([[1], [0], [1]])
    assert score_attributes(logits, targets, ["a"])["precision"] == 0.5


def test_nothing_defined_gives_null_not_nan():
    scores = score_attributes(np.ones((3, 1)), np.full((3, 1), -1), ["a"])
    assert all(scores[metric] is None for metric in METRICS)


def test_nan_wrong_shapes_and_wrong_targets_are_refused():
    good, targets = np.zeros((2, 2)), np.zeros((2, 2))
    with pytest.raises(ValueError, match="1 of 4 logits are NaN"):
        score_attributes(np.array([[0, np.nan], [0, 0]]), targets, ["a", "b"])
    with pytest.raises(ValueError, match="NaN"):
        logits_as_stored(np.array([np.nan]))
    with pytest.raises(ValueError, match="must both be"):
        score_attributes(good, targets, ["a"])
    with pytest.raises(ValueError, match="-1"):
        score_attributes(good, targets + 2, ["a", "b"])
    with pytest.raises(ValueError, match="no predictions"):
        score_attributes(good[:0], targets[:0], ["a", "b"])


def test_as_stored_clips_to_finite_float16():
    stored = logits_as_stored(np.array([1e9, -np.inf, 0.1], np.float32))
    assert stored.dtype == np.float16
    assert stored.tolist() == [65504.0, -65504.0, np.float16(0.1)]


def test_majority_is_the_score_of_a_constant_predictor(drawn):
    _, targets = drawn
    train = [0.02, 0.1, 0.3, 0.6, 0.8, 0.5]  # 0.5 has log-odds 0: no
    constant = np.tile(np.where(np.array(train) > 0.5, 1.0, -1.0), (len(targets), 1))
    expected = score_attributes(constant, targets, NAMES)
    got = majority_reference(train, targets, NAMES)
    assert got["mA"] == 0.5
    assert got["ece"] is got["brier"] is None  # an answer without a probability
    for metric in set(METRICS) - {"ece", "brier"}:
        assert got[metric] == pytest.approx(expected[metric])
        assert list(got[f"{metric}_per_attribute"].values()) == pytest.approx(
            list(expected[f"{metric}_per_attribute"].values())
        )


def test_majority_from_stored_prevalence_with_unknown_attribute():
    got = majority_from_prevalence([0.9, 0.2, 0.2], [0.8, 0.3, None], ["a", "b", "c"])
    assert got["accuracy"] == pytest.approx(0.75)
    assert got["accuracy_per_attribute"]["c"] is None
    never = majority_from_prevalence([0.2], [0.0], ["a"])
    assert (never["accuracy"], never["average_precision"]) == (1.0, None)
    with pytest.raises(ValueError, match="2 train"):
        majority_from_prevalence([0.9, 0.2], [0.8, 0.3, None], ["a", "b", "c"])


def test_scores_are_plain_numbers(drawn):
    import json

    text = json.dumps(score_attributes(*drawn, NAMES), allow_nan=False)
    assert math.isclose(json.loads(text)["mA"], score_attributes(*drawn, NAMES)["mA"])
