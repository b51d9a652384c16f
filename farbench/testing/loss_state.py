"""A loss's contract, on what it keeps: state, the seed's numbers, its options, its device."""

from __future__ import annotations

import copy

from farbench.errors import UserError
from farbench.plugins.loss import Loss
from farbench.testing.checks import Broken, Contract, told
from farbench.testing.loss_subject import LossSubject, drawn, seen_in_steps, stepped
from farbench.testing.no_waiting import CONTRACT, MEND, WHY, no_waiting, on_meta
from farbench.testing.option_effects import require_effects
from farbench.testing.problems import cuda_device

STATE: Contract[LossSubject] = Contract()


@STATE.line(
    "State that training builds up survives a restart: it is in the state dict.",
    why="A run that was stopped must go on as if it had not been.",
    mend="Keep it in buffers: self.register_buffer(name, torch.zeros(...)), changed in place.",
    needs=("scalar",),
)
def state_survives_saving(subject: LossSubject) -> None:
    """Go on after a few steps with the module, and with another that has loaded its state."""
    for kind in subject.plugin.tasks:
        module, other = subject.build(kind), subject.build(kind, seed=1)
        for seed in range(3):
            stepped(module, *drawn(kind, seed=seed))
        try:
            other.load_state_dict(copy.deepcopy(module.state_dict()))
        except RuntimeError as error:
            raise Broken(f"for {kind} the state does not load: {error}") from error
        batch = drawn(kind, seed=5)
        value, again = (stepped(one, *batch)[0] for one in (module, other))
        if value != again:
            raise Broken(f"for {kind} the next loss is {value:.6g}, after a restart {again:.6g}")


@STATE.line(
    "The seed decides everything: the same steps give the same numbers.",
    why="Who runs it again must get the same table, also after a restart.",
    mend="Draw random numbers from torch's generator alone, and keep nothing in the class.",
    needs=("scalar",),
)
def same_seed_same_result(subject: LossSubject) -> None:
    """Take the same steps with two modules."""
    for kind in subject.plugin.tasks:
        one, two = (seen_in_steps(subject, kind, subject.instance) for _ in range(2))
        if one != two:
            raise Broken(f"for {kind} two modules of one seed go different ways")


@STATE.line(
    "Every option changes something: values, gradients or state, for some kind of task.",
    why="An option that does nothing gives two rows of a table that differ in name alone.",
    mend="Use the option, or remove it.",
    needs=("gradients",),
)
def options_change_something(subject: LossSubject) -> str | None:
    """Take a few steps with another value of each option."""

    def look(loss: Loss) -> str | None:
        try:
            return "".join(seen_in_steps(subject, kind, loss) for kind in subject.plugin.tasks)
        except UserError:
            return None
        except Exception as error:
            changed = [
                f"{name}={value!r}"
                for name, value in dict(loss).items()
                if value != getattr(subject.instance, name)
            ]
            raise Broken(
                f"{', '.join(changed) or 'it'} raises {told(error)}",
                "Limit the field (`Field(2.0, gt=0, ...)`, Literal), or `raise "
                'farbench.UserError("what is allowed")` in build.',
            ) from error

    options = subject.plugin.model_fields
    return require_effects(
        subject.instance, options, subject.untested_options, [look], lambda option: ()
    )


@STATE.line(
    "The module moves as a whole: on a CUDA device nothing stays behind.",
    why="What stays behind stops a run on a GPU in its first step.",
    mend='Register weights as buffers: `self.register_buffer("weight", weight)` '
    "(persistent=False where the state dict need not hold them).",
    needs=("gradients",),
)
def moves_to_the_device(subject: LossSubject) -> None:
    """Take a step on a CUDA device."""
    device = cuda_device()
    for kind in subject.plugin.tasks:
        module = subject.build(kind).to(device)
        outputs, targets = drawn(kind)
        value = module(outputs.to(device), targets.to(device))
        if value.device.type != device.type:
            raise Broken(f"for {kind} the loss is on {value.device}")
        value.backward()


@STATE.line(CONTRACT, why=WHY, mend=MEND, needs=("gradients",))
def never_waits(subject: LossSubject) -> None:
    """Take a step on a device that holds no values."""
    for kind in subject.plugin.tasks:
        module = on_meta(subject.build(kind)).train()
        outputs, targets = (on_meta(tensor.detach()) for tensor in drawn(kind))
        outputs.requires_grad_()
        with no_waiting():
            module(outputs, targets).backward()
