"""Metrics of classes against scikit-learn and a table counted by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from farbench.scoring.classes import score_classes

NAMES = ("cat", "dog", "owl", "pig")


def one_hot(said, count=4):
    return np.eye(count, dtype=np.float16)[said]


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 500, p=[0.6, 0.25, 0.1, 0.05]).astype(np.int16)
    logits = (rng.normal(0, 1, (500, 4)) + 1.5 * np.eye(4)[labels]).astype(np.float16)
    labels[rng.random(500) < 0.2] = -1
    return logits, labels


def test_agrees_with_sklearn(drawn):
    logits, labels = drawn
    scores = score_classes(logits, labels, NAMES)
    known = labels >= 0
    true, said = labels[known], logits[known].argmax(1)
    assert scores["images"] == known.sum() < 500
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(true, said))
    assert scores["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(true, said))
    for metric, function in (
        ("f1", sk.f1_score), ("precision", sk.precision_score), ("recall", sk.recall_score)
    ):  # fmt: skip
        assert scores[metric] == pytest.approx(function(true, said, average="macro"))
        assert list(scores[f"{metric}_per_class"].values()) == pytest.approx(
            function(true, said, average=None)
        )
        assert scores[f"{metric}_left_out"] == 0
    table = [[scores["confusion"][a][b] for b in NAMES] for a in NAMES]
    assert table == sk.confusion_matrix(true, said).tolist()
    assert sum(scores["prevalence_per_class"].values()) == pytest.approx(1)


def test_classes_that_do_not_occur_or_are_never_called():
    # cat twice (one met, one called dog), owl once (called dog), dog and pig never; pig not called.
    scores = score_classes(one_hot([0, 1, 1]), np.array([0, 0, 2], np.int16), NAMES)
    assert scores["recall_per_class"] == {"cat": 0.5, "dog": None, "owl": 0.0, "pig": None}
    assert scores["precision_per_class"] == {"cat": 1.0, "dog": 0.0, "owl": 0.0, "pig": None}
    assert scores["f1_per_class"] == pytest.approx(
        {"cat": 2 / 3, "dog": 0.0, "owl": 0.0, "pig": None}
    )
    assert scores["balanced_accuracy"] == scores["recall"] == 0.25
    assert (scores["recall_left_out"], scores["f1_left_out"]) == (2, 1)
    assert scores["f1"] == pytest.approx(
        sk.f1_score([0, 0, 2], [0, 1, 1], average="macro", zero_division=0)
    )
    assert scores["confusion"]["cat"] == {"cat": 1, "dog": 1, "owl": 0, "pig": 0}


def test_perfect_worst_one_class_and_nothing_known():
    labels = np.array([0, 1, 2, 3, 3], np.int16)
    perfect = score_classes(one_hot(labels), labels, NAMES)
    worst = score_classes(one_hot((labels + 1) % 4), labels, NAMES)
    for metric in ("accuracy", "balanced_accuracy", "f1", "precision", "recall"):
        assert (perfect[metric], worst[metric]) == (1.0, 0.0)
    alone = score_classes(one_hot([1, 1]), np.array([1, 1]), NAMES)
    assert (alone["accuracy"], alone["balanced_accuracy"], alone["f1"]) == (1.0, 1.0, 1.0)
    nothing = score_classes(one_hot([1, 1]), np.array([-1, -1]), NAMES)
    assert (nothing["images"], nothing["accuracy"], nothing["f1"]) == (0, None, None)


def test_the_first_of_equal_logits_is_the_answer():
    assert score_classes(np.zeros((1, 4)), np.array([0]), NAMES)["accuracy"] == 1.0


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        score_classes(np.full((1, 4), np.nan), np.array([0]), NAMES)
    with pytest.raises(ValueError, match="must be 0 to 3"):
        score_classes(one_hot([0]), np.array([4]), NAMES)
    with pytest.raises(ValueError, match="must be 0 to 3"):
        score_classes(one_hot([0]), np.array([-2]), NAMES)
    with pytest.raises(ValueError, match=r"must be \(N, 4\)"):
        score_classes(one_hot([0]), np.array([[0]]), NAMES)
