"""Metrics of landmarks against plain loops and cases drawn by hand."""

import math

import numpy as np
import pytest

from farbench.scoring.landmarks import score_landmarks

EYES = ((0, 1), (2,))  # the first eye is the centre of two points


def face():
    """One face: eyes at (10, 20) and (50, 20), so 40 pixels apart, and a mouth."""
    return np.array([[[8, 20], [12, 20], [50, 20], [30, 60]]], np.float32)


def test_one_face_by_hand():
    labels = face()
    points = labels.copy()
    points[0, 3] += [3, 4]  # 5 pixels
    points[0, 2, 0] += 1
    scores = score_landmarks(points, labels, EYES, np.array([[200, 100]]))
    assert scores["nme"] == pytest.approx((5 + 1) / 4 / 40)
    assert scores["nme_per_point"] == pytest.approx({"0": 0, "1": 0, "2": 1 / 40, "3": 5 / 40})
    # x by the width of 100, y by the height of 200, over 8 coordinates
    assert scores["mae"] == pytest.approx((0.03 + 0.02 + 0.01) / 8)
    assert scores["rmse"] == pytest.approx(math.sqrt((0.03**2 + 0.02**2 + 0.01**2) / 8))
    assert scores["mae_per_point"]["3"] == pytest.approx(0.025)
    assert scores["failure_rate"] == 0.0
    assert scores["ced_auc"] == pytest.approx(1 - 0.0375 / 0.08)
    assert scores["nearness"] == pytest.approx(1 / 1.0375)
    assert (scores["images"], scores["nme_left_out"]) == (1, 0)


def loop(points, labels, eyes):
    """Return the NME of each image in plain Python."""
    found = []
    for said, true in zip(points.tolist(), labels.tolist(), strict=True):
        centres = [[sum(true[p][axis] for p in eye) / len(eye) for axis in (0, 1)] for eye in eyes]
        between = math.dist(*centres)
        near = [math.dist(a, b) for a, b in zip(said, true, strict=True) if not math.isnan(b[0])]
        if near and between > 0:
            found.append(sum(near) / len(near) / between)
    return found


def test_agrees_with_a_plain_loop_and_the_curve_it_integrates():
    rng = np.random.default_rng(0)
    labels = (face() + rng.normal(0, 3, (80, 4, 2))).astype(np.float32)
    points = (labels + rng.normal(0, 2, labels.shape) * rng.uniform(0, 2.5, (80, 1, 1))).astype(
        np.float32
    )
    labels[rng.random((80, 4)) < 0.1] = np.nan
    labels[:3] = np.nan
    scores = score_landmarks(points, labels, EYES)
    nme = loop(points, labels, EYES)
    assert scores["nme"] == pytest.approx(sum(nme) / len(nme))
    carries = sum(not np.isnan(face).all() for face in labels)
    assert scores["images"] == carries
    assert scores["nme_left_out"] == carries - len(nme) > 0
    assert scores["failure_rate"] == pytest.approx(sum(e > 0.08 for e in nme) / len(nme))
    assert 0 < scores["failure_rate"] < 1
    grid = (np.arange(20000) + 0.5) / 20000 * 0.08
    curve = (np.asarray(nme)[:, None] <= grid).mean(0)
    assert scores["ced_auc"] == pytest.approx(curve.mean(), abs=1e-4)


def test_an_image_without_two_eyes_counts_in_mae_alone():
    labels = np.concatenate([face(), face(), face()])
    labels[1, 0] = np.nan  # half an eye is none
    labels[2, :3] = [30, 20]  # eyes in one place
    points = labels + 1
    points[1, 0] = 0
    scores = score_landmarks(points, labels, EYES, np.full((3, 2), 100))
    assert (scores["images"], scores["nme_left_out"]) == (3, 2)
    assert scores["nme"] == pytest.approx(math.sqrt(2) / 40)
    assert scores["mae"] == pytest.approx(0.01)


def test_half_a_point_is_unknown():
    labels = face()
    labels[0, 3, 1] = np.nan
    points = face() + np.array([2.0, 0.0])
    points[0, 3, 0] += 9
    scores = score_landmarks(points, labels, EYES, np.array([[100, 100]]))
    assert scores["mae"] == pytest.approx(0.01)  # 6 coordinates of 3 points, not 7
    assert (scores["nme_per_point"]["3"], scores["mae_per_point"]["3"]) == (None, None)
    assert scores["images"] == 1


def test_perfect_worst_and_nothing_known():
    perfect = score_landmarks(face(), face(), EYES, np.array([[1, 1]]))
    assert (perfect["nme"], perfect["mae"], perfect["ced_auc"], perfect["nearness"]) == (0, 0, 1, 1)
    worst = score_landmarks(face() + 1e6, face(), EYES)
    assert (worst["failure_rate"], worst["ced_auc"]) == (1, 0)
    assert 0 < worst["nearness"] < 1e-3
    assert (worst["mae"], worst["rmse"], worst["mae_per_point"]["0"]) == (None, None, None)
    nothing = score_landmarks(face(), face() * np.nan, EYES, np.array([[0, 0]]))
    assert nothing["images"] == 0
    for metric in ("nme", "mae", "rmse", "failure_rate", "ced_auc", "nearness"):
        assert nothing[metric] is None


def test_an_error_of_exactly_the_limit_is_no_failure():
    labels = np.array([[[0, 0], [100, 0], [50, 50], [50, 80]]], np.float64)
    points = labels.copy()
    points[0, 3, 1] += 32  # 8 pixels a point, the eyes 100 apart
    scores = score_landmarks(points, labels, ((0,), (1,)))
    assert (scores["nme"], scores["failure_rate"]) == (0.08, 0.0)
    points[0, 3, 1] += 0.5
    assert score_landmarks(points, labels, ((0,), (1,)))["failure_rate"] == 1.0


def test_wrong_input_is_refused():
    points = face()
    points[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="1 of 8 coordinates are NaN"):
        score_landmarks(points, face(), EYES)
    with pytest.raises(ValueError, match="must both be"):
        score_landmarks(face()[:, :3], face(), EYES)
    with pytest.raises(ValueError, match="above 0"):
        score_landmarks(face(), face(), EYES, np.array([[0, 5]]))
