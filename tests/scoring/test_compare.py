"""Rows compared from their predictions: what is aligned, counted, clustered, and left undefined."""

from dataclasses import replace

import numpy as np
import pytest

from farbench.scoring.compare import aligned, compare
from farbench.scoring.paired import paired_bootstrap
from farbench.scoring.per_image import PAIRED, per_image
from farbench.scoring.predictions import Predictions
from farbench.scoring.score import score
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar

FACES = BinaryAttributes("attributes", ("a", "b", "c"))


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    labels = (rng.random((120, 3)) < [0.5, 0.3, 0.1]).astype(np.int8)
    labels[rng.random((120, 3)) < 0.1] = -1
    return labels


def predicted(labels, seed, identity=None):
    rng = np.random.default_rng(seed)
    images = np.array([f"{i:03d}" for i in range(len(labels))])
    output = (rng.normal(0, 1, labels.shape) + labels - 0.5).astype(np.float16)
    return Predictions(images, output, labels, identity=identity)


def only(task, own, other, metric):
    sides = aligned(own, other)
    (found,) = compare(task, [sides], [metric])
    return found[metric]


def test_lines_hold_scores_differences_and_counts(labels):
    own, other = [predicted(labels, s) for s in (1, 2)], [predicted(labels, s) for s in (3, 4)]
    for metric in PAIRED["attributes"]:
        found = only(FACES, own, other, metric)
        scores = [[score(FACES, one.output, labels)[metric] for one in s] for s in (own, other)]
        assert found.whole.own == pytest.approx(np.mean(scores[0]))
        assert found.whole.other == pytest.approx(np.mean(scores[1]))
        assert found.whole.difference == pytest.approx(np.mean(scores[0]) - np.mean(scores[1]))
        assert found.whole.std == pytest.approx(np.std(np.subtract(*scores), ddof=1))
        values = [[per_image(FACES, p.output, labels, metric) for p in s] for s in (own, other)]
        plain = paired_bootstrap(*values)
        assert (found.whole.low, found.whole.p) == (plain.mean.low, plain.mean.p)
        assert found.details["b"].high == plain.each["b"].high
        assert found.images == (labels >= 0).any(1).sum()


def test_discordant_answers_are_counted_where_answers_are_right_or_wrong(labels):
    own, other = predicted(labels, 1), predicted(labels, 2)
    found = only(FACES, [own], [other], "accuracy")
    right = [(one.output > 0) == (labels == 1) for one in (own, other)]
    known = labels >= 0
    for k, name in enumerate(FACES.attributes):
        line = found.details[name]
        assert line.own_only == (right[0] & ~right[1] & known)[:, k].sum()
        assert line.other_only == (right[1] & ~right[0] & known)[:, k].sum()
        assert 0 < line.mcnemar <= 1
        assert line.units == known[:, k].sum()
    assert (found.whole.mcnemar, found.whole.own_only) == (None, None)  # a mean of three
    assert only(FACES, [own], [other], "mA").details["a"].mcnemar is None


def test_classes_have_the_test_as_a_whole_and_each():
    rng = np.random.default_rng(0)
    race = Classes("race", ("x", "y", "z"))
    truth = rng.integers(-1, 3, 200).astype(np.int16)
    images = np.arange(200).astype(str)
    own, other = (
        Predictions(images, rng.normal(size=(200, 3)).astype(np.float16), truth) for _ in range(2)
    )
    (found,) = compare(race, [aligned([own], [other])], ["accuracy", "balanced_accuracy"])
    right = [(one.output.argmax(1) == truth) & (truth >= 0) for one in (own, other)]
    whole = found["accuracy"].whole
    assert (whole.own_only, whole.other_only) == (
        (right[0] & ~right[1]).sum(),
        (right[1] & ~right[0]).sum(),
    )
    balanced = found["balanced_accuracy"]
    assert balanced.whole.mcnemar is None
    assert sum(line.own_only for line in balanced.details.values()) == whole.own_only
    assert list(found["accuracy"].details) == ["x", "y", "z"]


def test_identities_are_drawn_where_they_are_known(labels):
    repeated = np.repeat(labels, 5, axis=0)
    who = np.repeat(np.arange(len(labels)), 5)
    own, other = (
        replace(predicted(repeated, 0), output=np.repeat(predicted(labels, s).output, 5, axis=0))
        for s in (1, 2)
    )
    plain = only(FACES, [own], [other], "accuracy")
    clustered = only(
        FACES, [replace(own, identity=who)], [replace(other, identity=who)], "accuracy"
    )
    alone = only(FACES, [predicted(labels, 1)], [predicted(labels, 2)], "accuracy")
    assert clustered.units == alone.units < plain.units
    assert clustered.images == plain.images
    assert clustered.whole.low == pytest.approx(alone.whole.low)
    assert plain.whole.low > clustered.whole.low
    for name in FACES.attributes:
        assert clustered.details[name].mcnemar == pytest.approx(alone.details[name].mcnemar)
        assert clustered.details[name].units == alone.details[name].units
    nobody = replace(own, identity=np.full(len(who), -1))
    assert not aligned([nobody], [other]).clustered
    assert only(FACES, [nobody], [other], "accuracy") == plain


def test_images_are_put_in_order_with_who_is_on_them(labels):
    own, other = predicted(labels, 1, np.arange(120) // 2), predicted(labels, 2)
    order = np.random.default_rng(0).permutation(120)[:100]
    shuffled = Predictions(
        own.image[order], own.output[order], own.target[order], identity=own.identity[order]
    )
    sides = aligned([shuffled], [other])
    assert list(sides.own[0].image) == sorted(own.image[order])
    assert np.array_equal(sides.own[0].image, sides.other[0].image)
    assert np.array_equal(sides.own[0].target, sides.other[0].target)
    assert np.array_equal(sides.clusters, np.sort(order) // 2)


def test_other_labels_for_the_same_images_are_not_compared(labels):
    own, other = predicted(labels, 1), predicted(labels, 2)
    assert aligned([own], [replace(other, target=-np.abs(labels))]) is None
    years = Scalar("age", "years", 0, 116)
    truth = np.where(np.arange(50) < 5, np.nan, 30.0)
    held = Predictions(np.arange(50).astype(str), np.full(50, 31.0), truth)
    assert aligned([held], [held]) is not None  # unknown on both sides is alike
    assert only(years, [held], [held], "mae").whole.difference == 0


def test_a_handful_of_images_has_neither_interval_nor_p(labels):
    few = labels[:30].copy()
    few[19:, 0] = -1
    found = only(FACES, [predicted(few, 1)], [predicted(few, 2)], "accuracy")
    line = found.details["a"]
    assert line.units < 20
    assert (line.low, line.high, line.p, line.mcnemar) == (None, None, None, None)
    assert line.own_only is not None
