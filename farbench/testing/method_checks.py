"""The contract of a method, first half: stages, outputs, what learns, what options do."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn
from unittest.mock import patch

import torch
from torch import Tensor, nn

from farbench.errors import UserError
from farbench.plugins.method import MaskRequest, Method, Problem, Stage
from farbench.testing.checks import Broken, Contract, NotTried, told
from farbench.testing.method_subject import (
    COUNT,
    MethodSubject,
    forward,
    hand_over,
    look,
    size_note,
    train,
)
from farbench.testing.option_effects import require_effects
from farbench.testing.other_values import variants
from farbench.testing.plugin_checks import PLUGIN
from farbench.testing.problems import SIDE, TASKS

METHOD: Contract[MethodSubject] = Contract(*PLUGIN.checks)


@METHOD.line(
    "`stages()` gives at least one Stage; the last one is `joint`, names are lower-case words of "
    "their own, and what `task_kinds` and `mask_request()` name exists.",
    mend='Return (Stage("joint", self),), or (Stage("first", other), Stage("joint", self)).',
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


@METHOD.line(
    "`build(problem)` gives a new torch module, for a problem with a single task.",
    mend="Build with what the problem says: problem.tasks, problem.attributes, problem.image_size.",
    needs=("stages",),
)
def builds(subject: MethodSubject) -> str | None:
    """Build the network of every stage, twice."""
    for stage in subject.method.stages():
        first, second = subject.build(stage.method), subject.build(stage.method)
        if not isinstance(first, nn.Module):
            raise Broken(f"stage '{stage.name}': build gives {type(first).__name__}")
        if first is second:
            raise Broken(
                f"stage '{stage.name}': build gives the same network twice",
                "Make a new one at each call; a plugin keeps nothing.",
            )
    return size_note(first)


@METHOD.line(
    "With `problem.pretrained` false a network is built without asking anybody for weights.",
    mend="Pass pretrained=problem.pretrained on to what makes the backbone.",
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


@METHOD.line(
    "The network gives a dict with one entry a task, named as the task, float of the shape "
    "(N, task.outputs), and nothing else but `features`.",
    mend="Use task.name as the key and task.outputs as the width.",
    needs=("builds",),
)
def outputs(subject: MethodSubject) -> None:
    """Call the network of every stage on one task."""
    for stage in subject.method.stages():
        problem = subject.problem()
        require_outputs(called(subject, stage.method, problem), problem, f"stage '{stage.name}'")


@METHOD.line(
    "A network that offers `features` gives them as (N, D) and has the attribute `feature_size` D; "
    "task weightings rely on both.",
    mend="Set self.feature_size to the width of what forward returns as 'features', or leave out "
    "both.",
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


@METHOD.line(
    "Every kind of task in `task_kinds` (all, where it is empty) can be predicted, alone and "
    "together with the others.",
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


@METHOD.line(
    "In every stage each parameter learns (it gets a gradient that is not all zero within three "
    "steps), is named by the stage's `frozen`, or has requires_grad false.",
    mend="Use it in forward, or do not make it.",
    needs=("task_kinds",),
)
def parameters_learn(subject: MethodSubject) -> str:
    """Take three steps of each stage: what starts behind a zero learns from the second on."""
    problem = subject.problem(subject.tasks)
    told_frozen = []
    for stage in subject.method.stages():
        network = subject.build(stage.method, problem)
        children = dict(network.named_children())
        missing = [name for name in stage.frozen if name not in children]
        if missing:
            raise Broken(
                f"stage '{stage.name}' freezes '{missing[0]}', and the network's modules are "
                f"{', '.join(children)}",
                f'Name modules of the network: Stage("{stage.name}", ..., '
                f'frozen=("{next(iter(children), "trunk")}",)).',
            )
        seen = train(network, stage, problem, subject.batch(problem, method=stage.method), steps=3)
        for name, gradient in seen.items():
            if gradient is None or not gradient.any():
                raise _idle(name, gradient, stage)
        if not seen:
            raise Broken(f"nothing learns in stage '{stage.name}'", "Freeze less, or drop it.")
        frozen = sum(not value.requires_grad for value in network.parameters())
        told_frozen += [f"{stage.name}: {frozen} frozen"] if frozen else []
    return ", ".join(told_frozen)


@METHOD.line(
    "A stage begins with the weights of the stage before it: modules whose parameters have the "
    "same names and shapes.",
    mend="Call the shared part the same in both networks (self.trunk), or give the later network "
    "a method adopt(weights) that returns them under its own names.",
    needs=("parameters_learn",),
)
def weights_are_handed_on(subject: MethodSubject) -> str | None:
    """Hand the weights of each stage's network to the next one's."""
    found = subject.method.stages()
    if len(found) < 2:
        raise NotTried("there is one stage")
    problem = subject.problem(subject.tasks)
    counts = []
    parent = subject.build(found[0].method, problem)
    for stage in found[1:]:
        network = subject.build(stage.method, problem, seed=1)
        count = hand_over(network, parent)
        if not count:
            raise Broken(f"stage '{stage.name}' begins with none of the weights before it")
        counts.append(f"{count} of {len(network.state_dict())} tensors to '{stage.name}'")
        parent = network
    return ", ".join(counts)


@METHOD.line(
    "A network that asks for masks uses them, and gives finite numbers where a mask is empty.",
    mend="Select features by masks (N, G, h, w), resized to the map; where nothing is selected the "
    "maximum is minus infinity and the mean 0 / 0: put 0 there.",
    needs=("outputs",),
)
def masks(subject: MethodSubject) -> None:
    """Compare drawn masks with full and empty ones."""
    if subject.method.mask_request() is None:
        raise NotTried("no masks are asked for")
    problem = subject.problem()
    network = subject.build(problem=problem).eval()
    batch = subject.batch(problem)
    drawn = batch.masks
    if drawn is None:
        raise NotTried("no masks are asked for")
    name = problem.tasks[0].name
    with torch.no_grad():
        given: dict[str, Tensor] = {
            what: forward(network, problem, _with_masks(batch, value))[name]
            for what, value in {
                "drawn": drawn,
                "full": torch.ones_like(drawn),
                "empty": torch.zeros_like(drawn),
            }.items()
        }
    if not torch.isfinite(given["empty"]).all():
        raise Broken("with empty masks the output is not finite")
    if torch.equal(given["drawn"], given["full"]):
        raise Broken("the output is the same with drawn masks and with full ones")


@METHOD.line(
    "Every option changes something: stages, parameters, outputs, gradients or which masks are "
    "asked for.",
    mend="Use the option, or remove it.",
    needs=("parameters_learn",),
)
def options_change_something(subject: MethodSubject) -> str | None:
    """Look at the method with another value of each option; in the end at larger images too."""
    return require_effects(
        subject.method,
        subject.plugin.model_fields,
        subject.untested_options,
        [lambda method: look(subject, method), lambda method: look(subject, method, 2 * SIDE)],
        subject.words,
    )


@METHOD.line(
    "A value that an option accepts builds a network that trains, or is refused by a UserError (or "
    "the option's own limits) that says what is allowed.",
    mend="Limit the field (ge=, le=, Literal), check options that belong together in a "
    "model_validator, or raise farbench.UserError in build.",
    needs=("parameters_learn",),
)
def values_are_refused_in_words(subject: MethodSubject) -> None:
    """Look at the method with other values of each option that is no free string."""
    for name, option in type(subject.method).model_fields.items():
        if option.annotation is not str:
            for other in variants(subject.method, name, subject.words(name))[:2]:
                look(subject, other)
    if subject.odd:
        changed, error = next(iter(subject.odd.items()))
        raise Broken(f"{changed} raises {told(error)}") from error


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


def _idle(name: str, gradient: Tensor | None, stage: Stage) -> Broken:
    module = name.split(".")[0] if "." in name else ""
    freeze = (
        f'name its module in Stage("{stage.name}", ..., frozen=("{module}",))'
        if module
        else "give it requires_grad=False"
    )
    if gradient is None:
        return Broken(
            f"parameter {name} gets no gradient in stage '{stage.name}'",
            f"Use it in forward, do not make it, or {freeze}.",
        )
    return Broken(
        f"parameter {name} gets a gradient of nothing but zeros in stage '{stage.name}'",
        "Look for a detach(), a factor of 0, or an activation that is never positive behind it; or "
        f"{freeze}.",
    )


def _with_masks(batch: Any, masks: Tensor) -> Any:
    return type(batch)(batch.images, masks, batch.targets, batch.positions)


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
