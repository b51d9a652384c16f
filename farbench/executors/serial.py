"""One item after the other, in this process."""

from __future__ import annotations

from farbench.executors.contract import Executor, Hear, Job, Outcome, Work, WorkItem


class SerialExecutor(Executor):
    """Does an item when its end is waited for."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._item: WorkItem | None = None

    def start(self, job: Job, hear: Hear) -> None:
        """Open the job here."""

        def say(message: tuple[object, ...]) -> None:
            if self._item is not None:
                hear(self._item, message)

        self._work = job.open(say)

    def has_room(self) -> bool:
        """Tell whether nothing is being done."""
        return self._item is None

    def submit(self, item: WorkItem) -> None:
        """Keep the item until it is waited for."""
        self._item = item

    def wait(self) -> Outcome:
        """Do the item."""
        if self._work is None or self._item is None:
            raise RuntimeError("nothing was submitted")
        reason = self._work(self._item)
        item, self._item = self._item, None
        return Outcome(item, "finished") if reason is None else Outcome(item, "failed", reason)

    def stop(self) -> None:
        """Forget the job; an item that is being done ends with the interrupt itself."""
        self._work = self._item = None
