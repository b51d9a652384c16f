"""What executors for clusters share: folders that all see, answers in files, another try."""

from __future__ import annotations

import os
import threading

import pytest
from toy_job import ToyJob

from farbench.errors import UserError
from farbench.executors import errand, remote
from farbench.executors.contract import WorkItem
from farbench.executors.dispatch import dispatch
from farbench.executors.remote import RemoteExecutor


class Threads(RemoteExecutor):
    """Workers are threads of this process, which may be told to die."""

    name = "threads"

    def __init__(self, *arguments, deaths=0):
        super().__init__(*arguments)
        self.deaths, self.cancelled = deaths, []

    def hand_over(self, errand, item, answers):
        if self.deaths:
            self.deaths -= 1
            # Half a message, as of a process that is killed while it writes.
            answers.write_text('["line", "begun"]\n["li')
            return None
        thread = threading.Thread(target=errand.run, args=(item, answers))
        thread.start()
        return thread

    def over(self, handle):
        if handle is not None and handle.is_alive():
            return None
        return "its thread ended"

    def cancel(self, handles):
        self.cancelled += handles


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for module, name in ((remote, "POLL"), (remote, "LATE"), (errand, "PAUSE")):
        monkeypatch.setattr(module, name, 0.01)
    yield
    errand._opened.clear()


def run(executor, folder, *payloads):
    heard = []
    items = [WorkItem(f"item{n}", f"[{n}]", payload) for n, payload in enumerate(payloads, 1)]
    try:
        executor.start(ToyJob(folder), lambda item, message: heard.append((item.key, message[1])))
        return [(o.state, o.reason) for o in dispatch(executor, items)], heard
    finally:
        executor.stop()


def executor(folder, **options):
    return Threads(1, folder / "results" / "workers", (folder / "results", folder), **options)


def test_items_end_in_every_way_and_nothing_is_left_behind(tmp_path):
    deeds = ("nothing", 0), ("fail", "no"), ("stumble", "oh")
    ended, heard = run(executor(tmp_path), tmp_path, *deeds)
    assert ended == [("finished", ""), ("failed", "no"), ("lost", "ValueError: oh")]
    assert [text.split()[0] for key, text in heard if key == "item1"] == ["on", "nothing"]
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"results", "results/workers", "done.txt"}


def test_items_of_long_names_that_begin_alike_do_not_share_their_answers(tmp_path):
    """As of two seeds of a row on several data sets that are joined."""
    one, handed = executor(tmp_path), []
    one.hand_over = lambda errand, item, answers: handed.append(answers)
    one.start(ToyJob(tmp_path), lambda item, message: None)
    for seed in (0, 1):
        one.submit(WorkItem(f"{'long' * 30}-s{seed}", "[1]", ("nothing", 0)))
    one.stop()
    assert len(set(handed)) == 2
    assert all(len(answers.name) < 200 for answers in handed)


def test_a_worker_that_dies_is_tried_again_and_heard_from_where_it_was(tmp_path):
    one = executor(tmp_path, deaths=1)
    one.retries = 1
    ended, heard = run(one, tmp_path, ("nothing", 0))
    assert ended == [("finished", "")]
    said = [text.split(" ")[0] if "pid" in text else text for _, text in heard]
    assert said[:2] == ["begun", "its thread ended; tried again"]
    assert len(heard) == 4


def test_who_dies_too_often_is_lost_with_the_reason(tmp_path):
    one = executor(tmp_path, deaths=2)
    one.retries = 1
    assert run(one, tmp_path, ("nothing", 0), ("nothing", 0))[0] == [
        ("lost", "its thread ended"),
        ("finished", ""),
    ]


def test_a_worker_that_does_not_see_a_folder_ends_the_run(tmp_path):
    one = executor(tmp_path)
    one.start(ToyJob(tmp_path), lambda item, message: None)
    one._errand.signs[1].unlink()
    one.submit(WorkItem("item", "[1]", ("nothing", 0)))
    with pytest.raises(UserError, match=f"does not see what this run has written to {tmp_path}"):
        one.wait()
    one.stop()
    assert not (tmp_path / "done.txt").exists()


def test_a_folder_that_cannot_be_written_is_told_at_the_start(tmp_path):
    (tmp_path / "results").write_text("a file in the way")
    with pytest.raises(UserError, match=r"--executor threads: .*results"):
        executor(tmp_path).start(ToyJob(tmp_path), lambda item, message: None)


def test_a_job_is_opened_once_a_process_and_speaks_for_the_item_at_hand(tmp_path):
    _, heard = run(executor(tmp_path), tmp_path, ("nothing", 0), ("nothing", 0))
    assert [key for key, text in heard if text == f"nothing {os.getpid()}"] == ["item1", "item2"]
    assert len(errand._opened) == 1


def test_what_runs_is_cancelled_when_the_run_stops(tmp_path):
    one = executor(tmp_path, deaths=1)
    one.start(ToyJob(tmp_path), lambda item, message: None)
    one.submit(WorkItem("item", "[1]", ("nothing", 0)))
    one.stop()
    one.stop()
    assert one.cancelled == [None]
    assert not list((tmp_path / "results" / "workers").iterdir())
