"""The data set around the drawn faces: splits, ids, points, noise (the renderer has its own)."""

from __future__ import annotations

import numpy as np
import pytest

from farbench_datasets.synthetic_faces import SyntheticFaces

SMALL = {"train": 6, "valid": 3, "test": 4}


def test_index_has_the_splits_asked_for() -> None:
    dataset = SyntheticFaces(**SMALL)
    index = dataset.index(None)
    assert index.frame["split"].value_counts().to_dict() == SMALL
    assert index.frame["image"].is_unique
    assert index.frame["image"][12] == "face_000012"
    assert index.frame["identity"].isna().all()
    assert index.frame[list(dataset.tasks()[0].columns)].isin([0, 1]).all(axis=None)
    assert index.points["wflw98"].shape == (13, 98, 2)
    assert index.points["wflw98"].dtype == np.float32


def test_drawing_repeats_itself_and_depends_on_the_seed() -> None:
    dataset = SyntheticFaces(**SMALL)
    row = list(dataset.index(None).frame.itertuples())[2]
    image = dataset.read(None, row)
    assert image.shape == (218, 178, 3)
    assert image.dtype == np.uint8
    assert np.array_equal(image, dataset.read(None, row))
    assert not np.array_equal(image, SyntheticFaces(**SMALL, seed=1).read(None, row))


def test_label_noise_turns_labels_but_not_pictures() -> None:
    clean, noisy = SyntheticFaces(**SMALL), SyntheticFaces(**SMALL, label_noise=0.3)
    columns = list(clean.tasks()[0].columns)
    changed = (
        clean.index(None).frame[columns].to_numpy() != noisy.index(None).frame[columns].to_numpy()
    ).mean()
    assert 0.2 < changed < 0.4
    row = next(iter(clean.index(None).frame.itertuples()))
    assert np.array_equal(clean.read(None, row), noisy.read(None, row))


def test_points_follow_the_image_size() -> None:
    points = SyntheticFaces(**SMALL).index(None).points["wflw98"]
    double = SyntheticFaces(**SMALL, height=436, width=356).index(None).points["wflw98"]
    # Pixel centres are integers: pixel 0 of the small image covers pixels 0 and 1 of the large.
    assert double == pytest.approx(2 * points + 0.5, abs=1e-3)
