"""Stored predictions are read whole, and refused in one clear line."""

import numpy as np
import pytest

from farbench.errors import UserError
from farbench.scoring.predictions import load_predictions
from farbench.scoring.score import score
from farbench.tasks.attributes import BinaryAttributes


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "predictions.npz"
    np.savez(
        path,
        **{
            "image": np.array(["x.jpg", "y.jpg"]),
            "attributes.output": np.array([[1, -1], [1, 1]], np.float16),
            "attributes.target": np.array([[1, 0], [0, -1]], np.int8),
            "points.output": np.zeros((2, 5, 2), np.float32),
            "points.target": np.ones((2, 5, 2), np.float32),
            "sizes": np.array([[10, 20], [30, 40]], np.int32),
        },
    )
    return path


def test_each_task_is_read_by_its_name(path):
    held = load_predictions(path, "attributes")
    assert held.image.tolist() == ["x.jpg", "y.jpg"]
    assert score(BinaryAttributes("attributes", ("a", "b")), held.output, held.target)[
        "accuracy"
    ] == pytest.approx(0.75)
    points = load_predictions(path, "points")
    assert points.output.shape == points.target.shape == (2, 5, 2)
    assert points.sizes.tolist() == [[10, 20], [30, 40]]


def test_absent_and_damaged_files_are_the_users_to_mend(tmp_path, path):
    with pytest.raises(UserError, match="carry no predictions"):
        load_predictions(tmp_path / "nowhere.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="no predictions file"):
        load_predictions(broken)
    with pytest.raises(UserError, match=r"task 'age'.*age.output"):
        load_predictions(path, "age")
