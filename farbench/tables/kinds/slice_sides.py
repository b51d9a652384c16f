"""Which images are on which side of a slice: an attribute's yes and no, or a task's classes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farbench.errors import unknown_name
from farbench.tables.results import Results
from farbench.tables.stored import first_stored
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes

USUAL = ("Male", "Young", "Pale_Skin")
"""Attributes that are sliced by where nothing is asked for and the data set has them."""
FEW_CLASSES = 10
"""So are its tasks of at most that many classes."""
AND = "+"


@dataclass(frozen=True)
class Part:
    """A label that images are parted by.

    Attributes:
        name: The attribute, or the task of classes.
        task: The task that has the label.
        column: The attribute's column; None for classes.
        values: What each value is called.
    """

    name: str
    task: str
    column: int | None
    values: tuple[str, ...]


@dataclass(frozen=True)
class Slice:
    """Labels that images are parted by together.

    Attributes:
        name: As it was asked for ("Male", "Male+Young").
        parts: One, or several whose values are combined.
    """

    name: str
    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """What a table prints."""
        return " + ".join(part.name.replace("_", " ") for part in self.parts)

    @property
    def sides(self) -> tuple[str, ...]:
        """The names of the sides: "no" and "yes", the classes, or "not Male, Young"."""
        if len(self.parts) == 1:
            return self.parts[0].values
        named = [
            part.values
            if part.column is None
            else (f"not {part.name.replace('_', ' ')}", part.name.replace("_", " "))
            for part in self.parts
        ]
        return tuple(", ".join(values) for values in itertools.product(*named))

    def of_classes(self, task: str) -> bool:
        """Whether images are parted by the classes of a task."""
        return any(part.task == task and part.column is None for part in self.parts)

    def masks(self, labels: SliceLabels, images: NDArray[np.str_]) -> list[NDArray[np.bool_]]:
        """Return ``(N,)`` for each side; an image of which a label is unknown is on none.

        Args:
            labels: Of the data set.
            images: ``(N,)``, the ids of the images to part.
        """
        values = [labels.at(part, images) for part in self.parts]
        numbers = itertools.product(*(range(len(part.values)) for part in self.parts))
        return [
            np.logical_and.reduce([own == n for own, n in zip(values, side, strict=True)])
            for side in numbers
        ]


class SliceLabels:
    """The labels of a data set's test images, from whichever cells predicted the task."""

    def __init__(self, results: Results, dataset: str) -> None:
        """Bind a data set; labels are read when they are asked for."""
        self.results, self.dataset = results, dataset
        self._held: dict[str, tuple[NDArray[np.str_], NDArray[np.int16]]] = {}

    def at(self, part: Part, images: NDArray[np.str_]) -> NDArray[np.int16]:
        """Return the value of each image, -1 where it is unknown."""
        if part.name not in self._held:
            self._held[part.name] = self._read(part)
        known, values = self._held[part.name]
        if not len(known):
            return np.full(len(images), -1, np.int16)
        place = np.searchsorted(known, images).clip(max=len(known) - 1)
        found: NDArray[np.int16] = np.where(known[place] == images, values[place], np.int16(-1))
        return found

    def _read(self, part: Part) -> tuple[NDArray[np.str_], NDArray[np.int16]]:
        """Return image ids, sorted, and their values."""
        held = first_stored(self.results, self.dataset, part.task)
        if held is None:
            return np.empty(0, np.str_), np.empty(0, np.int16)
        values = held.target if part.column is None else held.target[:, part.column]
        order = np.argsort(held.image)
        return held.image[order], values[order].astype(np.int16)


def slices_of(results: Results, dataset: str, asked: Sequence[str]) -> list[Slice]:
    """Return the slices of a data set: those of the asked ones that it has, else the usual ones."""
    known = _parts(results.tasks_of(dataset))
    if asked:
        found = [Slice(name, tuple(known[p] for p in split(name) if p in known)) for name in asked]
        return [one for one in found if len(one.parts) == len(split(one.name))]
    usual = [name for name in USUAL if name in known]
    usual += [
        name
        for name, part in known.items()
        if part.column is None and len(part.values) <= FEW_CLASSES
    ]
    return [Slice(name, (known[name],)) for name in usual]


def check_slices(results: Results, asked: Sequence[str]) -> None:
    """Refuse a slice that no data set of the results has.

    Raises:
        UserError: Names what can be sliced by.
    """
    every = [_parts(results.tasks_of(dataset)) for dataset in results.datasets]
    known = list(dict.fromkeys(name for parts in every for name in parts))
    for name in asked:
        for part in split(name):
            if part not in known:
                raise unknown_name("attribute or task of classes", part, known, "--slices")


def split(name: str) -> list[str]:
    """Split ``A+B``."""
    return [part.strip() for part in name.split(AND)]


def _parts(tasks: Sequence[Task]) -> dict[str, Part]:
    """Return everything that a data set can be sliced by, by name."""
    parts: dict[str, Part] = {}
    for task in tasks:
        if isinstance(task, BinaryAttributes):
            for column, name in enumerate(task.attributes):
                parts.setdefault(name, Part(name, task.name, column, ("no", "yes")))
        elif isinstance(task, Classes):
            parts.setdefault(task.name, Part(task.name, task.name, None, task.classes))
    return parts
