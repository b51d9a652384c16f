"""A folder is held by one process at a time, and what cannot be made is told."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from farbench.errors import UserError
from farbench.store.folders import LOCK, locked, make_folder

HOLDER = """
import sys
from pathlib import Path
from farbench.store.folders import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"the box .*file/a cannot be made \(.*\)\. Take another"):
        make_folder(tmp_path / "file" / "a", "the box", "Take another.")
    make_folder(tmp_path / "a" / "b", "the box", "Take another.")
    make_folder(tmp_path / "a" / "b", "the box", "Take another.")
    assert (tmp_path / "a" / "b").is_dir()


def test_one_after_the_other_and_nothing_is_left(tmp_path):
    inside, most, waited = [0], [0], []

    def work():
        for _ in range(50):
            with locked(tmp_path, lambda: waited.append(1)):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                threading.Event().wait(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1]
    assert 0 < len(waited) <= 200
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    waiting, done = threading.Event(), threading.Event()

    def work():
        with locked(tmp_path, waiting.set):
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert waiting.wait(30)
    assert not done.is_set()
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    thread.join(30)
    assert done.is_set()
    assert not (tmp_path / LOCK).exists()


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def no_locks(handle, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("farbench.store.folders.fcntl.flock", no_locks)
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


COUNTER = """
import sys
from pathlib import Path
from farbench.store.folders import locked

folder = Path(sys.argv[1])
for _ in range(200):
    with locked(folder):
        count = int((folder / "count").read_text())
        (folder / "count").write_text(str(count + 1))
"""


def test_many_processes_lose_nothing(tmp_path):
    (tmp_path / "count").write_text("0")
    words = [sys.executable, "-c", COUNTER, str(tmp_path)]
    processes = [subprocess.Popen(words) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "800"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_a_lock_of_nfs_whose_file_is_gone_is_asked_for_again(tmp_path, monkeypatch):
    answers = [BlockingIOError(), OSError(errno.ESTALE, "Stale file handle"), None]
    asked = []

    def flock(handle, how):
        asked.append(how)
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    monkeypatch.setattr("fcntl.flock", flock)
    with locked(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert len(asked) == 3
    assert answers == []
