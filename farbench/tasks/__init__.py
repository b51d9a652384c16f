"""What can be predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
