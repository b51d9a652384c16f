"""A method's contract, on building: stages, what networks give, which tasks they predict."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest.mock import patch

from torch import Tensor, nn

from farbench.errors import UserError
from farbench.plugins.method import MaskRequest, Method, Problem, Stage
from farbench.testing.checks import Broken, Contract, told
from farbench.testing.method_subject import COUNT, MethodSubject, forward
from farbench.testing.plugin_checks import PLUGIN
from farbench.testing.problems import SIDE, TASKS
from farbench.training.empty_layers import EmptyParameter

BUILDING: Contract[MethodSubject] = Contract(*PLUGIN.checks)

WIDEN = (
    "Keep each layer at least 1 wide: `max(1, channels // self.reduction)`, or refuse the value."
)
"""What to do about an empty parameter."""

LARGE = 20_000_000
"""Parameters from which the reader is told how to make the test quicker."""


@BUILDING.line(
    "`stages()` gives at least one Stage; the last one is `joint`, names are lower-case words of "
    "their own, and what `task_kinds` and `mask_request()` name exists.",
    why="Epochs are given by these names: the last stage takes protocol.epochs, the others "
    "protocol.stage_epochs.",
    mend='Write `return (Stage("joint", self),)`, or `return (Stage("first", other), '
    'Stage("joint", self))`.',
)
def stages(subject: MethodSubject) -> None:
    """Look at the stages without building anything."""
    found = subject.method.stages()
    if not found or not all(
        isinstance(stage, Stage) and isinstance(stage.method, Method) for stage in found
    ):
        raise Broken(f"stages() gives {found!r}")
    names = [stage.name for stage in found]
    if names[-1] != "joint":
        raise Broken(f"the last stage is '{names[-1]}', so it would not get protocol.epochs")
    odd = [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)]
    if odd or len(set(names)) < len(names):
        raise Broken(f"the names of the stages are {', '.join(names)}")
    unknown = [kind for kind in subject.plugin.task_kinds if kind not in TASKS]
    if unknown:
        raise Broken(
            f"task_kinds names '{unknown[0]}'",
            f"Choose of {', '.join(TASKS)}; an empty tuple is all of them.",
        )
    request = subject.method.mask_request()
    if request is None:
        return
    if not isinstance(request, MaskRequest) or request.grouping not in subject.groupings:
        raise Broken(
            f"mask_request() gives {request!r}, and the groupings are "
            f"{', '.join(subject.groupings)}",
            "Return MaskRequest(GROUPING) with the name of a grouping that is installed.",
        )


@BUILDING.line(
    "`build(problem)` gives a new torch module, for a problem with a single task; no parameter is "
    "empty.",
    why="Each cell trains a network of its own; one that is kept carries weights from cell "
    "to cell. A layer of width 0 does nothing, and nothing shows it.",
    mend="Build with what the problem says: problem.tasks, problem.attributes, "
    "problem.image_size; `return Network(self, problem)`.",
    raised="Mend what is raised at that line. It is called as `build(problem)`, with one task and "
    f"images of {SIDE} px.",
    needs=("stages",),
)
def builds(subject: MethodSubject) -> str | None:
    """Build the network of every stage, twice."""
    for stage in subject.method.stages():
        try:
            first, second = subject.build(stage.method), subject.build(stage.method)
        except EmptyParameter as empty:
            given = ", ".join(f"{name}={value!r}" for name, value in subject.options.items())
            told_options = f" with {given}" if given else ""
            raise Broken(f"stage '{stage.name}'{told_options}: {empty}", WIDEN) from empty
        if not isinstance(first, nn.Module):
            raise Broken(f"stage '{stage.name}': build gives {type(first).__name__}")
        if first is second:
            raise Broken(
                f"stage '{stage.name}': build gives the same network twice",
                "Make a new one at each call; a plugin keeps nothing.",
            )
    return _size_note(first)


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def _size_note(network: nn.Module) -> str | None:
    """Tell how to make the test quicker, where the network is large."""
    count = count_parameters(network)
    if count < LARGE:
        return None
    return f"{math.ceil(count / 1e6)} M parameters; with smaller options the test is quicker"


@BUILDING.line(
    "With `problem.pretrained` false a network is built without asking anybody for weights.",
    why="Compute nodes have no internet, and a row that starts from nothing must not start from "
    "ImageNet.",
    mend="Pass it on to what makes the backbone: `Trunk(self.backbone, "
    "pretrained=problem.pretrained)`.",
    needs=("builds",),
)
def needs_no_network(subject: MethodSubject) -> None:
    """Build while every connection is refused and noted."""
    for stage in subject.method.stages():
        with _without_network() as asked:
            try:
                subject.build(stage.method)
            except Exception as error:
                if not asked:
                    raise
                raise Broken(f"build asks for {asked[0]}, and fails: {told(error)}") from error
        if asked:
            raise Broken(f"build asks for {asked[0]}")


@BUILDING.line(
    "The network gives a dict with one entry a task, named as the task, float of the shape "
    "(N, task.outputs), and nothing else but `features`.",
    why="The core finds the loss and the metrics of a task by its name, and every data set "
    "names its own.",
    mend="Use task.name as the key and task.outputs as the width: `return {task.name: "
    "self.heads[task.name](x) for task in problem.tasks}`.",
    raised="Mend what is raised at that line. Images are (N, 3, H, W), float; masks, where "
    "mask_request() asks for them, are a second argument, (N, G, h, w).",
    needs=("builds",),
)
def outputs(subject: MethodSubject) -> str | None:
    """Call the network of every stage on one task."""
    problem = subject.problem()
    for stage in subject.method.stages():
        given = called(subject, stage.method, problem)
        require_outputs(given, problem, f"stage '{stage.name}'")
    return _start(given, problem)


def _start(given: dict[str, Tensor], problem: Problem) -> str | None:
    """Return a note where a new network's outputs are far from the prior of the train labels."""
    for task in problem.tasks:
        if task.kind == "identity":  # an embedding has no prior
            continue
        prior = given[task.name].new_tensor(problem.prior(task))
        if (given[task.name].mean(0) - prior).abs().mean() > prior.abs().mean() / 2:
            return (
                f"'{task.name}' does not begin at the prior of its train labels, which costs "
                "points in a short training: call farbench.nn.heads.start_at_prior for the last "
                "layer"
            )
    return None


@BUILDING.line(
    "A network that offers `features` gives them as (N, D) and has the attribute `feature_size` D.",
    why="Task weightings read `features` in every step, and make their layers for `feature_size`.",
    mend="Write `self.feature_size = D`, the width of what forward returns as 'features', "
    "or leave out both.",
    needs=("outputs",),
)
def features(subject: MethodSubject) -> str | None:
    """Compare what is given with what is announced."""
    problem = subject.problem()
    network = subject.build(problem=problem)
    given = forward(network, problem, subject.batch(problem)).get("features")
    announced = getattr(network, "feature_size", None)
    if given is None and not announced:
        return "none offered"
    if given is None:
        raise Broken(f"feature_size is {announced}, but forward returns no 'features'")
    if announced is None:
        raise Broken("forward returns 'features', but the network has no feature_size")
    if tuple(given.shape) != (COUNT, announced) or not given.is_floating_point():
        raise Broken(
            f"features are {given.dtype} {tuple(given.shape)} where feature_size says "
            f"{(COUNT, announced)}"
        )
    if not given.requires_grad and any(p.requires_grad for p in network.parameters()):
        return "features carry no gradient"
    return None


@BUILDING.line(
    "Every kind of task in `task_kinds` (all, where it is empty) can be predicted, alone and "
    "together with the others.",
    why="A row whose tasks cannot be predicted is refused by this, before anything is trained.",
    mend='Name the kinds that it can predict: task_kinds: ClassVar[tuple[str, ...]] = ("attributes"'
    ",).",
    needs=("outputs",),
)
def task_kinds(subject: MethodSubject) -> str | None:
    """Build for all kinds at once, then for each one."""
    alone = [(task,) for task in subject.tasks] if len(subject.tasks) > 1 else []
    refused = []
    for tasks in (subject.tasks, *alone):
        problem = subject.problem(tasks)
        kinds = " and ".join(task.kind for task in tasks)
        for stage in subject.method.stages():
            try:
                given = called(subject, stage.method, problem)
            except UserError as error:
                # A method may need attributes beside what it names; one that names nothing not.
                if len(tasks) == 1 and subject.plugin.task_kinds:
                    refused.append(f"{kinds} alone is refused: {error}")
                    break
                raise Broken(f"tasks of the kind {kinds}: {error}") from error
            except Exception as error:
                raise Broken(f"tasks of the kind {kinds}: {told(error)}") from error
            require_outputs(given, problem, f"tasks of the kind {kinds}")
    return "; ".join(refused) or None


def called(subject: MethodSubject, method: Method, problem: Problem) -> Any:
    """Build a network in train mode and return what it gives for a batch."""
    network = subject.build(method, problem).train()
    return forward(network, problem, subject.batch(problem, method=method))


def require_outputs(given: Any, problem: Problem, where: str, count: int = COUNT) -> None:
    """Hold what a network returns against the tasks.

    Raises:
        Broken: An entry is missing, too much, or of another shape or type.
    """
    names = [task.name for task in problem.tasks]
    if not isinstance(given, dict):
        raise Broken(f"{where}: forward returns {type(given).__name__}", f"Return a dict {names}.")
    for task in problem.tasks:
        if task.name not in given:
            raise Broken(
                f"{where}: forward returns {sorted(given)} where the task is called '{task.name}'",
                "Use task.name (problem.attributes.name) as the key; every data set names its own "
                "tasks.",
            )
        value = given[task.name]
        if not isinstance(value, Tensor) or tuple(value.shape) != (count, task.outputs):
            shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise Broken(
                f"{where}: the output '{task.name}' is {shape} where {(count, task.outputs)} is "
                f"expected: images, and outputs of {task.wording()}"
            )
        if not value.is_floating_point():
            raise Broken(f"{where}: the output '{task.name}' is {value.dtype}", "Return logits.")
    more = sorted(set(given) - {*names, "features"})
    if more:
        raise Broken(
            f"{where}: forward returns '{more[0]}' too, which nobody reads",
            "Return the tasks of problem.tasks alone, and perhaps 'features'.",
        )


@contextmanager
def _without_network() -> Iterator[list[str]]:
    """Refuse every look-up and connection of this process, and note whom it was for."""
    asked: list[str] = []

    def refuse(*arguments: object, **more: object) -> NoReturn:
        known = [str(one) for one in arguments if isinstance(one, str | tuple)]
        asked.append(known[0] if known else "a server")
        raise OSError("the contract test allows no network")

    with (
        patch.object(socket, "getaddrinfo", refuse),
        patch.object(socket.socket, "connect", refuse),
    ):
        yield asked
