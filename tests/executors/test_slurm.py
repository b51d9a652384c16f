"""Slurm through submitit: its local executor stands in for a cluster."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from toy_job import ToyJob

pytest.importorskip("submitit")

from farbench.errors import UserError
from farbench.executors import remote
from farbench.executors.contract import WorkItem
from farbench.executors.dispatch import dispatch
from farbench.executors.options import SlurmOptions
from farbench.executors.slurm import SlurmExecutor

LOCAL = ("--executor", "slurm", "--executor-option", "cluster=local")


def slurm(folder, **options):
    chosen = SlurmOptions(cpus=1, **options)
    return SlurmExecutor(2, folder / "workers", (folder,), chosen, 1, False)


def test_without_slurm_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"no `srun` here.*cluster=local"):
        slurm(tmp_path).connect()


def test_a_job_that_dies_is_lost_and_the_others_finish(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    monkeypatch.setattr(remote, "LATE", 0.1)
    monkeypatch.setattr(remote, "POLL", 0.05)
    executor = slurm(tmp_path, cluster="local")
    items = [
        WorkItem("meets", "[1]", ("meet", "a b")),
        WorkItem("met", "[2]", ("meet", "b a")),
        WorkItem("dies", "[3]", ("die", signal.SIGKILL)),
    ]
    try:
        executor.connect()
        executor.start(ToyJob(tmp_path), lambda item, message: None)
        ended = {one.item.key: one for one in dispatch(executor, items)}
    finally:
        executor.stop()
    assert {key: one.state for key, one in ended.items()} == {
        "meets": "finished",
        "met": "finished",
        "dies": "lost",
    }
    assert "its Slurm job" in ended["dies"].reason
    assert list((tmp_path / "workers").glob("*_log.err"))


@pytest.mark.slow
def test_cells_are_the_same_and_go_on_after_they_were_preempted(tiny, tmp_path, monkeypatch):
    serial = tmp_path / "serial"
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run(results=serial)
    # The signal that submitit has Slurm send before a job is stopped.
    monkeypatch.setenv("TINY_SIGNAL", "SIGUSR2")
    monkeypatch.setenv("TINY_STEP", "7")
    outcome = tiny.run(*LOCAL)
    assert "[1/2] coarse: Slurm job" in outcome.err
    for row, cell in tiny.cells().items():
        other = tiny.cells(serial)[row]
        assert (cell / "metrics.json").read_text() == (other / "metrics.json").read_text()
        one, two = (json.loads((c / "cell.json").read_text()) for c in (cell, other))
        assert one["identity"] == two["identity"]
        # Epochs 2 and 3 were begun twice each, by three processes that planned anew.
        assert (cell / "log.txt").read_text().count("[") >= 2
    logs = [path.read_text() for path in (tiny.results / "tiny_bench" / "workers").glob("*.err")]
    assert sum("preempted" in log for log in logs) == 2
    assert "2 of 2 cells finished already." in tiny.run(*LOCAL).err
