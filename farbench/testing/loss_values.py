"""A loss's contract, on what it gives: one finite number, gradients that lead to the labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import TrainStatistics
from farbench.testing.checks import Broken, Contract, NotTried
from farbench.testing.loss_subject import LossSubject, drawn, known_entries, stepped
from farbench.testing.plugin_checks import PLUGIN
from farbench.testing.problems import TASKS

DESCENT = 60
"""Steps down a loss, each of which moves every output by :data:`STRIDE` at most."""
STRIDE = 0.05


VALUES: Contract[LossSubject] = Contract(*PLUGIN.checks)


@VALUES.line(
    "`tasks` names the kinds of tasks that the loss is made for, and it builds a torch module for "
    "each.",
    why="A benchmark is refused by this where a task would get a loss that is not made for it.",
    mend=f"Choose kinds of {', '.join(TASKS)}; build from the task and its statistics alone.",
    raised="Mend what is raised at that line. `build(task, statistics)` is called for each kind in "
    "`tasks`; statistics that a kind does not have are empty.",
)
def builds(subject: LossSubject) -> str:
    """Build the module for every kind."""
    kinds = subject.plugin.tasks
    unknown = [kind for kind in kinds if kind not in TASKS]
    if unknown or not kinds:
        raise Broken(f"tasks is {kinds!r}")
    for kind in kinds:
        module = subject.build(kind)
        if not isinstance(module, nn.Module):
            raise Broken(f"for {kind}, build gives {type(module).__name__}")
    return ", ".join(kinds)


@VALUES.line(
    "The module maps outputs (N, task.outputs) and targets to one finite float32 number.",
    why="Training follows this one number.",
    mend="Reduce to a scalar: the mean over known labels, `(values * known).sum() / "
    "known.sum().clamp(min=1)`, or their sum divided by the images.",
    raised="Mend what is raised at that line. Outputs are (N, task.outputs), and targets too; for "
    "classes and identity they are (N,). `statistics.prevalence` has task.outputs entries.",
    needs=("builds",),
)
def scalar(subject: LossSubject) -> None:
    """Call the module on usual outputs, on a batch of 1 and on outputs of plus and minus 100."""
    for kind in subject.plugin.tasks:
        outputs, targets = drawn(kind)
        for what, some in {
            "": slice(None),
            " for a batch of 1": slice(1),
        }.items():
            value = subject.build(kind)(outputs[some], targets[some])
            if not isinstance(value, Tensor) or value.shape != ():
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise Broken(f"for {kind} the loss is {shape}{what}")
            if value.dtype != torch.float32 or not torch.isfinite(value):
                raise Broken(f"for {kind} the loss is {value.dtype} {value.item()}{what}")
        far = (100 * outputs.detach().sign()).requires_grad_()
        value, gradient = stepped(subject.build(kind), far, targets)
        if not torch.isfinite(value) or not torch.isfinite(gradient).all():
            raise Broken(
                f"for {kind} loss or gradient is not finite where outputs are 100 and -100",
                "Compute from logits with logsigmoid or log_softmax, not with log(sigmoid(x)).",
            )


@VALUES.line(
    "The loss trains the network: its gradient reaches the outputs, and its own parameters, if it "
    "has any, learn.",
    why="Without it nothing is learned, and the table shows the prior.",
    mend="Do not detach outputs; use every parameter.",
    needs=("scalar",),
)
def gradients(subject: LossSubject) -> None:
    """Take a backward pass."""
    for kind in subject.plugin.tasks:
        module = subject.build(kind)
        outputs, targets = drawn(kind)
        _, gradient = stepped(module, outputs, targets)
        if not gradient.any() or not torch.isfinite(gradient).all():
            raise Broken(f"for {kind} the gradient of the outputs is zero or not finite")
        for name, value in module.named_parameters():
            if value.requires_grad and (value.grad is None or not value.grad.any()):
                raise Broken(f"for {kind} the loss's own parameter {name} gets no gradient")


@VALUES.line(
    "Going down the loss brings outputs to their labels: attributes to the right side of 0, the "
    "class to the top, numbers and points nearer than half as far as before.",
    why="A wrong sign, or labels taken the other way round, trains as smoothly as anything else.",
    mend="Compare with a loss that ships: `values = binary_cross_entropy_with_logits(outputs, "
    "targets, reduction='none')`; targets are 1 for yes and 0 for no, an output above 0 is a yes; "
    "numbers are in standard units.",
    needs=("gradients",),
)
def leads_to_the_labels(subject: LossSubject) -> None:
    """Move outputs, which begin at nothing, against the sign of their gradient."""
    kinds = [kind for kind in subject.plugin.tasks if kind != "identity"]
    if not kinds:
        raise NotTried("of an identity outputs are an embedding, which has no label to come to")
    for kind in kinds:
        module, (begun, targets) = subject.build(kind), drawn(kind)
        outputs = torch.zeros_like(begun)
        start = _away(kind, outputs, targets)
        for _ in range(DESCENT):
            _, gradient = stepped(module, outputs.requires_grad_(), targets)
            outputs = outputs.detach() - STRIDE * gradient.sign()
        end = _away(kind, outputs, targets)
        if end > start / 2:
            what = "labels missed" if kind in ("attributes", "classes") else "mean distance"
            raise Broken(f"for {kind}, after {DESCENT} steps: {what} {end:.2f}, before {start:.2f}")


def _away(kind: str, outputs: Tensor, targets: Tensor) -> float:
    """Return the share of labels that outputs miss (0 is undecided), or their mean distance."""
    if kind == "attributes":
        return float((outputs.sign() != 2 * targets - 1).float().mean())
    if kind == "classes":
        chosen = outputs.gather(1, targets[:, None])
        others = outputs.scatter(1, targets[:, None], -torch.inf).amax(1, keepdim=True)
        return float((chosen <= others).float().mean())
    return float((outputs - targets).abs().mean())


@VALUES.line(
    "An unknown label (-1, or NaN for numbers and points) adds nothing to the value, the gradient "
    "or the state.",
    why="Of joined data sets each lacks labels of the others: most may be unknown.",
    mend="Mask before anything is computed: torch.where(known, outputs - targets, 0.0), clamp the "
    "targets, multiply by `known`; 0 * NaN is NaN.",
    needs=("scalar",),
)
def unknown_adds_nothing(subject: LossSubject) -> None:
    """Change the outputs beside unknown labels and see whether anything notices."""
    for kind in subject.plugin.tasks:
        outputs, targets = drawn(kind, unknown=0.3)
        hidden = ~known_entries(kind, targets)
        moved = torch.where(hidden, outputs.detach() + 3, outputs.detach()).requires_grad_()
        first, second = subject.build(kind), subject.build(kind)
        value, gradient = stepped(first, outputs, targets)
        other, _ = stepped(second, moved, targets)
        if not torch.isfinite(value) or not torch.isfinite(gradient).all():
            raise Broken(f"for {kind} loss or gradient is not finite where a label is unknown")
        if gradient.masked_select(hidden.expand_as(gradient)).any():
            raise Broken(f"for {kind} outputs without a known label get a gradient")
        if not torch.isclose(value, other, rtol=1e-5, atol=1e-7):
            raise Broken(
                f"for {kind} the loss goes from {value:.6g} to {other:.6g} when outputs without a "
                "known label change"
            )
        for name, left in first.state_dict().items():
            if not torch.allclose(left, second.state_dict()[name], rtol=1e-5, atol=1e-7):
                raise Broken(f"for {kind} outputs without a known label change the state {name}")


@VALUES.line(
    "A batch without any known label gives 0, and no NaN in any gradient.",
    why="Such batches occur where data sets are joined, and one NaN makes all weights NaN.",
    mend="Divide by known.sum().clamp(min=1), not by known.sum() or by mean() of a selection.",
    needs=("scalar",),
)
def all_unknown_is_zero(subject: LossSubject) -> None:
    """Hide every label."""
    for kind in subject.plugin.tasks:
        module = subject.build(kind)
        outputs, targets = drawn(kind, unknown=1.0)
        value, gradient = stepped(module, outputs, targets)
        if value != 0:
            raise Broken(f"for {kind} the loss of a batch without labels is {value.item()}")
        if gradient.any() or not torch.isfinite(gradient).all():
            raise Broken(f"for {kind} a batch without labels gives a gradient")
        for name, parameter in module.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                raise Broken(f"for {kind} the gradient of {name} is not finite without labels")


@VALUES.line(
    "For attributes it can be built for some of them alone, down to one.",
    why="A task weighting over groups gives each group a loss of its own.",
    mend="Take the number of attributes from the task (`task.outputs`), and prevalences "
    "from the statistics given.",
    needs=("scalar",),
)
def one_attribute(subject: LossSubject) -> None:
    """Build for three attributes and for one."""
    if "attributes" not in subject.plugin.tasks:
        raise NotTried("it is not made for attributes")
    outputs, targets = drawn("attributes")
    for names in (("Smiling", "Male", "Young"), ("Smiling",)):
        task = BinaryAttributes("traits", names)
        module = subject.instance.build(
            task, TrainStatistics(prevalence=(0.5, 0.4, 0.1)[: len(names)])
        )
        value = module(outputs[:, : len(names)], targets[:, : len(names)])
        if value.shape != () or not torch.isfinite(value):
            raise Broken(f"the loss of {len(names)} attributes is {value}")
