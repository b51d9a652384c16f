"""Which tasks a benchmark trains on a data set, and whether its parts fit them."""

from __future__ import annotations

from collections.abc import Sequence

from farbench.benchmark.places import Places
from farbench.errors import UserError, did_you_mean, in_a_line, unknown_name
from farbench.plugins.dataset import Dataset
from farbench.plugins.loss import Loss
from farbench.plugins.method import Method
from farbench.scoring.catalogue import METRICS
from farbench.scoring.costs import COSTS
from farbench.tasks.base import Task


def choose_tasks(dataset: Dataset, names: Sequence[str], where: str) -> tuple[Task, ...]:
    """Return the named tasks of a data set in the order named, or its default ones.

    One file can serve data sets that label different things: ``race|skin`` is the first of the two
    that the data set has, ``age|none`` is left out where it has none.

    Args:
        dataset: The data set.
        names: The names; empty for the data set's default.
        where: The place of the names, for the error.

    Raises:
        UserError: The data set has no such task; those that it has are listed.
    """
    offered = {task.name: task for task in dataset.tasks()}
    listed = "; ".join(task.wording() for task in offered.values())
    wanted: dict[str, None] = {}
    for written in tuple(names) or dataset.default_tasks or tuple(offered):
        choices = [choice.strip() for choice in written.split("|")]
        found = [name for name in choices if name in offered]
        if found:
            wanted[found[0]] = None
        elif refused := [name for name in choices if name in dataset.refused_tasks()]:
            raise UserError(f"{where}: {dataset.refused_tasks()[refused[0]]}")
        elif "none" not in choices:
            raise UserError(
                f"{where}: data set '{dataset.name}' has no task '{in_a_line(written)}'."
                f"{did_you_mean(choices[0], offered)} It has {listed}."
            )
    if not wanted:
        raise UserError(
            f"{where}: data set '{dataset.name}' has none of the tasks {', '.join(names)}. "
            f"It has {listed}."
        )
    return tuple(offered[name] for name in wanted)


def check_method(method: Method, tasks: Sequence[Task], where: str) -> None:
    """Refuse tasks that a method cannot predict.

    Raises:
        UserError: Names the method and the tasks.
    """
    wrong = [task for task in tasks if method.task_kinds and task.kind not in method.task_kinds]
    if wrong:
        named = ", ".join(f"{task.name} ({task.kind})" for task in wrong)
        raise UserError(
            f"{where}: method '{method.name}' predicts {' and '.join(method.task_kinds)}, not "
            f"{named}. Choose its tasks with `tasks: [...]`, or another method."
        )


def fitting_loss(loss: Loss | None, task: Task, where: str) -> Loss:
    """Return the loss, if there is one and it is made for the task's kind.

    Raises:
        UserError: Names both.
    """
    if loss is None:
        raise UserError(
            f"{where}: no loss for {task.wording()}. Name one with "
            f"`protocol: {{losses: {{{task.name}: LOSS}}}}`; see `farbench list losses`."
        )
    if task.kind not in loss.tasks:
        raise UserError(
            f"{where}: loss '{loss.name}' is for {' and '.join(loss.tasks)}, and task "
            f"'{task.name}' is {task.kind}. Name another under protocol.losses.{task.name}."
        )
    return loss


def check_metrics(metrics: Sequence[str], tasks: Sequence[Task], places: Places) -> None:
    """Refuse metrics that none of the tasks has.

    Args:
        metrics: As written: METRIC or TASK.METRIC.
        tasks: All tasks of the benchmark.
        places: Where they were written.

    Raises:
        UserError: A metric or task is unknown; allowed ones are listed.
    """
    by_name = {task.name: task for task in tasks}
    anywhere = [*dict.fromkeys(name for task in tasks for name in METRICS[task.kind]), *COSTS]
    for index, written in enumerate(metrics):
        where = places.at(("metrics", index))
        task_name, dot, metric = written.rpartition(".")
        if not dot:
            if metric not in anywhere:
                raise unknown_name("metric", metric, anywhere, where)
        elif task_name not in by_name:
            raise unknown_name("task", task_name, by_name, where)
        elif metric not in METRICS[by_name[task_name].kind]:
            kind = by_name[task_name].kind
            raise unknown_name(f"metric of {task_name}", metric, METRICS[kind], where)
