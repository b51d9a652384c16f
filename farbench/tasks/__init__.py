"""What can be predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

KINDS: dict[str, type[Task]] = {
    task.kind: task for task in (BinaryAttributes, Classes, Scalar, Landmarks, Identity)
}
"""Kind -> the task's class."""

DEFAULT_LOSSES = {kind: task.default_loss for kind, task in KINDS.items()}
"""Kind -> the loss where a protocol names none."""


def from_record(record: Mapping[str, Any]) -> Task:
    """Return the task that :meth:`Task.record` described."""
    values = {key: _tuples(value) for key, value in record.items() if key != "kind"}
    return KINDS[record["kind"]](**values)


def recorded_tasks(record: Mapping[str, Any], path: Path) -> tuple[Task, ...]:
    """Return the tasks of a cell's record; the first cells recorded attributes alone.

    Args:
        record: The contents of ``cell.json``.
        path: Where it was read.

    Raises:
        UserError: This version has no such task.
    """
    if "tasks" not in record:
        attributes: Mapping[str, list[str]] = record.get("attributes") or {}
        return tuple(BinaryAttributes(name, tuple(members)) for name, members in attributes.items())
    found = []
    for number, one in enumerate(record["tasks"] or ()):
        try:
            found.append(from_record(one))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}: tasks[{number}] is no task that this version of farbench knows "
                f"({type(error).__name__}: {error})."
            ) from error
    return tuple(found)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
