"""Mask F1 counted by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from farbench.scoring.masks import mask_counts, mask_f1_from_counts


def mask_f1(predicted, true, names):
    return mask_f1_from_counts(mask_counts(predicted, true), names)


def test_pixels_of_all_images_are_pooled():
    true = np.zeros((2, 2, 4, 4), bool)
    predicted = np.zeros_like(true)
    true[0, 0, :2], predicted[0, 0, :1] = True, True  # image 0: tp 4, fn 4
    true[1, 0, :1], predicted[1, 0, :1] = True, True  # image 1: tp 4
    pooled = mask_f1(predicted, true, ["mouth", "ear"])
    assert pooled["mouth"] == pytest.approx(2 * 8 / (2 * 8 + 4))
    assert pooled["ear"] is None  # empty in both
    assert pooled["mean"] == pooled["mouth"]


def test_mask_f1_agrees_with_sklearn_and_batches_add_up():
    rng = np.random.default_rng(1)
    predicted, true = rng.random((2, 6, 3, 8, 8)) < 0.4
    scores = mask_f1(predicted, true, ["x", "y", "z"])
    for g, name in enumerate("xyz"):
        assert scores[name] == pytest.approx(
            sk.f1_score(true[:, g].ravel(), predicted[:, g].ravel())
        )
    parts = np.concatenate(
        [mask_counts(predicted[:2], true[:2]), mask_counts(predicted[2:], true[2:])]
    )
    assert mask_f1_from_counts(parts, ["x", "y", "z"]) == scores
    with pytest.raises(ValueError, match="masks must both"):
        mask_f1(predicted[0], true[0], ["x"])
