"""A job of small deeds, for executors alone: no torch, no cells."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.executors.contract import WorkItem


@dataclass(frozen=True)
class ToyJob:
    """Does what an item's payload says: ``(deed, value)``."""

    folder: Path

    def open(self, say: Callable[[tuple[Any, ...]], None]) -> Callable[[WorkItem], str | None]:
        if (self.folder / "broken").exists():
            raise ValueError("this job does not open")

        def work(item: WorkItem) -> str | None:
            deed, value = item.payload
            say(("line", f"{deed} {os.getpid()}"))
            with (self.folder / "done.txt").open("a") as done:
                done.write(f"{item.key}\n")
            return getattr(self, deed)(value, say)

        return work

    def nothing(self, value: Any, say: Any) -> None:
        return None

    def fail(self, value: str, say: Any) -> str:
        return value

    def stumble(self, value: str, say: Any) -> None:
        raise ValueError(value)

    def die(self, value: int, say: Any) -> None:
        os.kill(os.getpid(), value)
        time.sleep(60)

    def leave(self, value: int, say: Any) -> None:
        os._exit(value)

    def meet(self, value: str, say: Any) -> None:
        """Wait until another item is here, too: it takes two at the same time."""
        mine, other = value.split()
        (self.folder / mine).touch()
        until = time.monotonic() + 60
        while not (self.folder / other).exists():
            assert time.monotonic() < until
            time.sleep(0.01)

    def hold(self, value: str, say: Any) -> None:
        """Sleep, and clean up when interrupted."""
        held = self.folder / value
        held.touch()
        say(("line", "holding"))
        try:
            time.sleep(60)
        finally:
            held.unlink()

    def stay(self, value: str, say: Any) -> None:
        """Take no notice of a polite signal."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(("line", "holding"))
        time.sleep(60)

    def measure(self, value: tuple[int, int], say: Any) -> None:
        say(("line", f"sees {os.environ.get('CUDA_VISIBLE_DEVICES')}"))
        say(("memory", *value))
        until = time.monotonic() + 60
        while not (self.folder / "open").exists():
            assert time.monotonic() < until
            time.sleep(0.01)
