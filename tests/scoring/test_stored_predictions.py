"""Stored predictions are read whole, and refused in one clear line."""

import numpy as np
import pytest

from farbench.errors import UserError
from farbench.scoring.predictions import load_predictions, score_predictions


def test_scores_what_is_stored(tmp_path):
    path = tmp_path / "predictions.npz"
    np.savez(
        path,
        **{
            "image": np.array(["x.jpg", "y.jpg"]),
            "attributes.output": np.array([[1, -1], [1, 1]], np.float16),
            "attributes.target": np.array([[1, 0], [0, -1]], np.int8),
        },
    )
    assert load_predictions(path).image.tolist() == ["x.jpg", "y.jpg"]
    assert score_predictions(path, ["a", "b"])["attributes"]["accuracy"] == 0.75


def test_absent_and_damaged_files_are_the_users_to_mend(tmp_path):
    with pytest.raises(UserError, match="carry no predictions"):
        load_predictions(tmp_path / "predictions.npz")
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="no predictions file"):
        load_predictions(broken)
    np.savez(tmp_path / "other.npz", image=np.array(["x"]))
    with pytest.raises(UserError, match="attributes"):
        load_predictions(tmp_path / "other.npz")
