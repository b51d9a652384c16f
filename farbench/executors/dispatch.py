"""Gives items to an executor as soon as they may begin, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farbench.executors.contract import Executor, Outcome, WorkItem


def dispatch(executor: Executor, items: Sequence[WorkItem]) -> Iterator[Outcome]:
    """Do all items; yield how each ended, as it ends.

    Args:
        executor: Started.
        items: In the order in which they should begin. What an item comes ``after`` must be
            among them, or it is taken to have ended.
    """
    waiting = list(items)
    unfinished = {item.key for item in items}
    working = 0
    while waiting or working:
        while executor.has_room():
            ready = next((item for item in waiting if not item.after & unfinished), None)
            if ready is None:
                break
            waiting.remove(ready)
            executor.submit(ready)
            working += 1
        if not working:
            keys = ", ".join(item.key for item in waiting)
            raise ValueError(f"these items wait for one another: {keys}")
        outcome = executor.wait()
        if outcome is not None:
            working -= 1
            unfinished.discard(outcome.item.key)
            yield outcome
