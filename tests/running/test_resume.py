"""Killed, interrupted, failed, run twice at once: what is done stays, and numbers do not change."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

TIMES = ("images_per_second", "input_share")

KILLER = """
import os
import signal

from farbench import hookimpl


@hookimpl
def farbench_cell_finished(cell, metrics):
    if cell.row == "coarse" and "KILL_AFTER_FIRST" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
"""


PACK_KILLER = """
import os
import signal

from farbench.data import pack
from farbench.store import blocks

blocks.BLOCK = 8
resize, done = pack.resize, []


def strike(image, side):
    done.append(side)
    if len(done) == 30 and "KILL_WHILE_PACKING" in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)
    return resize(image, side)


pack.resize = strike
"""


@pytest.fixture(autouse=True)
def _interruptible():
    """Take SIGINT even where this process was started to ignore it, as background jobs are."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def same_results(one: Path, other: Path) -> None:
    """Compare two cells bit for bit, but for times."""
    assert (one / "metrics.json").read_bytes() == (other / "metrics.json").read_bytes()
    weights = "model.safetensors"
    assert (one / weights).read_bytes() == (other / weights).read_bytes()
    for name in ("predictions.npz", "predictions.valid.npz"):
        with np.load(one / name) as a, np.load(other / name) as b:
            assert sorted(a) == sorted(b)
            assert all(a[key].tobytes() == b[key].tobytes() for key in a)
    histories = [pd.read_csv(cell / "history.csv") for cell in (one, other)]
    pd.testing.assert_frame_equal(*[h.drop(columns=list(TIMES)) for h in histories])


@pytest.fixture
def uninterrupted(tiny, tmp_path, monkeypatch):
    """Run everything in one go, into another cache and other results."""
    whole = tmp_path / "whole"
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run(results=whole)
    return tiny.cells(whole)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err


@pytest.mark.parametrize(
    "step", [pytest.param(3, marks=pytest.mark.slow), 8], ids=["first epoch", "second epoch"]
)
def test_killed_in_the_middle_of_an_epoch(tiny, uninterrupted, step):
    code, _ = finish(tiny.start(TINY_SIGNAL="SIGKILL", TINY_STEP=str(step)))
    assert code == -signal.SIGKILL
    assert "2 cells: 0 finished, 2 to run" in tiny.run("--dry-run").out
    outcome = tiny.run()
    first = outcome.err.split("[2/2]")[0]
    assert ("joint 1/3" in first) == (step < 5)  # five steps an epoch: the done one is not redone
    for row, cell in tiny.cells().items():
        same_results(cell, uninterrupted[row])


def test_killed_while_packing(tiny, tmp_path, uninterrupted):
    tiny.write({"killer.py": PACK_KILLER})
    plugins = ("--plugins", tiny.folder / "killer.py")
    reads = tmp_path / "reads.txt"
    code, err = finish(tiny.start(*plugins, KILL_WHILE_PACKING="1", TINY_READS=str(reads)))
    assert code == -signal.SIGKILL, err
    first = reads.read_text().split()
    assert not tiny.results.exists()
    reads.unlink()
    code, err = finish(tiny.start(*plugins, TINY_READS=str(reads)))
    assert code == 0, err
    # Three blocks of eight were finished; of the fourth nothing counts.
    assert sorted(reads.read_text().split()) == [f"dot{i:03d}" for i in range(24, 64)]
    assert len(first) >= 30
    for name in ("images.npy", "sizes.npy"):
        (cut,), (whole,) = (
            (tmp_path / cache).glob(f"packed/*/{name}") for cache in ("cache", "another_cache")
        )
        assert cut.read_bytes() == whole.read_bytes()
    for row, cell in tiny.cells().items():
        same_results(cell, uninterrupted[row])


@pytest.mark.slow
def test_killed_between_cells(tiny, uninterrupted):
    tiny.write({"killer.py": KILLER})
    plugins = ("--plugins", tiny.folder / "killer.py")
    code, err = finish(tiny.start(*plugins, KILL_AFTER_FIRST="1"))
    assert code == -signal.SIGKILL
    assert "[2/2]" not in err
    coarse = tiny.cells()["coarse"]
    before = {path: path.stat().st_mtime_ns for path in coarse.iterdir()}
    outcome = tiny.run(*plugins)
    assert "1 of 2 cells finished already." in outcome.err
    assert {path: path.stat().st_mtime_ns for path in coarse.iterdir()} == before
    for row, cell in tiny.cells().items():
        same_results(cell, uninterrupted[row])


def test_a_cell_that_lost_its_record_is_scored_again_from_the_trained_stage(tiny, uninterrupted):
    tiny.run()
    fine = tiny.cells()["fine"]
    (fine / "cell.json").unlink()
    outcome = tiny.run()
    assert "joint: taken from the cache" in outcome.err
    same_results(fine, uninterrupted["fine"])


def test_predictions_use_the_threads_of_the_cell_even_if_nothing_is_trained(tiny, monkeypatch):
    import torch

    from farbench.running import predictions as running

    tiny.run("--rows", "fine")
    (tiny.cells()["fine"] / "cell.json").unlink()
    seen = []
    true_predict = running.predict

    def predict(*arguments):
        seen.append(torch.get_num_threads())
        return true_predict(*arguments)

    monkeypatch.setattr(running, "predict", predict)
    torch.set_num_threads(2)
    tiny.run("--rows", "fine")
    assert seen == [1, 1]


def test_a_stray_temporary_file_does_no_harm_and_goes(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TINY_SIGNAL", "SIGINT")
        patch.setenv("TINY_STEP", "8")
        tiny.run(code=130)
    (stage,) = (tmp_path / "cache" / "stages").iterdir()
    (stage / ".unfinished-abc.pt").write_bytes(b"half")
    (cell,) = (tiny.results / "tiny_bench").glob("coarse-*")
    (cell / ".unfinished-abc.npz").write_bytes(b"half")
    tiny.run()
    assert ".unfinished-abc.npz" not in [path.name for path in cell.iterdir()]
    assert sorted(path.name for path in stage.iterdir()) == [
        "artifact.json",
        "valid.npz",
        "weights.safetensors",
    ]


def test_ctrl_c_exits_130_and_the_next_run_goes_on(tiny, uninterrupted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TINY_SIGNAL", "SIGINT")
        patch.setenv("TINY_STEP", "8")
        outcome = tiny.run(code=130)
    assert outcome.err.splitlines()[-1] == (
        "farbench: error: interrupted; the same command goes on from here."
    )
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    tiny.run()
    for row, cell in tiny.cells().items():
        same_results(cell, uninterrupted[row])


@pytest.mark.slow
def test_two_processes_on_one_cache_build_each_artifact_once(tiny, tmp_path):
    reads = tmp_path / "reads.txt"
    places = [tmp_path / "one", tmp_path / "two"]
    started = [tiny.start(results=place, TINY_READS=str(reads)) for place in places]
    ended = [finish(process) for process in started]
    assert [code for code, _ in ended] == [0, 0], ended
    assert sorted(reads.read_text().split()) == [f"dot{i:03d}" for i in range(64)]
    for row in ("coarse", "fine"):
        cells = [tiny.cells(place)[row] for place in places]
        cached = ["joint: taken from the cache" in (cell / "log.txt").read_text() for cell in cells]
        assert sorted(cached) == [False, True]
        same_results(*cells)
