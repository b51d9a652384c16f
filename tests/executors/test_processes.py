"""Worker processes: side by side, replaced when they die, ended at once."""

from __future__ import annotations

import os
import signal
import time

import pytest
from toy_job import ToyJob

from farbench.executors import processes
from farbench.executors.contract import WorkItem
from farbench.executors.dispatch import dispatch
from farbench.executors.memory import CONTEXT
from farbench.executors.processes import ProcessExecutor
from farbench.executors.serial import SerialExecutor


def items(*payloads):
    return [WorkItem(f"item{n}", f"[{n}]", payload) for n, payload in enumerate(payloads, 1)]


def run(executor, folder, todo):
    """Do all items; return outcomes by key, and what was heard."""
    heard = []
    try:
        executor.start(ToyJob(folder), lambda item, message: heard.append((item.key, message)))
        outcomes = {outcome.item.key: outcome for outcome in dispatch(executor, todo)}
    finally:
        executor.stop()
    return outcomes, heard


@pytest.mark.parametrize("executor", [SerialExecutor, lambda: ProcessExecutor(2)])
def test_every_executor_does_all_and_tells_what_failed(executor, tmp_path):
    outcomes, heard = run(executor(), tmp_path, items(("nothing", 0), ("fail", "a reason")))
    assert {key: (o.state, o.reason) for key, o in outcomes.items()} == {
        "item1": ("finished", ""),
        "item2": ("failed", "a reason"),
    }
    assert sorted((key, text.split()[0]) for key, (_, text) in heard) == [
        ("item1", "nothing"),
        ("item2", "fail"),
    ]


def test_two_at_the_same_time(tmp_path):
    outcomes, _ = run(ProcessExecutor(2), tmp_path, items(("meet", "a b"), ("meet", "b a")))
    assert [outcome.state for outcome in outcomes.values()] == ["finished", "finished"]


def test_a_dead_worker_costs_its_item_alone_and_is_replaced(tmp_path):
    deaths = [("die", signal.SIGKILL), ("die", signal.SIGSEGV), ("leave", 3), ("stumble", "oh")]
    outcomes, heard = run(ProcessExecutor(1), tmp_path, items(*deaths, ("nothing", 0)))
    assert [outcome.state for outcome in outcomes.values()] == ["lost"] * 4 + ["finished"]
    reasons = [outcome.reason for outcome in outcomes.values()]
    assert reasons[0] == (
        "its worker process was ended by SIGKILL "
        "(killed: by the system when memory ran out, or by kill -9)"
    )
    assert "SIGSEGV (a crash in a library" in reasons[1]
    assert reasons[2] == "its worker process ended with exit code 3"
    assert reasons[3] == "ValueError: oh"
    pids = [text.split()[1] for _, (_, text) in heard]
    assert len(set(pids)) == 4  # who only stumbled works on
    assert (tmp_path / "done.txt").read_text().split() == [f"item{n}" for n in range(1, 6)]


def test_a_job_that_does_not_open_loses_its_items_with_the_reason(tmp_path):
    (tmp_path / "broken").touch()
    outcomes, _ = run(ProcessExecutor(1), tmp_path, items(("nothing", 0), ("nothing", 0)))
    assert {(o.state, o.reason) for o in outcomes.values()} == {
        ("lost", "ValueError: this job does not open")
    }


def begin(executor, folder, *payloads):
    """Submit items, and wait until each holds."""
    held = []

    def hear(item, message):
        held.append(item.key) if message == ("line", "holding") else None

    executor.start(ToyJob(folder), hear)
    todo = items(*payloads)
    for item in todo:
        executor.submit(item)
    pids = [one.process.pid for one in executor._workers]
    until = time.monotonic() + 60
    while len(held) < len(todo):
        assert time.monotonic() < until
        for one in executor._workers:
            for message in processes._said(one.pipe):
                hear(one.item, message)
    return pids


def test_stop_lets_workers_clean_up(tmp_path):
    executor = ProcessExecutor(2)
    pids = begin(executor, tmp_path, ("hold", "a"), ("hold", "b"))
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "done.txt"}
    executor.stop()
    executor.stop()
    assert {path.name for path in tmp_path.iterdir()} == {"done.txt"}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_who_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    executor = ProcessExecutor(1)
    (pid,) = begin(executor, tmp_path, ("stay", ""))
    executor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_gpus_fill_up_by_measured_memory(tmp_path):
    """Two GPUs of 10 GB, items of 4 GB: two fit on each, and a fifth waits."""
    gigabyte = 10**9
    taken = 4 * gigabyte - CONTEXT
    executor = ProcessExecutor(8, ["0", "1"])
    heard = []
    executor.start(ToyJob(tmp_path), lambda item, message: heard.append(message[1]))
    todo = items(*[("measure", (taken, 10 * gigabyte))] * 2)
    for item in todo:
        assert executor.has_room()
        executor.submit(item)
    # Both are busy, and nobody has measured yet.
    assert not executor.has_room()
    wait_until_measured(executor, 2)
    assert executor.has_room()
    executor.submit(WorkItem("item3", "[3]", ("measure", (taken, 2 * gigabyte))))
    executor.submit(WorkItem("item4", "[4]", ("measure", (taken, 2 * gigabyte))))
    assert [len(gpu.taken) for gpu in executor._memory] == [2, 2]
    wait_until_measured(executor, 4)
    assert not executor.has_room()
    (tmp_path / "open").touch()
    ended = 0
    while ended < 4:
        ended += executor.wait() is not None
    executor.stop()
    assert [gpu.free for gpu in executor._memory] == [10 * gigabyte, 10 * gigabyte]
    assert (
        sorted(text for text in heard if text.startswith("sees")) == ["sees 0"] * 2 + ["sees 1"] * 2
    )


def wait_until_measured(executor, number):
    until = time.monotonic() + 60
    while sum(v is not None for gpu in executor._memory for v in gpu.taken.values()) < number:
        assert time.monotonic() < until
        assert executor.wait() is None
