"""Tasks: labels as an index has them, targets as a loss sees them, and what suits them best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from farbench import (
    BinaryAttributes,
    Classes,
    Identity,
    Landmarks,
    Scalar,
    Task,
    TrainStatistics,
    UserError,
)
from farbench.tasks import KINDS, from_record

FRAME = pd.DataFrame(
    {
        "split": ["train", "train", "train", "test", "valid"],
        "identity": pd.array(["b", "a", "b", "c", pd.NA], dtype="string"),
        "race": pd.array(["A", "C", pd.NA, "A", "B"], dtype="string"),
        "age": [30.0, 50.0, np.nan, 1.0, 2.0],
        "attributes.Bald": pd.array([1, 0, pd.NA, 1, 0], dtype="Int8"),
        "attributes.Young": pd.array([1, 1, pd.NA, pd.NA, 0], dtype="Int8"),
    }
)
POINTS = {"two": np.arange(20, dtype=np.float32).reshape(5, 2, 2)}
ATTRIBUTES = BinaryAttributes("attributes", ("Bald", "Young"))
RACE = Classes("race", ("A", "B", "C"))
AGE = Scalar("age", "years", 0, 116)
TWO = Landmarks("points", "two", 2, (1, 0), ((0,), (1,)))
WHO = Identity("who", embedding=7)
EVERY = (ATTRIBUTES, RACE, AGE, TWO, WHO)


def test_labels_as_arrays() -> None:
    assert ATTRIBUTES.labels(FRAME, {}).tolist() == [[1, 1], [0, 1], [-1, -1], [1, -1], [0, 0]]
    assert RACE.labels(FRAME, {}).tolist() == [0, 2, -1, 0, 1]
    assert AGE.labels(FRAME, {})[[0, 1, 3]].tolist() == [30, 50, 1]
    assert np.isnan(AGE.labels(FRAME, {})[2])
    assert TWO.labels(FRAME, POINTS)[1].tolist() == [[4, 5], [6, 7]]
    assert np.isnan(TWO.labels(FRAME, {})).all()
    # Identities of the train split are numbered first, by name.
    assert WHO.labels(FRAME, {}).tolist() == [1, 0, 1, 2, -1]


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.kind)
def test_known_says_which_images_carry_the_task(task: Task) -> None:
    points = {"two": POINTS["two"].copy()}
    points["two"][2] = np.nan
    points["two"][4, 1] = np.nan  # one point of two is still a label
    expected = {"identity": [1, 1, 1, 1, 0]}.get(task.kind, [1, 1, 0, 1, 1])
    assert task.known(task.labels(FRAME, points)).tolist() == [bool(one) for one in expected]


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.kind)
def test_a_task_survives_its_record(task: Task) -> None:
    import json

    assert from_record(json.loads(json.dumps(task.record()))) == task
    assert KINDS[task.kind] is type(task)
    assert task.name in task.wording()


def test_what_suits_the_train_labels_best() -> None:
    train = FRAME[FRAME["split"] == "train"]
    shares = ATTRIBUTES.statistics(ATTRIBUTES.labels(train, {}))
    assert shares.prevalence == (0.5, 1.0)
    odds = ATTRIBUTES.prior(shares)
    assert odds == pytest.approx((0.0, np.log(0.999 / 0.001)))
    classes = RACE.statistics(RACE.labels(train, {}))
    assert classes.prevalence == (0.5, 0.0, 0.5)
    assert RACE.prior(classes) == pytest.approx(np.log([0.5, 1e-3, 0.5]))
    ages = AGE.statistics(AGE.labels(train, {}))
    assert (ages.mean, ages.std) == ((40.0,), (10.0,))
    assert AGE.prior(ages) == (0.0,)
    assert WHO.statistics(WHO.labels(train, {})).identities == 2
    shape = TWO.statistics(np.array([[[0.2, 0.3], [0.6, 0.3]], [[0.4, np.nan], [0.8, 0.5]]]))
    assert TWO.prior(shape) == pytest.approx((0.3, 0.3, 0.7, 0.4))


def test_a_scalar_is_learned_in_standard_units_and_stored_in_its_own() -> None:
    statistics = TrainStatistics(mean=(40.0,), std=(10.0,))
    targets = AGE.targets(np.array([30, 60, np.nan], np.float32), statistics)
    assert targets.shape == (3, 1)
    assert targets[:2, 0].tolist() == [-1, 2]
    assert np.isnan(targets[2, 0])
    outputs = np.array([[-1], [2], [-9], [99]], np.float32)
    assert AGE.predictions(outputs, statistics).tolist() == [30, 60, 0, 116]  # within its range
    same = AGE.statistics(np.array([5, 5], np.float32))
    assert same.std == (1.0,)  # nothing to divide by


@pytest.mark.parametrize(
    ("task", "column", "value", "words"),
    [
        (RACE, "race", "a", r"race has the label 'a'\. Did you mean 'A'\? Allowed: A, B, C"),
        (AGE, "age", 117, r"age has the label 117.*allowed are 0 to 116 \(years\)"),
        (AGE, "age", "old", "age has the label 'old'"),
        (ATTRIBUTES, "attributes.Bald", -1, "attributes.Bald has the label -1"),
    ],
)
def test_a_label_that_is_not_allowed_is_named(
    task: Task, column: str, value: object, words: str
) -> None:
    frame = FRAME.astype({column: object})
    frame.loc[1, column] = value
    with pytest.raises(UserError, match=words):
        task.labels(frame, {})
