"""The training loss: a term a task, or a group of attributes, and the weighting that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from farbench.benchmark.advice import how_to_test
from farbench.errors import UserError
from farbench.plugins.loss import Loss
from farbench.plugins.method import Problem
from farbench.plugins.weighting import TaskWeighting
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task, TrainStatistics

WHOLE_NUMBERS = ("classes", "identity")
"""Kinds of tasks whose targets are class numbers."""


@dataclass(frozen=True)
class Term:
    """One term of the loss.

    Attributes:
        name: The task, or the group (``<task>.<group>`` where several tasks have groups).
        task: What is predicted; of a group, its attributes alone.
        statistics: Of its train labels.
        columns: The group's columns of the task's output; None takes all.
    """

    name: str
    task: Task
    statistics: TrainStatistics
    columns: tuple[int, ...] | None = None


def plan_terms(problem: Problem, weighting: TaskWeighting) -> tuple[Term, ...]:
    """Return the terms that a weighting weighs: the tasks, attribute tasks perhaps by group.

    Raises:
        UserError: The weighting is over groups that do not exist or do not cover the attributes.
    """
    terms: list[Term] = []
    several = sum(isinstance(task, BinaryAttributes) for task in problem.tasks) > 1
    for task in problem.tasks:
        statistics = problem.statistics[task.name]
        if weighting.over == "tasks" or not isinstance(task, BinaryAttributes):
            terms.append(Term(task.name, task, statistics))
            continue
        for group in problem.groups(weighting.grouping, task):
            name = f"{task.name}.{group.name}" if several else group.name
            names = tuple(task.attributes[column] for column in group.columns)
            shares = tuple(statistics.prevalence[column] for column in group.columns)
            part = replace(statistics, prevalence=shares)
            terms.append(Term(name, BinaryAttributes(task.name, names), part, group.columns))
    return tuple(terms)


class TrainingLoss(nn.Module):
    """Outputs and targets of all tasks to one scalar, with what each term was and weighed.

    With a single term there is nothing to weigh: its loss is the scalar.
    """

    def __init__(
        self,
        problem: Problem,
        losses: Mapping[str, Loss],
        weighting: TaskWeighting,
        feature_size: int,
    ) -> None:
        """Build the losses and the weighting.

        Args:
            problem: Tasks, statistics, groupings.
            losses: A loss a task, by the task's name.
            weighting: Joins the terms.
            feature_size: Of the network's shared features; 0 if it offers none.

        Raises:
            UserError: The weighting needs features that the network does not offer.
        """
        super().__init__()
        self.terms = plan_terms(problem, weighting)
        self.losses = dict(losses)
        self.modules_by_term = nn.ModuleList(
            losses[term.task.name].build(term.task, term.statistics) for term in self.terms
        )
        for number, term in enumerate(self.terms):
            # On the device once: an index made of a list would be copied there in every step.
            columns = None if term.columns is None else torch.tensor(term.columns)
            self.register_buffer(f"columns_{number}", columns, persistent=False)
        self.weighting: nn.Module | None = None
        if len(self.terms) > 1:
            if weighting.needs_features and not feature_size:
                raise UserError(
                    f"task weighting '{weighting.name}' looks at the features that the tasks "
                    "share, and the method's network offers none (it has no `feature_size`). "
                    "Choose another weighting with protocol.weighting, or another method."
                )
            names = tuple(term.name for term in self.terms)
            self.weighting = weighting.build(names, feature_size)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms."""
        return tuple(term.name for term in self.terms)

    def forward(
        self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scalar, and of each term its loss and its weight, ``(T,)`` each, detached.

        Args:
            outputs: By task, float32 ``(N, task.outputs)``, perhaps with ``features``.
            targets: By task, on the same device.

        Raises:
            UserError: A loss returns something else than a scalar.
        """
        values = []
        selections = (getattr(self, f"columns_{n}") for n in range(len(self.terms)))
        for term, module, columns in zip(self.terms, self.modules_by_term, selections, strict=True):
            output, target = outputs[term.task.name], targets[term.task.name]
            if columns is not None:
                output, target = output.index_select(1, columns), target.index_select(1, columns)
            whole = term.task.kind in WHOLE_NUMBERS
            value = module(output, target.long() if whole else target.float())
            if value.shape:
                loss = self.losses[term.task.name]
                raise UserError(
                    f"loss '{loss.name}' returned shape {tuple(value.shape)}, must be a scalar; "
                    f"try `{how_to_test(loss)}`"
                )
            values.append(value)
        losses = torch.stack(values)
        if self.weighting is None:
            return values[0], losses.detach(), torch.ones_like(losses)
        total, weights = self.weighting(losses, outputs.get("features"))
        return total, losses.detach(), weights.detach()

    def epoch_ended(self, mean_losses: Tensor) -> None:
        """Tell the weighting, if it wants to know, the mean loss ``(T,)`` of each term."""
        listener = getattr(self.weighting, "epoch_ended", None)
        if listener is not None:
            listener(mean_losses)


def mean_terms(terms: Tensor) -> Tensor:
    """Return the mean loss and weight ``(2, T)`` of each term over the steps that it was in.

    In joined data sets a batch may hold no sample of a task; its loss is then exactly 0.
    """
    there = (terms[:, :1] != 0).to(terms.dtype)
    return (terms * there).sum(0) / there.sum(0).clamp(min=1)
