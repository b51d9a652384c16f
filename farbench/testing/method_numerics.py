"""A method's contract, on computing: saving, seeds, precision, and batches of any kind."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from farbench.data.batches import Batch
from farbench.errors import UserError
from farbench.plugins.method import Method
from farbench.running.costs import image_flops
from farbench.testing.checks import Broken, Contract, NotTried, told
from farbench.testing.method_building import called, require_outputs
from farbench.testing.method_subject import MethodSubject, compute_for, forward
from farbench.testing.option_effects import works_with
from farbench.testing.problems import HALVES, SIDE
from farbench.training.device import Forward

NUMERICS: Contract[MethodSubject] = Contract()

OTHER_SIDES = (96, 75)
"""Other sizes of the image; the second one is no multiple of anything."""


@NUMERICS.line(
    "Weights saved by the state dict and loaded into another network give the same outputs.",
    why="Export, prediction and later stages load the saved weights; what is not among "
    "them is lost.",
    mend="Register what the output depends on: parameters, buffers "
    '(`self.register_buffer("shift", shift)`), modules in ModuleList or ModuleDict; '
    "draw no random numbers into plain attributes; share no tensor.",
    needs=("outputs",),
)
def weights_survive_saving(subject: MethodSubject) -> None:
    """Save after a step, as the core does, and load into a network of another seed."""
    from safetensors.torch import load, save

    trained, other = subject.trial(), subject.trial(seed=1)
    trained.step()
    saved = save({k: value.contiguous() for k, value in trained.network.state_dict().items()})
    try:
        other.network.load_state_dict(load(saved))
    except RuntimeError as error:
        raise Broken(f"the state dict does not load: {' '.join(str(error).split())}") from error
    _require_same(trained.predict(), other.predict())


@NUMERICS.line(
    "The seed decides everything: built and trained for a step twice, a network gives the same "
    "numbers.",
    why="Who runs it again must get the same table, also after a restart.",
    mend="Draw random numbers from torch's generator alone (`torch.rand`, not numpy's, "
    "random's or the clock), and keep nothing between two builds.",
    needs=("outputs",),
)
def same_seed_same_result(subject: MethodSubject) -> None:
    """Build, take a step and predict, twice."""

    def result() -> dict[str, Tensor]:
        trial = subject.trial()
        torch.manual_seed(1)
        trial.step()
        return trial.predict()

    _require_same(result(), result())


@NUMERICS.line(
    "In eval mode the same batch gives the same output.",
    why="Scores would be others each time that they are computed.",
    mend="Give functional dropout its mode, `dropout(x, p, training=self.training)`, or "
    "use nn.Dropout.",
    needs=("outputs",),
)
def eval_repeats(subject: MethodSubject) -> None:
    """Call a network twice in eval mode."""
    trial = subject.trial()
    _require_same(trial.predict(), trial.predict())


@NUMERICS.line(
    "In eval mode an image gets the same output alone as in a batch.",
    why="`farbench predict` may see a single face; the table was made from batches.",
    mend="Flatten with `x.flatten(1)`, never squeeze() without a dimension; take no "
    "statistics over the batch in eval mode.",
    needs=("eval_repeats",),
)
def one_image(subject: MethodSubject) -> None:
    """Compare a batch of 1 with its place in a batch."""
    trial = subject.trial()
    batch = trial.batch
    masks = None if batch.masks is None else batch.masks[:1]
    alone = trial.predict(Batch(batch.images[:1], masks, {}, np.arange(1)))
    require_outputs(alone, trial.problem, "a batch of 1", count=1)
    first = {name: value[:1] for name, value in trial.predict().items()}
    _require_same(alone, first, tolerance=1e-3)


@NUMERICS.line(
    "An image is predicted under `torch.inference_mode()`, and torch's counter counts its "
    "operations.",
    why="The core predicts so, and tables of costs show the FLOPs of a row.",
    mend="Take no gradients in eval mode, change no tensor that was made elsewhere, and build "
    "layers from torch's own (a matrix product, `@`, einsum and convolutions are counted).",
    needs=("one_image",),
)
def costs_are_counted(subject: MethodSubject) -> str:
    """Count as a cell does, after its training."""
    trial = subject.trial(count=1)
    network, batch = trial.network.eval(), trial.batch
    run = Forward(network, trial.problem.tasks, compute_for(network), batch.masks is not None)
    flops = image_flops(run, batch)
    if not flops:
        raise Broken("no operation is counted")
    return f"{flops / 1e9:.3g} GFLOPs an image of {SIDE} px"


@NUMERICS.line(
    "Networks train under autocast to bfloat16: finite outputs and gradients.",
    why="Protocols may ask for it, to train faster on a GPU.",
    mend="Let autocast choose types: no .half() or .float() on parts, no tensors of a "
    "fixed type made in forward (use `x.new_zeros(...)`, `masks.to(x.dtype)`).",
    needs=("outputs",),
)
def bfloat16(subject: MethodSubject) -> None:
    """Take a step under autocast."""
    trial = subject.trial()
    for name, gradient in trial.step("bfloat16").items():
        if gradient is not None and not torch.isfinite(gradient).all():
            raise Broken(f"the gradient of {name} is not finite")
    _require_finite(trial.predict(precision="bfloat16"), "under bfloat16")


@NUMERICS.line(
    "Networks work in the memory format channels_last, which the core uses.",
    why="It is the faster one for convolutions, and `view` cannot read it.",
    mend="Use reshape or flatten instead of view on feature maps: `x.flatten(1)`.",
    needs=("eval_repeats",),
)
def channels_last(subject: MethodSubject) -> None:
    """Compare outputs in both memory formats, and take a step."""
    trial = subject.trial()
    usual = trial.predict()
    trial.network.to(memory_format=torch.channels_last)
    _require_same(usual, trial.predict(), tolerance=1e-3)
    trial.step()


@NUMERICS.line(
    f"Other image sizes work: {OTHER_SIDES[0]} px, and an odd one like {OTHER_SIDES[1]} px, which "
    "may be refused by a UserError.",
    why="Protocols differ in the side of the images.",
    mend="Pool to a fixed grid (adaptive pooling, `nn.AdaptiveAvgPool2d(4)`) before linear "
    "layers, or make them for problem.image_size; resize masks to what a map "
    "measures.",
    needs=("outputs",),
)
def another_size(subject: MethodSubject) -> str | None:
    """Build for other sizes and call the networks."""
    note = None
    for side in OTHER_SIDES:
        problem = subject.problem(subject.tasks, side)
        for stage in subject.method.stages():
            try:
                given = called(subject, stage.method, problem)
            except UserError as error:
                if side == OTHER_SIDES[0]:
                    raise
                note = f"{side} px refused: {error}"
                break
            except Exception as error:
                raise Broken(f"images of {side} px: {told(error)}") from error
            require_outputs(given, problem, f"images of {side} px")
    return note


@NUMERICS.line(
    "A method with an option `grouping` works with other groupings: another number of groups, "
    "other members.",
    why="Groupings are compared by this option.",
    mend="Take the groups from `problem.groups(self.grouping)`: as many heads as there are "
    "groups, columns as Group.columns says.",
    needs=("outputs",),
)
def other_groups(subject: MethodSubject) -> str:
    """Build with every other grouping that covers the attributes, and call the network."""
    if "grouping" not in subject.plugin.model_fields:
        raise NotTried("there is no option `grouping`")
    problem = subject.problem(subject.tasks)
    wanted = [name for name in ("ps_mcnn", HALVES.name) if name in subject.groupings]

    def attempt(method: Method) -> None:
        require_outputs(called(subject, method, problem), problem, "with other groups")

    for name in wanted:
        try:
            works = works_with(subject.method, "grouping", name, attempt, subject.words)
        except Broken:
            raise
        except Exception as error:
            raise Broken(f"grouping '{name}' ({_count(subject, name)}): {told(error)}") from error
        if not works:
            raise Broken(f"grouping '{name}' ({_count(subject, name)}) is refused")
    return ", ".join(wanted)


@NUMERICS.line(
    "Outputs and gradients are finite for any image, also for one that is black or white all over.",
    why="One such image among thousands makes all weights NaN and ends the run.",
    mend="Add an epsilon where something is divided by a norm or a standard deviation, or "
    "where a logarithm is taken: `x / (x.std() + 1e-6)`.",
    needs=("outputs",),
)
def finite(subject: MethodSubject) -> None:
    """Call the network on a batch with a black and a white image, in train and eval mode."""
    trial = subject.trial()
    trial.batch.images[1], trial.batch.images[2] = 0, 255
    _require_finite(forward(trial.network.train(), trial.problem, trial.batch), "in train mode")
    _require_finite(trial.predict(), "in eval mode")
    for name, gradient in trial.step().items():
        if gradient is not None and not torch.isfinite(gradient).all():
            raise Broken(f"with a black and a white image the gradient of {name} is not finite")


@NUMERICS.line(
    "`pixel_mean` and `pixel_std`, where a network has them, are three numbers each, of pixels in "
    "[0, 1].",
    why="Images are normalised by them; in other units every image is nearly the same.",
    mend="Take them from the trunk (`self.pixel_mean = self.trunk.pixel_mean`), or leave them out.",
    needs=("builds",),
)
def pixel_statistics(subject: MethodSubject) -> None:
    """Look at the attributes."""
    network = subject.build()
    for name, low in (("pixel_mean", 0.0), ("pixel_std", 1e-6)):
        value = getattr(network, name, None)
        if value is None:
            continue
        numbers = torch.as_tensor(value, dtype=torch.float32).flatten()
        if len(numbers) != 3 or numbers.min() < low or numbers.max() > 1:
            raise Broken(f"{name} is {value!r}")


def _require_same(one: dict[str, Tensor], two: dict[str, Tensor], tolerance: float = 0.0) -> None:
    """Compare outputs, exactly or to a share of their size.

    Raises:
        Broken: An output differs.
    """
    for name, value in one.items():
        difference = float((value - two[name]).abs().max())
        size = float(value.abs().max())
        if not difference <= tolerance * max(size, 1.0):
            raise Broken(f"output '{name}' differs by {difference:.3g} (it is up to {size:.3g})")


def _require_finite(outputs: dict[str, Tensor], where: str) -> None:
    for name, value in outputs.items():
        if not torch.isfinite(value).all():
            raise Broken(f"the output '{name}' is not finite {where}")


def _count(subject: MethodSubject, grouping: str) -> str:
    return f"{len(subject.groupings[grouping].groups)} groups"
