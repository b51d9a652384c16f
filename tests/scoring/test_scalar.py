"""Metrics of a number against scikit-learn, NumPy, and cases counted by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from farbench.scoring.scalar import score_scalar


def test_agrees_with_sklearn_over_known_labels():
    rng = np.random.default_rng(0)
    labels = rng.uniform(0, 90, 300).astype(np.float32)
    values = (labels + rng.normal(2, 6, 300)).astype(np.float32)
    missing = rng.random(300) < 0.2
    true, said = labels[~missing].copy(), values[~missing]
    labels[missing] = np.nan
    scores = score_scalar(values, labels)
    assert scores["images"] == len(true) < 300
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(true, said), rel=1e-5)
    assert scores["rmse"] == pytest.approx(sk.root_mean_squared_error(true, said), rel=1e-5)
    assert scores["r2"] == pytest.approx(sk.r2_score(true, said), rel=1e-5)
    assert scores["correlation"] == pytest.approx(np.corrcoef(true, said)[0, 1], rel=1e-5)
    assert scores["cs5"] == pytest.approx((np.abs(true - said) <= 5).mean())
    assert sum(scores["images_per_decade"].values()) == len(true)
    whole = sum(
        scores["mae_per_decade"][d] * count for d, count in scores["images_per_decade"].items()
    )
    assert whole / len(true) == pytest.approx(scores["mae"])


def test_counted_by_hand():
    labels = np.array([10, 19, 20, 40], np.float32)
    scores = score_scalar(np.array([15, 13, 20, 47], np.float32), labels)  # off by 5, 6, 0, 7
    assert scores["mae"] == 4.5
    assert scores["rmse"] == pytest.approx(np.sqrt((25 + 36 + 49) / 4))
    assert scores["cs5"] == 0.5  # 5 itself is within
    assert scores["mae_per_decade"] == {"10-19": 5.5, "20-29": 0.0, "40-49": 7.0}
    assert scores["images_per_decade"] == {"10-19": 2, "20-29": 1, "40-49": 1}


def test_undefined_values_are_null():
    same = score_scalar(np.array([3.0, 5.0]), np.array([4.0, 4.0]))
    assert (same["mae"], same["r2"], same["correlation"]) == (1.0, None, None)
    constant = score_scalar(np.array([4.0, 4.0]), np.array([3.0, 5.0]))
    assert (constant["r2"], constant["correlation"]) == (0.0, None)
    nothing = score_scalar(np.array([3.0]), np.array([np.nan]))
    assert (nothing["images"], nothing["mae"], nothing["cs5"]) == (0, None, None)
    assert nothing["mae_per_decade"] == {}


def test_differences_below_one_unit_count():
    scores = score_scalar(np.array([0.1, 0.3, 0.5]), np.array([0.1, 0.2, 0.3]))
    assert scores["r2"] == pytest.approx(1 - 0.05 / 0.02)
    assert scores["correlation"] == pytest.approx(1)


def test_perfect_and_worst():
    labels = np.array([1.0, 2.0, 4.0])
    perfect = score_scalar(labels, labels)
    assert (perfect["mae"], perfect["cs5"], perfect["r2"]) == (0.0, 1.0, 1.0)
    assert perfect["correlation"] == pytest.approx(1)
    worst = score_scalar(100 - labels, labels)
    assert worst["correlation"] == pytest.approx(-1)
    assert (worst["cs5"], worst["r2"] < 0) == (0.0, True)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="1 of 2 predictions are NaN"):
        score_scalar(np.array([np.nan, 1]), np.array([1.0, 1]))
    with pytest.raises(ValueError, match="infinite"):
        score_scalar(np.array([np.inf]), np.array([1.0]))
    with pytest.raises(ValueError, match="must both be"):
        score_scalar(np.ones((2, 1)), np.ones(2))
    with pytest.raises(ValueError, match="must both be"):
        score_scalar(np.ones(2), np.ones(3))
