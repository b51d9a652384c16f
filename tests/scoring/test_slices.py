"""Sides of a slice and broken rules, against counts by hand."""

import numpy as np
import pytest

from farbench.scoring.consistency import answers, violations
from farbench.scoring.predictions import Predictions
from farbench.scoring.slices import comparable, ranked_sides, side_scores
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.scalar import Scalar

#                    both sides | first all no | second all yes | second unknown
TARGETS = np.array([[0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 1, -1], [1, 1, 1, -1]])
SIDES = [np.array([True, True, False, False]), np.array([False, False, True, True])]


@pytest.mark.parametrize(
    ("metric", "defined"),
    [
        ("accuracy", [True, True, True, False]),
        ("brier", [True, True, True, False]),
        ("recall", [True, False, True, False]),
        ("mA", [True, False, False, False]),
    ],
)
def test_what_every_side_defines(metric, defined):
    assert comparable(TARGETS, SIDES, metric).tolist() == defined


def test_scores_of_sides_are_means_over_the_chosen_attributes():
    task = BinaryAttributes("attributes", ("a", "b", "c", "d"))
    said = TARGETS.copy()
    said[0] = 1 - said[0]
    held = Predictions(np.arange(4).astype(str), said - 0.5, TARGETS)
    found = side_scores(task, held, SIDES, "accuracy", True, (0, 1))
    assert found.sides == (0.5, 1.0)
    assert (found.worst, found.best, found.gap) == (0.5, 1.0, 0.5)
    assert side_scores(task, held, SIDES, "accuracy", True, (3,)).sides == (0.5, None)


def test_of_an_error_the_largest_is_the_worst():
    held = Predictions(np.arange(4).astype(str), np.zeros(4), np.array([1.0, 1, 2, 4]))
    age = Scalar("age", "years", 0, 99)
    empty = np.zeros(4, bool)
    found = side_scores(age, held, [*SIDES, empty], "mae", False)
    assert found.sides == (1.0, 3.0, None)
    assert (found.best, found.worst, found.gap) == (1.0, 3.0, 2.0)
    assert ranked_sides([0.5, None], True).gap is None


def test_broken_rules():
    said = np.array([[1, 1, 1], [1, 0, 1], [0, 1, -1], [1, -1, -1]])
    found = violations(said, [[0, 1, 2], [0, 1], [1, 2]])
    assert found.each == (1.0, pytest.approx(1 / 3), 0.5)
    assert found.any == pytest.approx(2 / 3)  # of the three images in which a rule is known
    assert violations(np.full((2, 3), -1), [[0, 1]]).each == (None,)
    assert answers(np.array([[0.0, 1.0, 1.0]]), np.array([[1, 0, -1]])).tolist() == [[0, 1, -1]]
