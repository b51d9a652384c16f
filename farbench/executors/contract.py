"""The contract of executors: work items go in, outcomes come out, lines are passed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Message = tuple[Any, ...]
"""What a worker says while it works, plain data: ``("line", text)``,
``("step", what, done, total)``, ``("memory", bytes taken, bytes free)``; at the end
``(ENDED, state, reason)`` in the words of an outcome."""

ENDED = "ended"

Say = Callable[[Message], None]


@dataclass(frozen=True)
class WorkItem:
    """One thing to do, as plain data: it is pickled and travels.

    Attributes:
        key: Unique in a run.
        name: Shown before every line that the item says.
        payload: What the job's work makes of it; an executor does not look at it.
        after: Keys of the items that must have ended before, in whatever way they ended.
    """

    key: str
    name: str
    payload: Any
    after: frozenset[str] = frozenset()


Work = Callable[[WorkItem], str | None]
"""Does an item; returns why it failed, or None if it is finished."""


class Job(Protocol):
    """All that a worker must know of a run, as plain data: it is pickled and travels."""

    def open(self, say: Say) -> Work:
        """Prepare to work, once a worker; what is said goes to ``say``."""


@dataclass(frozen=True)
class Outcome:
    """How an item ended.

    Attributes:
        item: The item.
        state: "finished"; "failed": its work said so, and has kept a record of it; "lost": the
            worker died, or could not even begin, and nobody has kept a record.
        reason: Why, in one line, if it is not finished.
    """

    item: WorkItem
    state: Literal["finished", "failed", "lost"]
    reason: str = ""


Hear = Callable[[WorkItem, Message], None]
"""Is told what a worker says, and of which item."""


class Executor(ABC):
    """Does work items somewhere.

    The order of calls: :meth:`connect`, :meth:`start`; then, until all items have ended,
    :meth:`submit` while :meth:`has_room` and :meth:`wait` (see
    :func:`farbench.executors.dispatch.dispatch`); at the end, or at an interrupt, :meth:`stop`.

    A worker that dies is the end of its item only. Results are written by the work itself, into
    folders that all workers can reach; they depend on the item, never on the executor.

    Attributes:
        at_once: Items that it may do at the same time.
        on_one_machine: Of these, the most that share a machine.
    """

    at_once: int = 1
    on_one_machine: int = 1

    def connect(self) -> None:
        """Find the workers' machines, before anything else is done; nothing where there are none.

        Raises:
            UserError: They cannot be had.
        """
        return

    @abstractmethod
    def start(self, job: Job, hear: Hear) -> None:
        """Begin.

        Args:
            job: What the items belong to.
            hear: To be told what workers say; called inside :meth:`wait` or :meth:`submit` alone.
        """

    @abstractmethod
    def has_room(self) -> bool:
        """Tell whether another item may be submitted now; True where nothing is being done."""

    @abstractmethod
    def submit(self, item: WorkItem) -> None:
        """Take an item, without waiting for its end."""

    @abstractmethod
    def wait(self) -> Outcome | None:
        """Wait until an item has ended; None where none has, but there may be room by now."""

    @abstractmethod
    def stop(self) -> None:
        """End all workers, and what they are doing, at once; harmless when called again."""
