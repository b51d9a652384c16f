"""Real faces below FARBENCH_DATA: counts, label ranges, and images that decode."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from farbench.plugins.dataset import Dataset
from farbench_datasets.fairface import FairFace
from farbench_datasets.fer2013 import FER2013
from farbench_datasets.utkface import UTKFace

DATA = Path(os.environ.get("FARBENCH_DATA", "nowhere"))

COUNTS = {
    "utkface": {(2_382,), (23_705,)},
    "fairface": {(2_400, 800), (86_744, 10_954)},
    "fer2013": {(2_520, 596), (32_298, 3_589)},
}
"""Images of train with valid, and of test (of all where none is official): a sample, or all."""

pytestmark = pytest.mark.real_faces


def located(dataset: Dataset) -> Path:
    root = dataset.locate(DATA) if DATA.is_dir() else None
    if root is None:
        pytest.skip(f"no {dataset.info.title} below FARBENCH_DATA")
    return root


@pytest.mark.parametrize("dataset", [UTKFace(), FairFace(), FER2013()], ids=lambda d: d.name)
def test_a_real_data_set_is_read(dataset: Dataset) -> None:
    root = located(dataset)
    index = dataset.index(root)
    frame = index.frame
    assert frame["image"].is_unique
    splits = Counter(frame["split"])
    official = (splits["train"] + splits["valid"], splits["test"])
    if dataset.name == "utkface":
        official = (len(frame),)
    assert official in COUNTS[dataset.name]
    assert 0.08 < splits["valid"] / (splits["train"] + splits["valid"]) < 0.125
    for task in dataset.tasks():
        labels = task.labels(frame, index.points)
        assert task.known(labels).all()
        if task.kind == "classes":
            assert set(labels) == set(range(task.outputs))
        else:
            assert labels.min() == 1
            assert 100 <= labels.max() <= 116
    assert min(dataset.sizes(root, list(frame["image"]))) > 300
    side = {"utkface": 200, "fairface": 224, "fer2013": 48}[dataset.name]
    for row in frame.iloc[:: len(frame) // 20].itertuples():
        image = dataset.read(root, row)
        assert image.shape == (side, side, 3)
        assert image.std() > 5
        colours_differ = np.ptp(image.astype(int), axis=2).max() > 0
        assert not (dataset.name == "fer2013" and colours_differ)
