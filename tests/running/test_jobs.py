"""Cells side by side: the same results as one after the other, whatever happens to a worker."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from test_failures import RAISES
from test_resume import same_results

from farbench.executors.serial import SerialExecutor

STRIKE = """
import os
import signal
import time
from pathlib import Path

from farbench import hookimpl


@hookimpl
def farbench_epoch_ended(cell, epoch):
    if cell.row == os.environ.get("DIES"):
        os.kill(os.getpid(), signal.SIGKILL)
    if "GATE" in os.environ:
        gate = Path(os.environ["GATE"])
        (gate / f"{cell.row}.{os.getpid()}").touch()
        while not (gate / "open").exists():
            time.sleep(0.02)
"""


@pytest.fixture
def strike(tiny):
    tiny.write({"strike.py": STRIKE})
    return "--plugins", tiny.folder / "strike.py"


@pytest.fixture
def serial(tiny, tmp_path, monkeypatch):
    """Run everything in this process, into another cache; return the results root."""
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run(results=tmp_path / "serial")
    return tmp_path / "serial"


def logged(cell: Path) -> list[str]:
    """Return the lines of a cell's log without times and speeds."""
    lines = [line[20:] for line in (cell / "log.txt").read_text().splitlines()]
    return [line.split(" images/s")[0].rpartition(",")[0] for line in lines]


def test_results_are_those_of_one_after_the_other(tiny, serial):
    outcome = tiny.run("--jobs", 2)
    for row, cell in tiny.cells().items():
        same_results(cell, tiny.cells(serial)[row])
        assert logged(cell) == logged(tiny.cells(serial)[row])
        record = json.loads((cell / "cell.json").read_text())
        before = json.loads((tiny.cells(serial)[row] / "cell.json").read_text())
        assert record["identity"] == before["identity"]
        assert record["environment"]["cells_at_once"] == 2
        assert before["environment"]["cells_at_once"] == 1
    plans = [root / "tiny_bench" / "plan.json" for root in (tiny.results, serial)]
    assert plans[0].read_text() == plans[1].read_text()
    lines = outcome.err.splitlines()
    assert "[1/2] coarse, dots, seed 0" in lines
    assert sum(line.startswith("[2/2] fine: joint 3/3: loss") for line in lines) == 1
    assert sum(line.startswith("[2/2] fine: test accuracy") for line in lines) == 1
    # Nothing is left to do, and no worker is started for that.
    assert "2 of 2 cells finished already." in tiny.run("--jobs", 2).err


@pytest.fixture
def two_at_once(monkeypatch):
    """Let cells be planned as for two workers, and run them here."""

    class TwoAtOnce(SerialExecutor):
        at_once = on_one_machine = 2

    monkeypatch.setattr("farbench.executors.choose._local", lambda jobs, device: TwoAtOnce())


def test_a_stage_that_cells_share_is_trained_first_and_once(tiny, two_at_once):
    rows = "{method: tiny_net, cells: 4}"
    text = tiny.file.read_text().replace("{method: tiny_net, cells: 2}", rows)
    tiny.file.write_text(text)
    outcome = tiny.run("--jobs", 2)
    assert "[first 1/1] joint, dots, seed 0" in outcome.err
    assert outcome.err.count("joint 1/3") == 1
    assert outcome.err.count("joint: taken from the cache") == 2
    coarse, fine = tiny.cells().values()
    same_results(coarse, fine)
    assert "joint 1/3" in (coarse / "log.txt").read_text()


def test_a_worker_that_is_killed_is_one_failed_cell(tiny, serial, strike, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("DIES", "coarse")
        outcome = tiny.run("--jobs", 2, *strike, code=1)
    assert "[1/2] coarse: failed: its worker process was ended by SIGKILL" in outcome.err
    assert outcome.err.splitlines()[-1] == "1 of 2 cells failed."
    assert "(a) coarse, Dots, seed 0: failed (its worker process" in " ".join(outcome.out.split())
    coarse, fine = tiny.cells().values()
    assert "ended by SIGKILL" in (coarse / "log.txt").read_text()
    assert json.loads((coarse / "cell.json").read_text())["status"] == "failed"
    same_results(fine, tiny.cells(serial)["fine"])
    outcome = tiny.run("--jobs", 2, *strike)
    assert "joint 1/3" not in outcome.err  # it goes on after the epoch that was finished
    same_results(coarse, tiny.cells(serial)["coarse"])


@pytest.mark.slow
def test_a_cell_that_fails_stops_no_other(tiny):
    tiny.write({"stumbles.py": RAISES})
    text = tiny.file.read_text().replace(
        "  coarse: {method: tiny_net, cells: 2}", "  bad: {method: stumbles, at: forward}"
    )
    tiny.file.write_text(text.replace("plugins: [", "plugins: [stumbles.py, "))
    outcome = tiny.run("--jobs", 2, code=1)
    assert "[1/2] bad: failed: RuntimeError: a defect in forward (see " in outcome.err
    bad, fine = tiny.cells().values()
    assert "Traceback" in (bad / "log.txt").read_text()
    assert json.loads((bad / "cell.json").read_text())["error"].startswith("RuntimeError")
    assert json.loads((fine / "cell.json").read_text())["status"] == "finished"


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_workers_end_with_the_run(tiny, serial, strike, tmp_path, sent, code):
    gate = tmp_path / "gate"
    gate.mkdir()
    process = tiny.start("--jobs", 2, *strike, GATE=str(gate))
    wait_for(lambda: len(list(gate.iterdir())) == 2)
    pids = [int(path.suffix[1:]) for path in gate.iterdir()]
    process.send_signal(sent)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    wait_for(lambda: all(gone(pid) for pid in pids))
    if sent == signal.SIGINT:
        assert err.splitlines()[-1].endswith("the same command goes on from here.")
        assert "Traceback" not in err
    # Neither locks nor temporary files, and what was finished of an epoch is not lost.
    assert not [path for path in tiny.results.rglob(".*") if path.is_file()]
    outcome = tiny.run("--jobs", 2)
    assert "joint 1/3" not in outcome.err
    for row, cell in tiny.cells().items():
        same_results(cell, tiny.cells(serial)[row])


@pytest.mark.slow
def test_two_runs_at_once_in_one_folder(tiny, serial):
    started = [tiny.start("--jobs", 2) for _ in range(2)]
    ended = [process.communicate(timeout=240) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    for row, cell in tiny.cells().items():
        same_results(cell, tiny.cells(serial)[row])
        assert (cell / "log.txt").read_text().count("joint 1/3") == 1
    assert not [path for path in tiny.results.rglob(".*") if path.is_file()]


def test_more_threads_than_cores_are_told(tiny, two_at_once, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    told = "note: 2 cells at once with 2 threads each share 2 cores. Threads are part of a cell's"
    assert "share" not in tiny.run("--jobs", 2).err
    outcome = tiny.run("--jobs", 2, "--set", "protocol.threads=2")
    assert told in outcome.err
    # One cell shares with nobody.
    assert "share" not in tiny.run("--rows", "fine", "--set", "protocol.threads=4").err


def test_jobs_is_a_number_of_at_least_one(tiny):
    assert "--jobs" in tiny.run("--jobs", 0, code=2).err
