"""What a worker on another machine does with one item: it answers into a file that all see."""

from __future__ import annotations

import json
import os
import pickle
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from farbench.executors.contract import ENDED, Message, Work, WorkItem

UNSHARED = "unshared"
"""State of an item whose worker does not see the run's folders, beside those of an outcome."""

TRIES, PAUSE = 10, 0.5
"""How often a worker looks for a file of another machine, and the seconds between: on network file
systems a new file may show up late."""


@dataclass
class Voice:
    """Appends messages to a file, one JSON list a line.

    The file is closed after each: on NFS, who opens a file sees what others have closed.

    Attributes:
        path: The file.
    """

    path: Path

    def __call__(self, message: Message) -> None:
        """Say something."""
        self._append(json.dumps(message))

    def begin(self, path: Path) -> None:
        """Speak into another file from now on.

        An earlier try, which was killed, may have left half a line in it.
        """
        self.path = path
        self._append("")

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


_opened: dict[str, tuple[Work, Voice]] = {}
"""By a run's token: its job's work, opened in this process, and what that speaks through."""


@dataclass(frozen=True)
class Errand:
    """All that a worker elsewhere must know of a run, as plain data: it is pickled and travels.

    Attributes:
        token: Unique for a run.
        job: The run's job, pickled.
        begun_in: The folder in which the run was begun; relative paths begin there.
        signs: Files that the run has put into the folders which all workers must see.
    """

    token: str
    job: bytes
    begun_in: Path
    signs: tuple[Path, ...]

    def run(self, item: WorkItem, answers: Path) -> None:
        """Do an item; how it ended is the last message.

        Args:
            item: What to do.
            answers: The file that messages go into.

        Raises:
            OSError: The file cannot be written: its folder is not seen here.
        """
        voice = Voice(answers)
        voice.begin(answers)
        missing = self.missing()
        if missing is not None:
            voice((ENDED, UNSHARED, missing))
            return
        voice(("line", f"on {socket.gethostname()}"))
        try:
            work = self._work(voice)
            reason = work(item)
            state = "finished" if reason is None else "failed"
        except Exception as error:
            state, reason = "lost", f"{type(error).__name__}: {error}"
        voice((ENDED, state, reason or ""))

    def missing(self) -> str | None:
        """Say which of the run's folders is not seen from here; None if all are."""
        for sign in self.signs:
            for _ in range(TRIES):
                if sign.is_file():
                    break
                time.sleep(PAUSE)
            else:
                host = socket.gethostname()
                return f"{host} does not see what this run has written to {sign.parent}"
        return None

    def _work(self, voice: Voice) -> Work:
        """Return the job's work; it is opened once a process, and speaks where it is now heard."""
        if self.token in _opened:
            work, known = _opened[self.token]
            known.path = voice.path
            return work
        _opened.clear()  # of another run: a worker may be used again
        if self.begun_in.is_dir():
            os.chdir(self.begun_in)
        _opened[self.token] = pickle.loads(self.job).open(voice), voice
        return _opened[self.token][0]
