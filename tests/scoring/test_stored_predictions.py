"""Stored predictions are read whole, and refused in one clear line."""

import numpy as np
import pytest

from farbench.errors import UserError
from farbench.scoring.predictions import load_predictions
from farbench.scoring.score import score
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar


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


PAIR = BinaryAttributes("attributes", ("a", "b"))
POINTS = Landmarks("points", "landmarks5", 5, (1, 0, 2, 4, 3), ((0,), (1,)))
AGE = Scalar("age", "years", 0, 116)


def test_each_task_is_read_by_its_name(path):
    held = load_predictions(path, PAIR)
    assert held.image.tolist() == ["x.jpg", "y.jpg"]
    assert score(PAIR, held.output, held.target)["accuracy"] == pytest.approx(0.75)
    points = load_predictions(path, POINTS)
    assert points.output.shape == points.target.shape == (2, 5, 2)
    assert points.sizes.tolist() == [[10, 20], [30, 40]]


def test_absent_and_damaged_files_are_the_users_to_mend(tmp_path, path):
    with pytest.raises(UserError, match="carry no predictions"):
        load_predictions(tmp_path / "nowhere.npz", PAIR)
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="no predictions file"):
        load_predictions(broken, PAIR)
    with pytest.raises(UserError, match=r"task 'age'.*age.output"):
        load_predictions(path, AGE)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("image", lambda held: held[:1], r"attributes.output is float16 \(2, 2\), not .* \(1, 2\)"),
        ("image", lambda held: held[:0], "it holds no image"),
        ("image", lambda held: np.arange(2), "image is int64"),
        ("attributes.output", lambda held: held[..., None], r"\(2, 2, 1\), not .* \(2, 2\)"),
        ("attributes.output", lambda held: held.astype(str), "attributes.output is <U32"),
        ("attributes.output", lambda held: held * np.float16("nan"), "is not finite everywhere"),
        ("attributes.target", lambda held: held[:, 0], r"attributes.target is int8 \(2,\)"),
        ("attributes.target", lambda held: held + 2, "is not within -1 and 1 everywhere"),
        ("sizes", lambda held: held.ravel(), r"sizes is int32 \(4,\), not of the shape \(2, 2\)"),
    ],
)
def test_arrays_that_the_task_cannot_have_are_refused(path, name, change, told):
    with np.load(path) as held:
        arrays = dict(held)
    np.savez(path, **arrays | {name: change(arrays[name])})
    with pytest.raises(UserError, match=f"{path} is no predictions file of task 'attributes': .*"):
        load_predictions(path, PAIR)
    with pytest.raises(UserError, match=told):
        load_predictions(path, PAIR)
