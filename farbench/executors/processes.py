"""Items side by side on one machine: each worker is a process of its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from farbench.executors import worker
from farbench.executors.contract import ENDED, Executor, Hear, Job, Message, Outcome, WorkItem
from farbench.executors.memory import CONTEXT, GpuMemory, choose_gpu

PATIENCE = 5.0
"""Seconds that a worker has to clean up before it is killed."""


@dataclass
class _Worker:
    """One process, the GPU that it sees (its position), and what it does."""

    process: SpawnProcess
    pipe: Connection
    gpu: int | None
    item: WorkItem | None = None


class ProcessExecutor(Executor):
    """Keeps up to N worker processes; one that dies is replaced when the next item comes."""

    def __init__(self, at_once: int, gpus: Sequence[str | None] = ()) -> None:
        """Start nothing yet.

        Args:
            at_once: N, the most items at the same time.
            gpus: What ``CUDA_VISIBLE_DEVICES`` is to be for each GPU (see
                :func:`farbench.executors.memory.gpus_to_use`); none on a CPU.
        """
        self.at_once, self.on_one_machine = at_once, at_once
        self._visible = list(gpus)
        self._memory = [GpuMemory() for _ in gpus]
        self._workers: list[_Worker] = []
        self._job = b""
        self._hear: Hear = lambda item, message: None

    def start(self, job: Job, hear: Hear) -> None:
        """Pickle the job; a worker starts with its first item."""
        self._job, self._hear = pickle.dumps(job), hear

    def has_room(self) -> bool:
        """Tell whether fewer than N items are at work and a GPU surely has the memory."""
        if len(self._busy) >= self.at_once:
            return False
        return not self._memory or choose_gpu(self._memory) is not None

    def submit(self, item: WorkItem) -> None:
        """Give an item to an idle worker on the least busy GPU, or to a new one."""
        gpu = choose_gpu(self._memory) if self._memory else None
        idle = [one for one in self._workers if one.item is None]
        chosen = next((one for one in idle if one.gpu == gpu and one.process.is_alive()), None)
        if chosen is None:
            # Those that are idle are dead, or on another GPU.
            self._end(idle[: max(0, len(self._workers) + 1 - self.at_once)])
            chosen = self._begin(gpu)
        chosen.item = item
        if chosen.gpu is not None:
            self._memory[chosen.gpu].begin(item.key)
        with contextlib.suppress(OSError):  # it died just now: wait() sees that
            chosen.pipe.send(item)

    def wait(self) -> Outcome | None:
        """Pass on what workers say until one has ended its item, or has died with it."""
        pipes = [one.pipe for one in self._busy]
        wait([*pipes, *(one.process.sentinel for one in self._busy)])
        for one in self._busy:
            dead = not one.process.is_alive()  # asked first: what it said before is still there
            for message in _said(one.pipe):
                if message[0] == ENDED:
                    return Outcome(self._freed(one), *message[1:])
                self._heard(one, message)
            if dead:
                return self._died(one)
        return None

    def stop(self) -> None:
        """End all workers: by a signal that lets them clean up, after some seconds by force."""
        self._end(list(self._workers))

    @property
    def _busy(self) -> list[_Worker]:
        return [one for one in self._workers if one.item is not None]

    def _begin(self, gpu: int | None) -> _Worker:
        context = multiprocessing.get_context("spawn")  # CUDA and threads do not survive a fork
        ours, theirs = context.Pipe()
        visible = None if gpu is None else self._visible[gpu]
        process = context.Process(target=worker.work, args=(theirs, self._job, visible))
        # Inherited by the process: Ctrl-C in the terminal is ours alone to answer.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._workers.append(_Worker(process, ours, gpu))
        return self._workers[-1]

    def _heard(self, one: _Worker, message: Message) -> None:
        assert one.item is not None
        if message[0] == "memory":
            if one.gpu is not None:
                self._memory[one.gpu].measured(one.item.key, message[1] + CONTEXT, message[2])
            return
        self._hear(one.item, message)

    def _died(self, one: _Worker) -> Outcome:
        one.process.join()
        code = one.process.exitcode
        item = self._freed(one)
        self._end([one])
        return Outcome(item, "lost", how_it_died(code))

    def _freed(self, one: _Worker) -> WorkItem:
        item = one.item
        assert item is not None
        if one.gpu is not None:
            self._memory[one.gpu].end(item.key)
        one.item = None
        return item

    def _end(self, workers: list[_Worker]) -> None:
        """End workers and forget them."""
        try:
            for one in workers:
                one.process.terminate()
            for one in workers:
                one.process.join(PATIENCE)
        finally:  # also where a second Ctrl-C comes
            for one in workers:
                one.process.kill()
                one.process.join()
                one.process.close()
                one.pipe.close()
                self._workers.remove(one)


def _said(pipe: Connection) -> list[Message]:
    """Return what lies in a pipe; a dead worker may have left half a message."""
    messages: list[Message] = []
    try:
        while pipe.poll():
            messages.append(pipe.recv())
            if messages[-1][0] == ENDED:
                break
    except (EOFError, OSError):
        pass
    return messages


def how_it_died(code: int | None) -> str:
    """Say how a worker ended: its exit code, or the signal that ended it."""
    if code is None or code >= 0:
        return f"its worker process ended with exit code {code}"
    name = signal.Signals(-code).name
    why = {
        signal.SIGKILL: "killed: by the system when memory ran out, or by kill -9",
        signal.SIGSEGV: "a crash in a library or its extension",
    }.get(signal.Signals(-code), "ended from outside, or by a library")
    return f"its worker process was ended by {name} ({why})"
