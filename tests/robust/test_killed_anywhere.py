"""`kill -9` at moments chosen by chance: the same command, given again, ends in the same tables."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from farbench.store import blocks

KILLER = '''
"""Counts a run's moments (steps; files opened, moved, removed) and ends it at one of them."""

import atexit
import os
import signal
import sys
from pathlib import Path

from farbench.running import progress
from farbench.store import blocks

blocks.BLOCK = 16

OF_FILES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}
PLACE, AT = os.environ["PLACE"], int(os.environ["KILL_AT"])
seen = 0


def count():
    global seen
    seen += 1
    if seen == AT:
        os.kill(os.getpid(), signal.SIGKILL)


def heard(event, arguments):
    if event in OF_FILES and str(arguments[0]).startswith(PLACE):
        count()


step = progress.Progress.step


def stepped(self, *arguments, **options):
    count()
    step(self, *arguments, **options)


sys.addaudithook(heard)
progress.Progress.step = stepped
if AT == 0:  # processes that pack or train end without this
    atexit.register(lambda: Path(PLACE, "moments").write_text(str(seen)))
'''

GRID = """
title: Tiny
protocol: tiny.yaml
plugins: [tiny_method.py, tiny_dataset.py]
seeds: [0, 1]
compare: fine-2
datasets: [{name: dots, train: 140}]
rows:
  fine: {method: tiny_net, grid: {cells: [2, 4]}}
"""


class Trials:
    """Runs of a grid of four cells, each run in a place of its own."""

    def __init__(self, tiny, folder: Path, monkeypatch, jobs: int) -> None:
        self.tiny, self.folder, self.monkeypatch = tiny, folder, monkeypatch
        self.words = ("--plugins", tiny.folder / "killer.py", "--jobs", jobs)
        tiny.write({"tiny_bench.yaml": GRID, "killer.py": KILLER})
        monkeypatch.setenv("FARBENCH_WORKERS", "2")  # which pack the 164 images
        monkeypatch.setattr(blocks, "BLOCK", 16)
        self.rng = np.random.default_rng(jobs)
        self.codes: list[int] = []
        started = time.monotonic()
        code, err = self.end(self.start("whole"))
        self.seconds = time.monotonic() - started
        assert code == 0, err
        self.whole = self.outcome("whole")
        self.moments = int((folder / "whole" / "moments").read_text())

    def start(self, name: str, at: int = 0):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        cache = str(place / "cache")
        return self.tiny.start(
            *self.words,
            results=place / "results",
            FARBENCH_CACHE=cache,
            PLACE=str(place),
            KILL_AT=str(at),
        )

    def end(self, process) -> tuple[int, str]:
        _, err = process.communicate(timeout=240)
        return process.returncode, err

    def finish(self, name: str) -> None:
        """Give the command once more, and compare with what was never killed."""
        place = self.folder / name
        self.monkeypatch.setenv("FARBENCH_CACHE", str(place / "cache"))
        self.tiny.run(results=place / "results")
        assert self.outcome(name) == self.whole
        # Where any run may write, a temporary file of a killed one stays for a day.
        shared = {place / "results" / "tiny_bench", place / "results" / "tiny_bench" / "tables"}
        left = [path for path in place.rglob(".unfinished-*") if path.parent not in shared]
        assert left + list(place.glob("cache/*/*/progress")) == []

    def outcome(self, name: str) -> dict[str, bytes]:
        """Return all that must be the same: tables, scores, predictions, weights."""
        folder = self.folder / name / "results" / "tiny_bench"
        files = [f"tables/main.{kind}" for kind in ("md", "tex", "csv")]
        in_cells = ("metrics.json", "predictions.npz", "predictions.valid.npz", "model.safetensors")
        cells = [path.name for path in folder.glob("fine-*")]
        assert len(cells) == 4
        files += [f"{cell}/{file}" for cell in cells for file in in_cells]
        return {file: (folder / file).read_bytes() for file in files}


@pytest.fixture
def trials(tiny, tmp_path, monkeypatch):
    folder = tmp_path / "trials"
    folder.mkdir()
    return lambda jobs: Trials(tiny, folder, monkeypatch, jobs)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("jobs", "times"), [(1, 20), (2, 10)])
def test_the_same_tables_whatever_the_moment(trials, jobs, times):
    """Steps, and opening, moving and removing files; with workers, in each of them."""
    runs = trials(jobs)
    codes = []
    for trial in range(times):
        name = str(trial)
        for _ in range(1 + trial % 2):  # half of them are killed again while they go on
            code, _ = runs.end(runs.start(name, int(runs.rng.integers(1, runs.moments))))
            codes.append(code)
        runs.finish(name)
    print(f"jobs {jobs}: {runs.moments} moments, exit codes {codes}")
    # A worker that dies is a failed cell (1) or a packing that ended (2), not the end of the run.
    struck = [code for code in codes if code in (-signal.SIGKILL, 1, 2)]
    assert len(struck) > len(codes) // 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("jobs", [1, 2])
def test_the_same_tables_whatever_the_time(trials, jobs):
    """By the clock, so that it may be anywhere in a library; its workers may still be ending."""
    runs = trials(jobs)
    codes = []
    for trial in range(8):
        process = runs.start(str(trial))
        assert process.stderr is not None
        process.stderr.readline()  # plugins and torch are loaded
        time.sleep(runs.rng.uniform(0, 0.6 * runs.seconds))
        process.kill()
        codes.append(runs.end(process)[0])
        runs.finish(str(trial))
    print(f"jobs {jobs}: {runs.seconds:.1f} s, exit codes {codes}")
