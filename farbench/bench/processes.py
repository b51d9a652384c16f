"""Runs a command to its end and says what it took: seconds, processor time, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Taken:
    """What a process took.

    Attributes:
        wall: Seconds by the clock.
        cpu: Seconds of processor time, of it and of the processes that it waited for.
        memory_mb: The most that was resident at once, in MB, mapped files included.
        output: What it printed.
    """

    wall: float
    cpu: float
    memory_mb: float
    output: str


def run_process(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Taken:
    """Run a command.

    Args:
        words: The command.
        environment: Variables that are added to those of this process.

    Raises:
        RuntimeError: Its exit code is not 0.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        started = time.perf_counter()
        process = subprocess.Popen(
            [*words],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
        out.seek(0)
        output = out.read()
    if process.returncode:
        raise RuntimeError(
            f"{' '.join(words[:6])}: exit code {process.returncode}: {output[-500:]}"
        )
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, output)


def farbench_command(*arguments: str) -> list[str]:
    """Return the command line of farbench in this interpreter."""
    return [sys.executable, "-m", "farbench", *arguments]
