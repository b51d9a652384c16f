"""Items on other machines: what the executors for clusters share, however they begin a worker."""

from __future__ import annotations

import contextlib
import json
import pickle
import socket
import time
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.executors.contract import ENDED, Executor, Hear, Job, Message, Outcome, WorkItem
from farbench.executors.errand import UNSHARED, Errand

MOST = 100
"""Items that are handed over at the same time where nobody says how many: more than that wait
here. The cluster decides how many of them it runs."""

POLL = 0.5
"""Seconds between two looks at what the workers have said."""

LATE = 10.0
"""Seconds that a worker's last words may take to arrive over a network file system."""


@dataclass
class HandedOver:
    """One item that was handed over.

    Attributes:
        item: The item.
        answers: The file that its worker speaks into.
        handle: What the cluster calls it.
        tries: How often it was handed over.
        heard: Bytes of the file that were read.
        over: When it was first seen to be over without having said so.
        why: Why it is over.
    """

    item: WorkItem
    answers: Path
    handle: Any
    tries: int = 1
    heard: int = 0
    over: float | None = None
    why: str = ""


class RemoteExecutor(Executor):
    """Hands items to a cluster, whose workers see the same folders as this process.

    A worker answers into a file beside the results, so nothing but the file system has to be
    shared. One that dies is tried again as often as ``retries`` says: what it does resumes.
    """

    name = "remote"
    retries = 0

    def __init__(self, at_once: int | None, logs: Path, shared: Sequence[Path]) -> None:
        """Start nothing yet.

        Args:
            at_once: The most items at the same time; None leaves it to the cluster.
            logs: Folder for what workers say and print, inside the results.
            shared: Folders that all workers must see: results and cache.
        """
        self.at_once = at_once or MOST
        self.logs, self.shared = logs, list(shared)
        self._running: list[HandedOver] = []
        self._submitted = 0
        self._errand: Errand | None = None
        self._hear: Hear = lambda item, message: None

    @abstractmethod
    def hand_over(self, errand: Errand, item: WorkItem, answers: Path) -> Any:
        """Have ``errand.run(item, answers)`` called in a worker; return a handle of that."""

    @abstractmethod
    def over(self, handle: Any) -> str | None:
        """Return how a worker ended, for people, or None if it goes on."""

    @abstractmethod
    def cancel(self, handles: list[Any]) -> None:
        """End workers, and wait until they are gone."""

    def ended(self, handle: Any) -> None:
        """Take note that a worker has done its item."""
        return

    def start(self, job: Job, hear: Hear) -> None:
        """Leave signs in the folders that all must see.

        Raises:
            UserError: A folder cannot be written.
        """
        token = uuid.uuid4().hex
        self._hear = hear
        signs = []
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            for folder in self.shared:
                folder.mkdir(parents=True, exist_ok=True)
                signs.append(folder.absolute() / f".shared-{token}")
                signs[-1].write_text(f"a run on {socket.gethostname()}\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"--executor {self.name}: {error}") from error
        self._errand = Errand(token, pickle.dumps(job), Path.cwd(), tuple(signs))

    def has_room(self) -> bool:
        """Tell whether fewer than the most items are handed over."""
        return len(self._running) < self.at_once

    def submit(self, item: WorkItem) -> None:
        """Hand an item over."""
        assert self._errand is not None
        # A name of this run's own: in the file of another run lies another run's end. What long
        # keys end with tells them apart, so items are numbered as well.
        self._submitted += 1
        begin, run = item.key.replace("/", "-")[:100], self._errand.token[:8]
        name = f"{begin}-{run}-{self._submitted}.answers"
        answers = self.logs.absolute() / name
        handle = self.hand_over(self._errand, item, answers)
        self._running.append(HandedOver(item, answers, handle))

    def wait(self) -> Outcome | None:
        """Pass on what workers say until one has ended its item, or has died with it.

        Raises:
            UserError: A worker does not see the run's folders.
        """
        while True:
            for one in self._running:
                outcome = self._look_at(one)
                if outcome is not None:
                    self._running.remove(one)
                    self.ended(one.handle)
                    with contextlib.suppress(OSError):
                        one.answers.unlink()
                    return outcome
            time.sleep(POLL)

    def stop(self) -> None:
        """End all workers and take the signs away."""
        running, self._running = self._running, []
        if running:
            self.cancel([one.handle for one in running])
        for path in [*(one.answers for one in running), *self._signs()]:
            with contextlib.suppress(OSError):
                path.unlink()
        self._errand = None

    def unshared(self, reason: str) -> UserError:
        """Return the error for a worker that does not see the run's folders."""
        return UserError(
            f"--executor {self.name}: {reason}. Results and cache must lie on a file system that "
            "all machines share, under the same path: name such folders with --results DIR and "
            "FARBENCH_CACHE."
        )

    def say(self, item: WorkItem, text: str) -> None:
        """Show a line about an item."""
        self._hear(item, ("line", text))

    def _signs(self) -> Sequence[Path]:
        return () if self._errand is None else self._errand.signs

    def _look_at(self, one: HandedOver) -> Outcome | None:
        """Hear one worker; return how its item ended, if it has."""
        over = self.over(one.handle) if one.over is None else one.why
        for message in _new_messages(one):  # asked first: what it said before it ended is there
            if message[0] == ENDED:
                _, state, reason = message
                if state == UNSHARED:
                    raise self.unshared(reason)
                return Outcome(one.item, state, reason)
            self._hear(one.item, message)
        if over is None:
            return None
        one.over, one.why = one.over or time.monotonic(), over
        if time.monotonic() - one.over < LATE:
            return None
        if one.tries > self.retries:
            return Outcome(one.item, "lost", over)
        self.say(one.item, f"{over}; tried again")
        assert self._errand is not None
        one.handle = self.hand_over(self._errand, one.item, one.answers)
        one.tries, one.over = one.tries + 1, None
        return None


def _new_messages(one: HandedOver) -> list[Message]:
    """Return what a worker has said since it was last heard; half a line is left for later."""
    try:
        with one.answers.open("rb") as file:
            file.seek(one.heard)
            said = file.read()
    except FileNotFoundError:  # it has not begun
        return []
    whole = said[: said.rfind(b"\n") + 1]
    one.heard += len(whole)
    messages: list[Message] = []
    for line in whole.splitlines():
        with contextlib.suppress(ValueError):  # an empty line, or half of one: its worker died
            messages.append(tuple(json.loads(line)))
    return messages
