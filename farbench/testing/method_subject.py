"""A method under check: small stand-ins for its backbone, its networks, steps, and looks at it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from farbench.data.batches import Batch
from farbench.errors import UserError
from farbench.plugins.grouping import Grouping
from farbench.plugins.method import Method, Problem, Stage
from farbench.tasks.base import Task
from farbench.testing.other_values import with_option
from farbench.testing.plugin_checks import PluginSubject
from farbench.testing.problems import (
    HALVES,
    SIDE,
    STATISTICS,
    TASKS,
    drawn_batch,
)
from farbench.training.device import Compute, Forward
from farbench.training.empty_layers import build_without_empty_layers
from farbench.training.weights import freeze, set_to_train

BACKBONES = (
    "resnet10t",
    "mobilenetv3_small_050",
    "test_efficientnet",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
)
"""Small timm backbones that stand in for the option `backbone`, in the order they are tried."""

WIDTHS = (0.25, 0.5)
"""What stands in for the option `width`, a factor on channels."""

COUNT = 3
"""Images in a batch."""


@dataclass
class MethodSubject(PluginSubject[Method]):
    """A method and what it is tried with.

    Attributes:
        groupings: Groupings that problems know, beside one of two groups of the test's own.
        stand_ins: Options that were made small: those that were not given.
        method: The method with the given options and the stand-ins.
        odd: What went wrong, other than by a UserError, with other values of options:
            ("heads=3",) -> the error.
        networks_seen: Digests of networks that were looked at already.
    """

    groupings: Mapping[str, Grouping] = field(default_factory=dict)
    stand_ins: dict[str, Any] = field(default_factory=dict, init=False)
    odd: dict[tuple[str, ...], Exception] = field(default_factory=dict, init=False)
    networks_seen: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Find small stand-ins for a backbone and a width that were not given.

        Raises:
            UserError: An option is unknown or wrong.
        """
        super().__post_init__()
        self.groupings = {**self.groupings, HALVES.name: HALVES}
        self.method = self.instance
        for option, values in (("width", WIDTHS), ("backbone", BACKBONES)):
            if option in self.plugin.model_fields and option not in self.options:
                self._stand_in(option, values)

    def _stand_in(self, option: str, values: Sequence[Any]) -> None:
        """Take the first value with which a network is built, else the first valid one."""
        valid = [m for value in values if (m := with_option(self.method, option, value))]
        for method in valid:
            try:
                self.build(method)
            except Exception:
                continue
            self.method = method
            break
        else:
            self.method = valid[0] if valid else self.method
        self.stand_ins[option] = getattr(self.method, option)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """A task of each kind that the method says it can predict."""
        kinds = self.plugin.task_kinds or tuple(TASKS)
        return tuple(task for kind, task in TASKS.items() if kind in kinds)

    def words(self, option: str) -> Sequence[str]:
        """Return what a free string in an option may be: groupings, backbones, names of groups."""
        if option == "grouping":
            return list(self.groupings)
        if option == "backbone":
            return BACKBONES
        grouping = self.groupings.get(getattr(self.method, "grouping", ""))
        return list(grouping.groups) if grouping else []

    def problem(self, tasks: Sequence[Task] = (), side: int = SIDE) -> Problem:
        """Return a problem; without tasks it has the one that comes first of :attr:`tasks`."""
        chosen = tuple(tasks) or self.tasks[:1]
        return Problem(chosen, side, STATISTICS, pretrained=False, groupings=self.groupings)

    @property
    def last(self) -> Stage:
        """The last stage, whose network predicts."""
        return self.method.stages()[-1]

    def build(
        self, method: Method | None = None, problem: Problem | None = None, seed: int = 0
    ) -> nn.Module:
        """Build a network, the last stage's if no method is named; its weights are the seed's.

        Raises:
            EmptyParameter: A layer has the width 0.
        """
        torch.manual_seed(seed)
        chosen, of = method or self.last.method, problem or self.problem()
        return build_without_empty_layers(lambda: chosen.build(of))

    def batch(
        self, problem: Problem, count: int = COUNT, method: Method | None = None, seed: int = 0
    ) -> Batch:
        """Return a batch for a problem, with masks if the method asks for them."""
        request = (method or self.last.method).mask_request()
        groups = None if request is None else len(problem.groups(request.grouping))
        return drawn_batch(count, groups, problem.image_size, seed)

    def trial(self, count: int = COUNT, seed: int = 0) -> Trial:
        """Return the last stage's network for all tasks, its weights the seed's, and a batch."""
        problem = self.problem(self.tasks)
        return Trial(
            self.last, self.build(problem=problem, seed=seed), problem, self.batch(problem, count)
        )


@dataclass(frozen=True)
class Trial:
    """A network and what it is tried on."""

    stage: Stage
    network: nn.Module
    problem: Problem
    batch: Batch

    def step(self, precision: str = "float32") -> dict[str, Tensor | None]:
        """Take a training step; see :func:`train`."""
        return train(self.network, self.stage, self.problem, self.batch, precision=precision)

    def predict(self, batch: Batch | None = None, precision: str = "float32") -> dict[str, Tensor]:
        """Call the network in eval mode, on its batch if no other one is given."""
        with torch.no_grad():
            given: dict[str, Tensor] = forward(
                self.network.eval(), self.problem, batch or self.batch, precision
            )
        return given


def forward(network: nn.Module, problem: Problem, batch: Batch, precision: str = "float32") -> Any:
    """Call a network as the core does and return what it returns, unchecked."""
    compute = compute_for(network, precision)
    images = Forward(network, problem.tasks, compute, masked=False).images(batch)
    masks = [] if batch.masks is None else [batch.masks.to(compute.device).float()]
    with compute.autocast():
        return network(images, *masks)


def compute_for(network: nn.Module, precision: str = "float32") -> Compute:
    """Return the core's record of a network's device, and a precision."""
    device = next(network.parameters(), torch.zeros(())).device
    return Compute(device, precision, torch.get_num_threads())


def stand_in_loss(outputs: Mapping[str, Tensor], tasks: Iterable[Task]) -> Tensor:
    """Return a scalar that every output of every task has a share in."""
    generator = torch.Generator().manual_seed(3)
    costs = []
    for task in tasks:
        output = outputs[task.name]
        goal = torch.randn(output.shape, generator=generator).to(output.device)
        costs.append((output - goal).square().mean())
    return torch.stack(costs).sum()


def train(
    network: nn.Module,
    stage: Stage,
    problem: Problem,
    batch: Batch,
    steps: int = 1,
    precision: str = "float32",
) -> dict[str, Tensor | None]:
    """Take steps as the core does: frozen modules in eval mode, outputs in float32.

    Returns:
        Of each parameter that is trained the sum of the absolute gradients, None if there was
        none in any step.
    """
    freeze(network, stage.frozen)
    set_to_train(network, stage.frozen)
    named = {k: value for k, value in network.named_parameters() if value.requires_grad}
    seen: dict[str, Tensor | None] = dict.fromkeys(named)
    optimizer = torch.optim.Adam(named.values(), lr=1e-3) if named else None
    compute = compute_for(network, precision)
    run = Forward(network, problem.tasks, compute, batch.masks is not None)
    for _ in range(steps):
        loss = stand_in_loss(run(batch), problem.tasks)
        network.zero_grad(set_to_none=True)
        if not loss.requires_grad:
            continue
        loss.backward()  # type: ignore[no-untyped-call]
        for name, value in named.items():
            if value.grad is not None:
                before = seen[name]
                size = value.grad.detach().abs()
                seen[name] = size if before is None else before + size
        if optimizer is not None:
            optimizer.step()
    return seen


def look(subject: MethodSubject, method: Method, side: int = SIDE) -> str | None:
    """Return a digest of all that options can change; None where the method refuses to build.

    That is, of each stage: its name, what is frozen, names and shapes of parameters and buffers,
    gradients of a step, outputs after it; and which masks are asked for.
    """
    try:
        seen: list[object] = [method.mask_request()]
        for stage in method.stages():
            network = _look_at_network(subject, stage.method, side)
            seen.append((stage.name, sorted(stage.frozen), network))
    except UserError:
        return None
    except Exception as error:
        changed = [
            name for name, value in dict(method).items() if value != getattr(subject.method, name)
        ]
        if set(changed) <= set(subject.stand_ins):
            # The stand-ins were chosen to suit the given options: it may be those that do not fit.
            changed = [*subject.options, *changed]
        subject.odd[tuple(f"{name}={getattr(method, name)!r}" for name in changed)] = error
        return None
    return repr(seen)


def _look_at_network(subject: MethodSubject, method: Method, side: int) -> str:
    key = f"{side} {method!r}"
    if key not in subject.networks_seen:
        subject.networks_seen[key] = _digest(subject, method, side)
    return subject.networks_seen[key]


def _digest(subject: MethodSubject, method: Method, side: int) -> str:
    problem = subject.problem(subject.tasks, side)
    batch = subject.batch(problem, method=method)
    network = subject.build(method, problem)
    learnt = {name: value.requires_grad for name, value in network.named_parameters()}
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(repr((name, tuple(value.shape), learnt.get(name))).encode())
    torch.manual_seed(1)
    gradients = train(network, Stage("joint", method), problem, batch)
    with torch.no_grad():
        torch.manual_seed(2)
        outputs = forward(network.eval(), problem, batch)
    for name, tensor in (*sorted(gradients.items()), *sorted(outputs.items())):
        digest.update(name.encode())
        if tensor is not None:
            digest.update(tensor.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
