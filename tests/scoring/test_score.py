"""One way to score, store and refer to every kind of task."""

import json

import numpy as np
import pytest

from farbench.errors import UserError
from farbench.scoring.attributes import majority_reference
from farbench.scoring.catalogue import HEADLINE, METRIC_VERSION, METRICS, SELECTION, metric_info
from farbench.scoring.score import as_stored, reference, score
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task, TrainStatistics
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar

ATTRIBUTES = BinaryAttributes("attributes", ("a", "b"))
RACE = Classes("race", ("x", "y", "z"))
AGE = Scalar("age", "years", 0, 116)
POINTS = Landmarks("points", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES)
IDENTITY = Identity("identity", 4)
TASKS = (ATTRIBUTES, RACE, AGE, POINTS, IDENTITY)


def example(task, count=60):
    """Make predictions as a network leaves them, and labels a fifth of which is unknown."""
    rng = np.random.default_rng(0)
    lost = rng.random(count) < 0.2
    if task is ATTRIBUTES:
        predictions, labels = rng.normal(size=(count, 2)), rng.integers(0, 2, (count, 2))
        labels = np.where(lost[:, None], -1, labels).astype(np.int8)
    elif task is RACE:
        predictions, labels = rng.normal(size=(count, 3)), rng.integers(0, 3, count)
        labels = np.where(lost, -1, labels).astype(np.int16)
    elif task is AGE:
        predictions, labels = rng.uniform(0, 90, count), rng.uniform(0, 90, count)
        labels = np.where(lost, np.nan, labels).astype(np.float32)
    elif task is POINTS:
        labels = rng.uniform(0, 100, (count, 5, 2)).astype(np.float32)
        predictions = labels + rng.normal(size=labels.shape)
        labels[lost] = np.nan
    else:
        predictions, labels = rng.normal(size=(count, 4)), rng.integers(0, 9, count)
        labels = np.where(lost, -1, labels).astype(np.int32)
    return predictions.astype(np.float32), labels, np.full((count, 2), 100), ~lost


def plain(value):
    """Refuse anything but what JSON holds."""
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for inner in value.values():
            plain(inner)
    else:
        assert value is None or type(value) in (int, float), type(value)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
class TestEveryKind:
    def test_scores_are_whole_and_plain(self, task):
        predictions, labels, sizes, known = example(task)
        scores = score(task, as_stored(task, predictions), labels, sizes=sizes)
        plain(scores)
        json.dumps(scores, allow_nan=False)
        assert scores["metric_version"] == METRIC_VERSION
        assert scores["images"] == known.sum() < 60
        for metric in METRICS[task.kind]:
            assert metric in scores
        assert {*HEADLINE[task.kind], SELECTION[task.kind]} <= set(METRICS[task.kind])
        assert all(type(scores[metric]) is float for metric in HEADLINE[task.kind])
        assert metric_info(task.kind, SELECTION[task.kind]).higher_is_better

    def test_images_without_a_label_count_nowhere(self, task):
        predictions, labels, sizes, known = example(task)
        before = score(task, predictions, labels, sizes=sizes)
        predictions[~known] = 37
        assert score(task, predictions, labels, sizes=sizes) == before
        alone = score(task, predictions[known], labels[known], sizes=sizes[known])
        for metric in METRICS[task.kind]:
            assert alone[metric] == pytest.approx(before[metric])

    def test_a_split_without_the_task_is_null(self, task):
        predictions, labels, sizes, _ = example(task)
        nothing = np.full_like(labels, np.nan if labels.dtype.kind == "f" else -1)
        scores = score(task, predictions, nothing, sizes=sizes)
        assert scores["images"] == 0
        assert all(scores[metric] is None for metric in METRICS[task.kind])

    def test_no_predictions_and_nan_are_refused(self, task):
        predictions, labels, _, _ = example(task)
        with pytest.raises(ValueError, match="no predictions"):
            score(task, predictions[:0], labels[:0])
        predictions.flat[3] = np.nan
        with pytest.raises(ValueError, match=r"1 of \d+ .* NaN"):
            score(task, predictions, labels)
        with pytest.raises(ValueError, match=r"1 of \d+ .* NaN"):
            as_stored(task, predictions)

    def test_stored_type(self, task):
        predictions, _, _, _ = example(task)
        stored = as_stored(task, predictions.astype(np.float64))
        logits = task in (ATTRIBUTES, RACE)
        assert stored.dtype == (np.float16 if logits else np.float32)
        assert stored.shape == predictions.shape
        predictions.flat[0] = np.inf
        if logits:
            assert as_stored(task, predictions).flat[0] == 65504
        else:
            with pytest.raises(ValueError, match="infinite"):
                as_stored(task, predictions)

    def test_reference_has_every_metric(self, task):
        _, labels, sizes, _ = example(task)
        scores = reference(task, task.statistics(labels), labels, sizes=sizes)
        plain(scores)
        assert list(scores) == list(METRICS[task.kind])


def test_float16_is_what_is_scored():
    predictions = np.array([[1e-9, 1.0], [0.5, -1.0]], np.float32)  # 1e-9 is 0 in float16: no
    labels = np.array([[1, 1], [1, 0]], np.int8)
    scores = score(ATTRIBUTES, as_stored(ATTRIBUTES, predictions), labels)
    assert scores["accuracy"] == 0.75


def test_reference_of_attributes_and_classes_is_the_majority():
    train = TrainStatistics(prevalence=(0.7, 0.2))
    labels = np.array([[1, 0], [0, 1], [1, -1]], np.int8)
    scores = reference(ATTRIBUTES, train, labels)
    assert scores["accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores["accuracy"] == majority_reference((0.7, 0.2), labels, ("a", "b"))["accuracy"]
    train = TrainStatistics(prevalence=(0.2, 0.5, 0.3))
    scores = reference(RACE, train, np.array([1, 1, 0, -1], np.int16))
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["balanced_accuracy"] == 0.5


def test_reference_of_a_scalar_is_the_train_mean():
    scores = reference(AGE, TrainStatistics(mean=(30.0,), std=(9.0,)), np.array([20.0, 44.0]))
    assert scores["mae"] == 12.0
    assert scores["correlation"] is None


def test_reference_of_landmarks_lays_the_mean_shape_into_each_image():
    shape = np.array([[0.25, 0.25], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0.75, 0.75]])
    sizes = np.array([[100, 200], [60, 40]])
    train = TrainStatistics(mean=tuple(shape.ravel()))
    labels = shape * sizes[:, None, ::-1] - 0.5
    scores = reference(POINTS, train, labels, sizes=sizes)
    assert scores["nme"] == pytest.approx(0)
    # A centre crop of 60 of 100 pixels: its left edge lies at 0.2, its side is 0.6.
    labels = (0.2 + 0.6 * shape) * sizes[:, None, ::-1] - 0.5
    scores = reference(POINTS, train, labels, sizes=sizes, frame=(0.2, 0.6))
    assert scores["mae"] == pytest.approx(0)
    assert set(reference(POINTS, train, labels).values()) == {None}


def test_identity_has_no_reference():
    assert set(reference(IDENTITY, TrainStatistics(), np.arange(4)).values()) == {None}


def test_a_kind_without_metrics_is_named():
    class Other(Task):
        kind = "other"
        default_loss = "none"
        outputs = 1
        columns = ()
        labels = known = statistics = None

    with pytest.raises(UserError, match="'mood' is of the kind 'other'"):
        score(Other("mood"), np.ones(3), np.ones(3))
    with pytest.raises(UserError, match="Kinds that have: attributes"):
        reference(Other("mood"), TrainStatistics(), np.ones(3))


def test_metric_info_names_what_there_is():
    assert metric_info("scalar", "mae").unit.format(unit="years") == "years"
    assert not metric_info("landmarks", "nme").higher_is_better
    with pytest.raises(UserError, match="Did you mean 'mae'"):
        metric_info("scalar", "mea")
    with pytest.raises(UserError, match="unknown kind of task 'ages'"):
        metric_info("ages", "mae")
