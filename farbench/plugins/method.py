"""The contract of a method: what is built, in which stages it is trained, what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from farbench.errors import UserError, unknown_name
from farbench.plugins.base import Plugin
from farbench.plugins.grouping import Group, Grouping, resolve
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task, TrainStatistics

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Problem:
    """What a method may know when it builds its network.

    Attributes:
        tasks: What must be predicted; one output a task.
        image_size: Side of the square input in pixels.
        statistics: Of each task's train labels, by the task's name.
        start_at_prior: Whether last biases start at ``task.prior(statistics)``: the log-odds of
            the train labels, or the mean shape.
        pretrained: Whether backbones start from their pretrained weights.
        groupings: The attribute groupings that plugins provide, by name.
    """

    tasks: tuple[Task, ...]
    image_size: int
    statistics: Mapping[str, TrainStatistics]
    start_at_prior: bool = True
    pretrained: bool = True
    groupings: Mapping[str, Grouping] = field(default_factory=dict)

    @property
    def attributes(self) -> BinaryAttributes:
        """The binary-attribute task, for methods that are about attributes.

        Raises:
            UserError: There is none among the tasks.
        """
        for task in self.tasks:
            if isinstance(task, BinaryAttributes):
                return task
        named = ", ".join(task.name for task in self.tasks)
        raise UserError(
            f"the method works on binary attributes, and the tasks are {named}. Choose tasks with "
            "`tasks: [attributes]`, a data set that has attributes, or another method."
        )

    def prior(self, task: Task) -> tuple[float, ...]:
        """Return the constant output that suits a task's train labels best."""
        return task.prior(self.statistics[task.name])

    def groups(self, grouping: str, task: BinaryAttributes | None = None) -> tuple[Group, ...]:
        """Return the groups of a named grouping, resolved to columns of a task's output.

        Args:
            grouping: Its name.
            task: The attribute task; None is :attr:`attributes`.

        Raises:
            UserError: There is no such grouping, or it has no group for some attribute.
        """
        if grouping not in self.groupings:
            raise unknown_name("grouping", grouping, self.groupings)
        return resolve(self.groupings[grouping], (task or self.attributes).attributes)


@dataclass(frozen=True)
class MaskRequest:
    """Asks the core for one binary mask a group and image.

    Attributes:
        grouping: The attribute grouping whose regions are masked.
        area: Area of the masks relative to the predicted region, scaled about the centre of each
            connected component (MGMTN Table 4: 0.64 to 1.44).
    """

    grouping: str
    area: float = 1.0


@dataclass(frozen=True)
class Stage:
    """One phase of training.

    A stage is known by its own builder and by its parent alone, never by the row that asks for
    it, so rows that begin alike share the trained stage.

    Attributes:
        name: The key of ``protocol.stage_epochs`` ("global", "groups"); the last stage is
            "joint" and takes ``protocol.epochs``.
        method: The method, with its options, that builds this stage's network.
        frozen: Names of top-level submodules (as in ``named_children``) that are not trained;
            their BatchNorm stays in eval mode.
    """

    name: str
    method: Method
    frozen: tuple[str, ...] = ()


class Method(Plugin):
    """A model family. Declare options as fields, override ``build``; the rest has defaults.

    The network maps ``images`` (float32, ``(N, 3, S, S)``, normalised for its backbone) to a dict
    with one entry a task, ``(N, task.outputs)``: for binary attributes logits ``(N, A)``. It may
    add ``"features"`` ``(N, D)``, what the tasks share, for task weightings that look at it, and
    then has the attribute ``feature_size`` (D). If :meth:`mask_request` asks for masks, the
    network is called as ``network(images, masks)`` with ``masks`` float ``(N, G, h, w)`` in
    {0, 1}, one channel a group of the grouping, in its order.

    Networks may carry ``pixel_mean`` and ``pixel_std`` (three numbers each, for pixels in
    [0, 1]); without them ImageNet's are used.
    """

    task_kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of tasks that the method can predict; empty is all of them."""

    def build(self, problem: Problem) -> nn.Module:
        """Return a new network for the problem. Import torch here, not at the top of the file."""
        raise NotImplementedError

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in order; each starts from the weights of the one before it.

        A module's own parameters and buffers are handed on, all or none of them, where their
        names and shapes agree. A network whose modules have other names than those of the stage
        before has a method ``adopt(weights)``: it is given that stage's state dict and returns it
        with entries under its own names.
        """
        return (Stage("joint", self),)

    def identity(self) -> dict[str, Any]:
        """Return what the method's result depends on beside data, protocol and code, JSON-able.

        It is part of the keys of its stages. The options say it, unless they name a file: then see
        :meth:`farbench.KeypointModel.identity`.
        """
        return self.options()

    def mask_request(self) -> MaskRequest | None:
        """Return which masks the network is called with, or None."""
        return None
