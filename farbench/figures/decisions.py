"""The stored answers of rows as yes-or-no decisions, and which of them a figure draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.request import FigureRequest
from farbench.scoring.numbers import nanmean
from farbench.tables.caption import dataset_title
from farbench.tables.cells import CellResult
from farbench.tables.measures import ATTRIBUTES
from farbench.tables.results import Results
from farbench.tables.stored import predictions_of
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes

MEAN = ""
"""In place of a decision's name: the mean over all."""

HARDEST = 2
"""How many decisions are drawn beside their mean where none is asked for."""


@dataclass(frozen=True)
class Decisions:
    """The decisions of one row and seed.

    Attributes:
        log_odds: Of each decision ``(N,)`` float64: the logarithm of p / (1 - p) of "yes".
        truth: Of each ``(N,)``: 1 yes, 0 no, -1 unknown.
    """

    log_odds: dict[str, NDArray[np.float64]]
    truth: dict[str, NDArray[np.int8]]

    def known(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
        """Return log-odds and truth of the images whose label is known."""
        known = self.truth[name] >= 0
        return self.log_odds[name][known], self.truth[name][known]


@dataclass(frozen=True)
class Answers:
    """The decisions of the rows to draw, on one data set.

    Attributes:
        dataset: The data set's name.
        rows: Row id to its decisions, a seed each; rows without predictions are left out.
        names: All decisions, in the order of tasks and their columns.
    """

    dataset: str
    rows: dict[str, tuple[Decisions, ...]]
    names: tuple[str, ...]

    def panels(
        self, request: FigureRequest, badness: Callable[[str, Decisions], float]
    ) -> tuple[str, ...]:
        """Return what to draw: what was asked for, else the mean and the worst decisions.

        Args:
            request: May name decisions.
            badness: Of a decision in one cell; NaN where it is undefined.
        """
        if request.attributes:
            return tuple(name for name in request.attributes if name in self.names)
        hardest = self._hardest(badness)
        return (MEAN, *hardest) if len(self.names) > 1 else hardest

    def _hardest(self, badness: Callable[[str, Decisions], float]) -> tuple[str, ...]:
        """Return the decisions whose badness, meant over rows and seeds, is largest."""
        every = [decisions for seeds in self.rows.values() for decisions in seeds]
        means = {}
        for name in self.names:
            found = [badness(name, one) for one in every if name in one.log_odds]
            means[name] = float(nanmean(np.asarray(found), axis=0))
        known = [name for name in self.names if not np.isnan(means[name])]
        return tuple(sorted(known, key=lambda name: -means[name])[:HARDEST])


def read_answers(
    request: FigureRequest, results: Results, *, top_class: bool = False
) -> list[Answers]:
    """Read ``predictions.npz`` of the finished cells that are asked for.

    Args:
        request: Rows, data sets and decisions to draw.
        results: The benchmark's folder.
        top_class: Of classes, whether the decision is "the likeliest class is right", one a task;
            else each class is one against the rest, and of two the second alone, whose mirror
            image the first is.

    Raises:
        UserError: No finished cell predicts attributes or classes, or none has predictions.
    """
    answers = []
    for dataset in request.datasets_of(results):
        tasks = [t for t in results.tasks_of(dataset) if isinstance(t, BinaryAttributes | Classes)]
        names = tuple(name for task in tasks for name in decision_names(task, top_class))
        rows = {}
        for row in request.rows_of(results):
            cells = [cell for cell in results.of(row.id, dataset) if cell.finished]
            seeds = [_of_cell(cell, tasks, top_class) for cell in cells]
            if any(one.truth for one in seeds):
                rows[row.id] = tuple(one for one in seeds if one.truth)
        if rows and names:
            answers.append(Answers(dataset, rows, names))
    if not answers:
        _refuse(request, results)
    request.attributes_of(tuple(dict.fromkeys(name for one in answers for name in one.names)))
    return answers


def _refuse(request: FigureRequest, results: Results) -> NoReturn:
    """Say why there are no answers."""
    asked = {row.id for row in request.rows_of(results)}
    finished = [c for c in results.finished() if c.row in asked]
    if any(decision_names(t) for c in finished for t in results.tasks_of(c.dataset)):
        raise UserError(
            f"this figure is drawn of stored predictions, and no cell of {results.folder} that is "
            "asked for has them: committed results carry none. Run the benchmark again "
            f"(`farbench run {results.name}`) to have them."
        )
    raise UserError(
        f"no finished cell of {results.folder} that is asked for predicts attributes or classes, "
        "the yes-or-no answers that this figure is drawn of. Run such a benchmark: "
        "`farbench run quickstart`."
    )


def decision_names(task: Task, top_class: bool = False) -> tuple[str, ...]:
    """Name the decisions of a task: ``Bald``, ``race.Asian``, of the top class ``race``."""
    if isinstance(task, BinaryAttributes):
        bare = task.name == ATTRIBUTES
        return tuple(name if bare else f"{task.name}.{name}" for name in task.attributes)
    if isinstance(task, Classes):
        if top_class:
            return (task.name,)
        shown = task.classes[1:] if len(task.classes) == 2 else task.classes
        return tuple(f"{task.name}.{name}" for name in shown)
    return ()


def decisions_of(
    task: Task, output: NDArray[Any], target: NDArray[Any], top_class: bool = False
) -> Decisions:
    """Turn what was stored of a task into decisions.

    Args:
        task: Attributes or classes.
        output: ``(N, A)``, logits.
        target: Attributes: ``(N, A)``. Classes: ``(N,)``, their numbers, -1 where unknown.
        top_class: See :func:`read_answers`.
    """
    odds = np.asarray(output, np.float64)
    truth = np.asarray(target)
    names = decision_names(task, top_class)
    if isinstance(task, Classes):
        number = odds.argmax(1)[:, None] if top_class else np.arange(odds.shape[1])[None]
        odds = np.stack([_against_the_rest(odds, k) for k in range(odds.shape[1])], axis=1)
        truth = np.where(truth[:, None] < 0, -1, truth[:, None] == number)
        odds = np.take_along_axis(odds, number, axis=1) if top_class else odds
    first = odds.shape[1] - len(names)
    columns = {name: first + number for number, name in enumerate(names)}
    return Decisions(
        {name: odds[:, column] for name, column in columns.items()},
        {name: truth[:, column].astype(np.int8) for name, column in columns.items()},
    )


def _against_the_rest(logits: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """Return the log-odds of one class under softmax."""
    others = np.delete(logits, column, axis=1)
    largest = others.max(1)
    rest = largest + np.log(np.exp(others - largest[:, None]).sum(1))
    return np.asarray(logits[:, column] - rest)


def _of_cell(cell: CellResult, tasks: Sequence[Task], top_class: bool) -> Decisions:
    whole = Decisions({}, {})
    for task in tasks:
        held = predictions_of(cell, task.name)
        if held is not None:
            own = decisions_of(task, held.output, held.target, top_class)
            whole.log_odds.update(own.log_odds)
            whole.truth.update(own.truth)
    return whole


def panel_title(results: Results, answers: Answers, name: str, every: str) -> str:
    """Return what a panel is of: ``CelebA: Big Lips``, ``race: Asian``, ``mean of 40 attributes``.

    Args:
        results: The benchmark's folder.
        answers: Of one data set.
        name: The decision, or ``MEAN``.
        every: What stands for them all ("mean of").
    """
    if name == MEAN:
        alone = all(isinstance(t, BinaryAttributes) for t in results.tasks_of(answers.dataset))
        said = f"{every} {len(answers.names)} {'attributes' if alone else 'answers'}"
    else:
        said = name.replace(".", ": ").replace("_", " ")
    several = len(results.datasets) > 1
    return f"{dataset_title(results, answers.dataset)}: {said}" if several else said
