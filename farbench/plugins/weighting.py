"""The contract of a task weighting: how the losses of several terms become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench.plugins.base import Plugin

if TYPE_CHECKING:
    from torch import nn


class TaskWeighting(Plugin):
    """Weighs the terms of the training loss: the tasks, or the groups of an attribute task.

    Attributes:
        needs_features: Whether the module is given the network's shared features. A network that
            offers them returns ``"features"`` ``(N, D)`` beside its tasks and has the attribute
            ``feature_size`` (D).
    """

    needs_features: ClassVar[bool] = False

    over: Literal["tasks", "groups"] = Field(
        "tasks",
        description="What is weighed: each task, or, of an attribute task, each group.",
    )
    grouping: str = Field("mgmtn", description="The groups, where groups are weighed.")

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """Return a module ``(losses (T,), features (N, D) or None) -> (scalar, weights (T,))``.

        The scalar is minimised by one backward pass; ``weights`` are what each term was weighed
        by, detached, for the records. Where a term had no labelled sample in the batch its loss is
        0. The module may have parameters, trained with the learning rate :meth:`learning_rate`;
        what is to be trained by the weighting's own loss alone must be separated with ``detach``.
        State that must survive a restart belongs in buffers. At the end of each epoch the core
        calls ``module.epoch_ended(mean_losses (T,))`` if there is such a method.

        Args:
            terms: Names of the T terms, tasks or groups.
            feature_size: D, 0 where the network offers no features.
        """
        raise NotImplementedError

    def learning_rate(self, learning_rate: float) -> float:
        """Return the learning rate of the module's parameters, given the network's."""
        return learning_rate
