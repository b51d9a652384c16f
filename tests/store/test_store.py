"""Files are whole or absent, artifacts are built once, and a cell knows whether it is finished."""

from __future__ import annotations

import json
import os
import threading
import time

import numpy as np
import pytest

from farbench import BinaryAttributes
from farbench.errors import UserError
from farbench.scoring.score import as_stored
from farbench.store import atomic, cells
from farbench.store.artifacts import PROGRESS, ArtifactStore, default_cache


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "value.json"
    atomic.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        atomic.write_json(path, {"a": float("nan")})

    def half(temporary):
        temporary.write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        atomic.write_with(path, half)
    assert atomic.read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "value.json"
    path.write_text('{"a": ')
    with pytest.raises(
        UserError, match=r"value\.json cannot be read: it is not valid JSON .* Delete"
    ):
        atomic.read_json(path)


def test_sweep_takes_only_unfinished_files(tmp_path):
    (tmp_path / ".unfinished-x.npz").write_text("")
    (tmp_path / ".lock").write_text("")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / ".unfinished-y").write_text("")
    atomic.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".lock", "below"]


def test_where_others_write_only_what_is_a_day_old_is_swept(tmp_path):
    old, new = tmp_path / ".unfinished-old", tmp_path / ".unfinished-new"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    atomic.sweep_old(tmp_path)
    atomic.sweep_old(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == [new]


def test_an_artifact_is_built_once_and_again_if_its_builder_failed(tmp_path):
    store = ArtifactStore(tmp_path)
    calls = []

    def build(folder):
        calls.append(folder)
        if len(calls) == 1:
            raise RuntimeError("cut short")
        return {"answer": 42}

    with pytest.raises(RuntimeError):
        store.get("stages", "abc", build)
    assert store.meta("stages", "abc") is None
    assert store.get("stages", "abc", build) == (tmp_path / "stages/abc", {"answer": 42}, False)
    assert store.get("stages", "abc", build)[2] is True
    assert len(calls) == 2


def test_progress_is_kept_until_the_artifact_is_finished(tmp_path):
    store = ArtifactStore(tmp_path)
    seen = []

    def build(folder):
        progress = folder / PROGRESS
        seen.append(progress.is_dir() and sorted(path.name for path in progress.iterdir()))
        progress.mkdir(exist_ok=True)
        (progress / "half").write_text("done")
        if len(seen) == 1:
            (progress / ".unfinished-x").write_text("torn")
            raise KeyboardInterrupt
        return {"answer": 42}

    with pytest.raises(KeyboardInterrupt):
        store.get("stages", "abc", build)
    folder, _, shared = store.get("stages", "abc", build)
    assert seen == [False, ["half"]]
    assert not shared
    assert [path.name for path in folder.iterdir()] == ["artifact.json"]
    # Killed after artifact.json was written, before the rest was cleared away:
    (folder / PROGRESS).mkdir()
    assert store.get("stages", "abc", build)[2] is True
    assert [path.name for path in folder.iterdir()] == ["artifact.json"]
    assert len(seen) == 2


def test_two_that_ask_at_once_wait_for_one_another(tmp_path):
    built, got = [], []

    def build(folder):
        built.append(folder)
        time.sleep(0.2)
        return {"answer": 42}

    def ask():
        got.append(ArtifactStore(tmp_path).get("masks", "abc", build)[1:])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(built) == 1
    assert sorted(shared for _, shared in got) == [False, True, True]


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="Set FARBENCH_CACHE to a folder that can"):
        ArtifactStore(tmp_path / "file").get("stages", "abc", lambda folder: {})


def test_where_the_cache_is(tmp_path, monkeypatch):
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "a"))
    assert default_cache() == tmp_path / "a"
    monkeypatch.delenv("FARBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert default_cache() == tmp_path / "b" / "farbench"


def test_the_status_of_a_cell(tmp_path):
    folder = tmp_path / "row-data-s0-12345678"
    assert cells.cell_status(folder, "key") == "new"
    folder.mkdir()
    assert cells.cell_status(folder, "key") == "started"
    record = {"identity": {"key": "key"}, "status": "failed"}
    cells.write_cell(folder, record)
    assert cells.cell_status(folder, "key") == "started"
    cells.write_cell(folder, {**record, "status": "finished"})
    assert cells.cell_status(folder, "key") == "finished"
    assert cells.cell_status(folder, "another key") == "started"
    assert json.loads((folder / "cell.json").read_text())["schema"] == cells.SCHEMA
    (folder / "cell.json").write_text("{")
    assert cells.cell_status(folder, "key") == "started"


def test_logits_are_clipped_to_what_float16_holds(tmp_path):
    logits = np.array([[1e6, -1e6, 0.25]], np.float32)
    targets = np.array([[1, 0, -1]], np.int8)
    stored = as_stored(BinaryAttributes("t", ("a", "b", "c")), logits)
    held = {"t": stored}, {"t": targets}
    cells.write_predictions(tmp_path / "p.npz", np.array(["a"]), *held)
    assert stored.tolist() == [[65504.0, -65504.0, 0.25]]
    with np.load(tmp_path / "p.npz") as held:
        assert held["t.output"].tolist() == stored.tolist()
        assert held["t.target"].tolist() == [[1, 0, -1]]
