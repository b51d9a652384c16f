"""What the user sees while a benchmark runs: a live line in a terminal, quiet lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from farbench.executors.contract import Message, Say, WorkItem
from farbench.scoring.catalogue import metric_info
from farbench.tasks.base import Task
from farbench.wording import duration


class Progress:
    """Prints events as lines, steps as one line that is rewritten, and fills the cell's log."""

    def __init__(self, out: TextIO | None = None) -> None:
        """Write to ``out``, or to standard error."""
        self.out = out or sys.stderr
        self.live = self.out.isatty()
        self._log: TextIO | None = None
        self._shown = 0
        self._last = 0.0
        self._began: dict[str, float] = {}

    def line(self, text: str) -> None:
        """Print a line, and put it into the log of the cell that runs."""
        self.show(text)
        if self._log is not None:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            self._log.write(f"{stamp} {text.strip()}\n")
            self._log.flush()

    def show(self, text: str) -> None:
        """Print a line that belongs into no log here."""
        self._clear()
        print(text, file=self.out, flush=True)

    def step(self, what: str, done: int, total: int, *, rate: bool = False) -> None:
        """Show how far something is, at most ten times a second, if there is a terminal.

        Args:
            what: What is done.
            done: How much of it.
            total: Of how much.
            rate: Show the number a second as well.
        """
        if not self.live:
            return
        now = time.monotonic()
        began = self._began.setdefault(what, now)
        if done < total and now - self._last < 0.1:
            return
        self._last = now
        left = (now - began) / max(done - 1, 1) * (total - done)
        speed = f"{done / max(now - began, 1e-3):.0f}/s, " if rate else ""
        self.live_line(f"  {what}: {done}/{total}, {speed}{duration(left)} left")
        if done >= total:
            self._began.pop(what, None)

    def live_line(self, text: str) -> None:
        """Put text into the line that is rewritten; only for a terminal."""
        self._clear()
        print(text, end="", file=self.out, flush=True)
        self._shown = len(text)

    def memory(self, taken: int, free: int) -> None:
        """Take note of a device's memory, in bytes, after the first step of a stage.

        Args:
            taken: By this process.
            free: What nobody holds.
        """

    @contextmanager
    def log_to(self, path: Path) -> Iterator[None]:
        """Append lines to a cell's log while the context lasts."""
        with path.open("a", encoding="utf-8") as log:
            self._log = log
            try:
                yield
            finally:
                self._log = None

    def to_log(self, text: str) -> None:
        """Put text into the log of the cell alone (a traceback)."""
        if self._log is not None:
            self._log.write(text if text.endswith("\n") else text + "\n")

    def close(self) -> None:
        """Leave a clean line behind for whoever writes next (an error, the table)."""
        self._clear()
        self.out.flush()

    def _clear(self) -> None:
        if self._shown:
            print("\r" + " " * self._shown + "\r", end="", file=self.out)
            self._shown = 0


class SaidProgress(Progress):
    """The progress of a worker: what would be printed is said; the cell's log is filled here."""

    def __init__(self, say: Say, *, live: bool) -> None:
        """Say what happens.

        Args:
            say: Passes a message on.
            live: Whether somebody watches steps.
        """
        super().__init__()
        self.say, self.live = say, live

    def show(self, text: str) -> None:
        """Say a line."""
        self.say(("line", text))

    def step(self, what: str, done: int, total: int, *, rate: bool = False) -> None:
        """Say how far something is, at most twice a second."""
        now = time.monotonic()
        if self.live and now - self._last >= 0.5:
            self._last = now
            self.say(("step", what, done, total))

    def memory(self, taken: int, free: int) -> None:
        """Say it: the executor starts another item where there is room."""
        self.say(("memory", taken, free))


class SideBySide:
    """Shows what several workers say: lines with the item's name, and one live line for all."""

    def __init__(self, progress: Progress, cells: int) -> None:
        """Bind where it is shown, and how many cells there are to run."""
        self.progress, self.cells = progress, cells
        self._at: dict[str, str] = {}
        self._done = 0

    def hear(self, item: WorkItem, message: Message) -> None:
        """Show a message of a worker: a line, or a step of something."""
        kind, *rest = message
        if kind == "line":
            (text,) = rest
            self.progress.show(
                text if text.startswith(item.name) else f"{item.name}: {text.strip()}"
            )
        elif kind == "step":
            what, done, total = rest
            self._at[item.key] = f"{item.name} {what} {100 * done // max(total, 1)}%"
        self._summary()

    def ended(self, item: WorkItem) -> None:
        """Take an item out of the live line."""
        self._at.pop(item.key, None)
        self._done += item.payload.artifact is None
        self._summary()

    def _summary(self) -> None:
        if self.progress.live and self._at:
            text = f"  {self._done}/{self.cells} done | " + " | ".join(self._at.values())
            self.progress.live_line(text[: shutil.get_terminal_size().columns - 1])


def told_score(task: Task, metric: str, value: float | None, *, named: bool) -> str:
    """Write one metric: ``accuracy 88.12``; where there are several tasks ``age mae 6.30``."""
    info = metric_info(task.kind, metric)
    number = "undefined" if value is None else f"{100 * value if info.percent else value:.2f}"
    return f"{task.name} {metric} {number}" if named else f"{metric} {number}"
