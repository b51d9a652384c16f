"""The contract of a task weighting: a scalar, honest weights, its own learning, absent terms."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from farbench.errors import UserError
from farbench.plugins.weighting import TaskWeighting
from farbench.testing.checks import Broken, Contract, NotTried
from farbench.testing.no_waiting import CONTRACT, MEND, WHY, no_waiting, on_meta
from farbench.testing.option_effects import require_effects
from farbench.testing.plugin_checks import PLUGIN
from farbench.testing.problems import cuda_device
from farbench.testing.weighting_subject import (
    LOSSES,
    TERMS,
    WeightingSubject,
    end_epoch,
    seen_in_training,
    stepped,
    train,
)

WEIGHTING: Contract[WeightingSubject] = Contract(*PLUGIN.checks)


@WEIGHTING.line(
    "`build(terms, feature_size)` gives a torch module that maps losses (T,) to a finite scalar "
    "and finite weights (T,); features are None unless `needs_features`.",
    why="The scalar is minimised; the weights are written to terms.csv.",
    mend="End with `return (weights * losses).sum(), weights.detach()`; set "
    "`needs_features: ClassVar[bool] = True` if features are used.",
)
def scalar_and_weights(subject: WeightingSubject) -> None:
    """Call the module on three losses."""
    module = subject.build()
    if not isinstance(module, nn.Module):
        raise Broken(f"build gives {type(module).__name__}")
    given = module(torch.tensor(LOSSES, requires_grad=True), subject.features())
    if not isinstance(given, tuple) or len(given) != 2:
        raise Broken(f"the module returns {type(given).__name__}, not a scalar and weights")
    total, weights = given
    for what, value, shape in (("scalar", total, ()), ("weights", weights, (len(TERMS),))):
        if not isinstance(value, Tensor) or tuple(value.shape) != shape:
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise Broken(f"the {what} have the shape {found}, not {shape}")
        if not torch.isfinite(value).all():
            raise Broken(f"the {what} are {value.tolist()}")


@WEIGHTING.line(
    "The weights are detached: they are records.",
    why="Records with a graph behind them keep the memory of every step.",
    mend="Return weights.detach(), or compute them under torch.no_grad().",
    needs=("scalar_and_weights",),
)
def weights_are_detached(subject: WeightingSubject) -> None:
    """Look whether the weights carry a gradient."""
    losses = torch.tensor(LOSSES, requires_grad=True)
    if subject.build()(losses, subject.features())[1].requires_grad:
        raise Broken("the weights that are returned require a gradient")


@WEIGHTING.line(
    "The weights are what each term is weighed by: the gradient of the scalar by each loss.",
    why="Who reads terms.csv takes them for what trained the network.",
    mend="Return the factors as they are after normalising; keep them out of the graph (detach) "
    "where they are computed from the losses.",
    needs=("scalar_and_weights",),
)
def weights_are_true(subject: WeightingSubject) -> None:
    """Compare the weights with the gradient of the losses over some steps."""
    module = subject.build()
    for step in range(4):
        losses = (torch.tensor(LOSSES) * 0.9**step).requires_grad_()
        total, weights = module(losses, subject.features())
        (gradient,) = torch.autograd.grad(total, losses, retain_graph=True, allow_unused=True)
        if gradient is None or not torch.allclose(gradient, weights, rtol=1e-3, atol=1e-5):
            found = "nothing" if gradient is None else gradient.tolist()
            raise Broken(
                f"in step {step + 1} the gradient of the losses is {found} and the weights say "
                f"{weights.tolist()}"
            )


@WEIGHTING.line(
    "Parameters of the module, if it has any, learn from the scalar.",
    why="A weight that is said to be learned would stay what it began as.",
    mend="Let the scalar depend on them: what the losses' gradient must not see is cut off with "
    "detach on the losses, not on the parameters.",
    needs=("scalar_and_weights",),
)
def own_parameters_learn(subject: WeightingSubject) -> str:
    """Take a backward pass and look at the parameters."""
    module = subject.build()
    names = [name for name, value in module.named_parameters() if value.requires_grad]
    if not names:
        raise NotTried("there are no parameters")
    stepped(module, torch.tensor(LOSSES), subject.features())
    for name, value in module.named_parameters():
        if value.requires_grad and (value.grad is None or not value.grad.any()):
            raise Broken(f"parameter {name} gets no gradient")
    return f"{len(names)} parameters"


@WEIGHTING.line(
    "A term without labels in the batch has the loss 0: scalar, weights and gradients stay finite, "
    "in the first step and in later ones.",
    why="Such batches occur where data sets are joined.",
    mend="Add an epsilon where losses are divided by or taken the logarithm of, and keep "
    "averages of a term while its loss is 0: `torch.where(losses > 0, moved, "
    "self.average)`.",
    needs=("scalar_and_weights",),
)
def absent_terms(subject: WeightingSubject) -> None:
    """Put zeros among the losses, then only zeros, then the usual losses."""
    module = subject.build()
    for losses in ((0.0, 0.4, 0.0), (0.0, 0.0, 0.0), LOSSES, (0.9, 0.0, 1.7), (0.0, 0.0, 0.0)):
        total, weights, gradient = stepped(module, torch.tensor(losses), subject.features())
        values = [total, weights, gradient, *(p.grad for p in module.parameters())]
        if not all(torch.isfinite(value).all() for value in values if value is not None):
            raise Broken(
                f"with losses of {losses} the scalar is {total.item():.3g}, the weights "
                f"{weights.tolist()}, or a gradient is not finite"
            )
    end_epoch(module, torch.zeros(len(TERMS)))
    total, weights, _ = stepped(module, torch.tensor(LOSSES), subject.features())
    if not torch.isfinite(total) or not torch.isfinite(weights).all():
        raise Broken("after an epoch without labels the scalar or the weights are not finite")


@WEIGHTING.line(
    "State that training builds up survives a restart: it is in the state dict.",
    why="A run that was stopped must go on as if it had not been.",
    mend="Keep averages and counters in buffers: self.register_buffer(name, torch.zeros(...)).",
    needs=("scalar_and_weights",),
)
def state_survives_saving(subject: WeightingSubject) -> None:
    """Go on after two epochs with the module, and with another that has loaded its state."""
    module, other = subject.build(), subject.build(seed=1)
    train(module, subject)
    other.load_state_dict(copy.deepcopy(module.state_dict()))
    results = []
    for one in (module, other):
        torch.manual_seed(3)
        total, weights, _ = stepped(one, torch.tensor(LOSSES), subject.features())
        results.append([total.item(), *weights.tolist()])
    if results[0] != results[1]:
        raise Broken(f"the next step gives {results[0]}, after a restart {results[1]}")


@WEIGHTING.line(
    "The seed decides everything: the same steps give the same numbers.",
    why="Who runs it again must get the same table, also after a restart.",
    mend="Draw random numbers from torch's generator alone, and keep nothing in the class.",
    needs=("scalar_and_weights",),
)
def same_seed_same_result(subject: WeightingSubject) -> None:
    """Take the same steps with two modules."""
    if seen_in_training(subject, subject.instance) != seen_in_training(subject, subject.instance):
        raise Broken("two modules of one seed go different ways")


@WEIGHTING.line(
    "`learning_rate(rate)` gives the rate of the module's own parameters: a number above 0.",
    why="The optimizer takes it for them.",
    mend="Return the network's rate, `return learning_rate`, a multiple of it, or an "
    "option of your own.",
)
def learning_rate(subject: WeightingSubject) -> None:
    """Ask for the rate."""
    rate = subject.instance.learning_rate(1e-3)
    if not isinstance(rate, int | float) or not math.isfinite(rate) or rate <= 0:
        raise Broken(f"learning_rate(0.001) gives {rate!r}")


@WEIGHTING.line(
    "Every option of its own changes something: the scalar, weights, gradients, state or learning "
    "rate.",
    why="An option that does nothing gives two rows of a table that differ in name alone.",
    mend="Use the option, or remove it.",
    needs=("scalar_and_weights",),
)
def options_change_something(subject: WeightingSubject) -> str | None:
    """Train for two epochs with another value of each option; `over` and `grouping` are core's."""
    own = [name for name in subject.plugin.model_fields if name not in TaskWeighting.model_fields]

    def look(weighting: TaskWeighting) -> str | None:
        try:
            return seen_in_training(subject, weighting)
        except UserError:
            return None

    return require_effects(
        subject.instance, own, subject.untested_options, [look], lambda option: TERMS
    )


@WEIGHTING.line(
    "The module moves as a whole: on a CUDA device nothing stays behind.",
    why="What stays behind stops a run on a GPU in its first step.",
    mend='Register constant weights as buffers (`self.register_buffer("weights", '
    "weights)`); make tensors on losses.device.",
    needs=("scalar_and_weights",),
)
def moves_to_the_device(subject: WeightingSubject) -> None:
    """Take steps on a CUDA device, and end an epoch there."""
    device = cuda_device()
    module = subject.build().to(device)
    features = subject.features()
    losses = torch.tensor(LOSSES, device=device)
    total, weights, _ = stepped(module, losses, None if features is None else features.to(device))
    end_epoch(module, losses)
    if {total.device.type, weights.device.type} != {device.type}:
        raise Broken(f"the scalar is on {total.device}, the weights on {weights.device}")


@WEIGHTING.line(CONTRACT, why=WHY, mend=MEND, needs=("scalar_and_weights",))
def never_waits(subject: WeightingSubject) -> None:
    """Take steps on a device that holds no values, and end an epoch there."""
    module, features = on_meta(subject.build()), subject.features()
    losses = on_meta(torch.tensor(LOSSES))
    features = None if features is None else on_meta(features.detach()).requires_grad_()
    with no_waiting():
        stepped(module, losses, features)
        end_epoch(module, losses)
        stepped(module, losses, features)
