"""A method's contract, on learning: gradients, stages, masks, and what each option does."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from farbench.plugins.method import Method, Stage
from farbench.testing.checks import Broken, Contract, NotTried, told
from farbench.testing.method_building import WIDEN, count_parameters
from farbench.testing.method_subject import MethodSubject, forward, look, train
from farbench.testing.option_effects import require_effects
from farbench.testing.other_values import variants, with_option
from farbench.testing.problems import SIDE
from farbench.training.empty_layers import EmptyParameter
from farbench.training.weights import hand_on

LEARNING: Contract[MethodSubject] = Contract()

HUGE = 1_000_000
"""What is tried in an option without an upper limit that makes the network smaller."""


@LEARNING.line(
    "In every stage each parameter learns (it gets a gradient that is not all zero within three "
    "steps), is named by the stage's `frozen`, or has requires_grad false.",
    why="A layer that never learns is counted in the table's parameters and adds nothing; "
    "mostly it is a slip.",
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


@LEARNING.line(
    "A stage begins with the weights of the stage before it: modules whose parameters have the "
    "same names and shapes.",
    why="Otherwise what the stage before has learned is lost, and nothing else shows it.",
    mend="Call the shared part the same in both networks (self.trunk), or give the later network "
    "a method adopt(weights) that returns them under its own names.",
    needs=("task_kinds",),
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
        count = hand_on(network, parent.state_dict())
        if not count:
            raise Broken(f"stage '{stage.name}' begins with none of the weights before it")
        counts.append(f"{count} of {len(network.state_dict())} tensors to '{stage.name}'")
        parent = network
    return ", ".join(counts)


@LEARNING.line(
    "A network that asks for masks uses them, and gives finite numbers where a mask is empty.",
    why="Masks cost a network of their own, and a closed eye or a bald head leaves one empty.",
    mend="Select features by masks (N, G, h, w), resized to the map "
    "(`farbench.nn.regions.resize_masks`); where nothing is selected the maximum is "
    "minus infinity and the mean 0 / 0: put 0 there, as "
    "`farbench.nn.attention.RegionPool` does.",
    needs=("outputs",),
)
def masks(subject: MethodSubject) -> None:
    """Compare drawn masks with full and empty ones."""
    problem = subject.problem()
    batch = subject.batch(problem)
    drawn = batch.masks
    if drawn is None:
        raise NotTried("no masks are asked for")
    network = subject.build(problem=problem).eval()
    name = problem.tasks[0].name
    with torch.no_grad():
        given: dict[str, Tensor] = {
            what: forward(network, problem, replace(batch, masks=value))[name]
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


@LEARNING.line(
    "Every option changes something: stages, parameters, outputs, gradients or which masks are "
    "asked for.",
    why="An option that does nothing gives two rows of a table that differ in name alone.",
    mend="Use the option, or remove it.",
    needs=("task_kinds",),
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


@LEARNING.line(
    "A value that an option accepts builds a network that trains, or is refused by a UserError (or "
    "the option's own limits) that says what is allowed.",
    why="A grid sets any value that the option accepts, and a traceback in cell 17 helps nobody.",
    mend="Let all layers follow the option, or refuse the value: limit the field (`Field(4, ge=1, "
    "le=64, ...)`, Literal), check options that belong together in a model_validator, or `raise "
    'farbench.UserError("heads must divide hidden")` in build.',
    needs=("task_kinds",),
)
def values_are_refused_in_words(subject: MethodSubject) -> None:
    """Look at the method with other values of each option that is no free string."""
    method = subject.method
    for name, option in type(method).model_fields.items():
        if option.annotation is str:
            continue
        others = variants(method, name, subject.words(name))[:2]
        value = getattr(method, name)
        if isinstance(value, int) and not isinstance(value, bool):
            # Half of a value divides what it divides; its neighbours mostly do not.
            near = [with_option(method, name, value + step) for step in (-1, 1)]
            near.append(_shrunk(subject, name, value))
            others = [*others[:1], *(other for other in near if other is not None)]
        for other in others:
            look(subject, other)
    if subject.odd:
        changed = min(subject.odd, key=len)  # the fewest options
        error = subject.odd[changed]
        if isinstance(error, EmptyParameter):
            raise Broken(f"with {', '.join(changed)} {error}", WIDEN) from error
        raise Broken(f"{', '.join(changed)} raises {told(error)}") from error


def _shrunk(subject: MethodSubject, option: str, value: int) -> Method | None:
    """Return the method with a very large whole number in an option that makes its network smaller.

    Such an option divides something, and what is divided often enough has the width 0. Where
    more of it makes the network larger, or nothing, there is nothing to find, and a million of it
    would take hours.
    """
    doubled, huge = (with_option(subject.method, option, one) for one in (2 * value, HUGE))
    if doubled is None or huge is None:
        return None
    try:
        size, smaller = (
            count_parameters(subject.build(method.stages()[-1].method))
            for method in (subject.method, doubled)
        )
    except EmptyParameter:
        return doubled
    except Exception:  # the doubled value is refused, or is for another check to find
        return None
    return huge if smaller < size else None


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
