"""Work on images in several processes: as many as there are cores, and none outlives its parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from farbench.errors import UserError

WORKERS = "FARBENCH_WORKERS"
"""Environment variable: how many processes decode images; 1 decodes in farbench's own."""

Work = Callable[[int, int], Any]
"""Does the items from ``start`` to ``stop``; what it returns is sent to the parent."""

_work: Work
"""In a worker: what it was made for. It came with the fork, so it need not be picklable."""


def usable_cores() -> int:
    """Return the cores that this process may use: on Linux taskset, Slurm and cpusets count."""
    known = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1


def worker_count() -> int:
    """Return how many processes may decode: ``FARBENCH_WORKERS``, else the cores of this process.

    Raises:
        UserError: The variable is no positive number.
    """
    given = os.environ.get(WORKERS, "").strip()
    if not given:
        return usable_cores()
    if not given.isdecimal() or int(given) < 1:
        raise UserError(
            f"{WORKERS}={given}: must be a whole number, 1 or more. Unset it to use all cores."
        )
    return int(given)


@contextmanager
def parallel(work: Work, workers: int) -> Iterator[Callable[[int, int, int], Iterator[Any]]]:
    """Do work in ``workers`` processes; with one, in this process.

    Processes are forked, so that ``work`` may be a closure and sees what this process holds; what
    it writes into shared memory maps is seen here. Where there is no safe fork (macOS, Windows)
    threads do it, whose decoding is parallel and whose Python is not.

    Args:
        work: What a worker does.
        workers: How many.

    Yields:
        A function of (start, stop, size) that has the items from ``start`` to ``stop`` done, at
        most ``size`` at once, and yields what comes back, in any order.

    Raises:
        UserError: A worker died.
    """
    if workers == 1:
        yield lambda start, stop, size: (work(*part) for part in _parts(start, stop, size))
        return
    pool = _pool(work, workers)
    call = _call if isinstance(pool, ProcessPoolExecutor) else work

    def each(start: int, stop: int, size: int) -> Iterator[Any]:
        futures = [pool.submit(call, *part) for part in _parts(start, stop, size)]
        for future in as_completed(futures):
            yield future.result()

    try:
        yield each
    except BrokenProcessPool:
        raise UserError(
            "a process that decodes images died; the system may have ended it for want of memory. "
            f"Run it again: it goes on where it stopped. With {WORKERS}=1 farbench decodes in its "
            "own process."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _parts(start: int, stop: int, size: int) -> list[tuple[int, int]]:
    return [(first, min(first + size, stop)) for first in range(start, stop, size)]


def _pool(work: Work, workers: int) -> Executor:
    import cv2

    if sys.platform != "linux":
        return ThreadPoolExecutor(workers)
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, context, _begin, (work, os.getpid()))
    # OpenCV's threads do not come with a fork, and a child that waits for them waits for ever. So
    # there are none at the fork, and a worker has one thread.
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of any fork beside threads. The workers use nothing of theirs.
            warnings.filterwarnings("ignore", "This process", DeprecationWarning)
            pool.submit(os.getpid)  # the first call forks them all
    finally:
        cv2.setNumThreads(threads)
    return pool


def _begin(work: Work, parent: int) -> None:
    """Make a forked process a worker."""
    global _work
    _work = work
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends its workers
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker when its parent is gone, who may have been killed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _call(start: int, stop: int) -> Any:
    return _work(start, stop)
