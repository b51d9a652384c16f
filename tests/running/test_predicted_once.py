"""A cell predicts no image twice: its last validation gives the predictions of the valid split."""

from __future__ import annotations

import json

import numpy as np

from farbench.running import predictions as running
from farbench.training import validation


def test_the_valid_split_is_not_predicted_again(tiny, monkeypatch):
    counts: list[int] = []
    true_predict = running.predict

    def predict(forward, batches, positions):
        counts.append(len(positions))
        return true_predict(forward, batches, positions)

    monkeypatch.setattr(running, "predict", predict)
    monkeypatch.setattr(running, "WARM_UP", 1)
    tiny.run("--rows", "coarse")
    (cell,) = tiny.cells().values()
    assert counts[0] == 1
    assert len(counts) == 2
    with np.load(cell / "predictions.valid.npz") as stored:
        first = dict(stored)
    # Without what the stage has kept, as after a resume, the cell predicts it: the same bits.
    for kept in (tiny.folder.parent / "cache").rglob(validation.VALID):
        kept.unlink()
        about = kept.parent / "artifact.json"
        made = json.loads(about.read_text())
        del made["files"], made["checksum"]  # of a file that was never there they say nothing
        about.write_text(json.dumps(made))
    counts.clear()
    again = tiny.folder / "again"
    tiny.run("--rows", "coarse", results=again)
    (other,) = tiny.cells(again).values()
    assert len(counts) == 2
    assert counts[0] == len(first["image"])
    with np.load(other / "predictions.valid.npz") as stored:
        assert stored.files == list(first)
        for name in stored.files:
            assert np.array_equal(stored[name], first[name]), name
