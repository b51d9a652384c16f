"""What a worker process does: takes items from a pipe, and says how they ended."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from multiprocessing.connection import Connection
from typing import NoReturn

from farbench.executors.contract import ENDED, Job, Work, WorkItem


def work(pipe: Connection, job: bytes, visible: str | None) -> None:
    """Do items until the pipe is closed or the process that began this one is gone.

    Nothing heavy may have been imported before this is called: what is set here is read when
    torch is loaded.

    Args:
        pipe: Items come in, messages go out.
        job: The job, pickled.
        visible: What ``CUDA_VISIBLE_DEVICES`` is to be; None leaves it as it is.
    """
    # The terminal sends Ctrl-C to all processes. The first one ends the others by SIGTERM, which
    # unwinds as Ctrl-C does: locks and temporary files go.
    signal.signal(signal.SIGTERM, _interrupt)
    if visible is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    threading.Thread(target=_end_with_parent, daemon=True).start()
    opened: Work | None = None
    try:
        while True:
            item: WorkItem = pipe.recv()
            try:
                if opened is None:
                    loaded: Job = pickle.loads(job)
                    opened = loaded.open(pipe.send)
                reason = opened(item)
                ended = "finished" if reason is None else "failed"
            except Exception as error:
                ended, reason = "lost", f"{type(error).__name__}: {error}"
            pipe.send((ENDED, ended, reason or ""))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """Interrupt this process when its parent has died (``kill -9``): nobody reads what it says."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
