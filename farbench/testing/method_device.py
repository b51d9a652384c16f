"""A method's contract, on devices: a network moves as a whole, and leaves nothing behind."""

from __future__ import annotations

import gc
import weakref

import torch
from torch import nn

from farbench.testing.checks import Broken, Contract
from farbench.testing.method_subject import MethodSubject, forward, train
from farbench.testing.no_waiting import CONTRACT, MEND, META, WHY, no_waiting, on_meta
from farbench.testing.problems import cuda_device
from farbench.training.weights import freeze, set_to_train

DEVICE: Contract[MethodSubject] = Contract()


@DEVICE.line(
    "A network moves as a whole: on a CUDA device nothing stays behind, and it trains there.",
    why="What stays behind stops a run on a GPU in its first step.",
    mend="Register tensors as buffers, keep modules in ModuleList or ModuleDict, and make "
    "tensors in forward on the device of the images (`images.new_zeros(...)`, "
    "`device=images.device`).",
    needs=("task_kinds",),
)
def moves_to_the_device(subject: MethodSubject) -> None:
    """Place the network as the core does, look where its tensors are, and take a step."""
    device = cuda_device()
    problem = subject.problem(subject.tasks)
    for stage in subject.method.stages():
        network = subject.build(stage.method, problem)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name, value in (*network.named_parameters(), *network.named_buffers()):
            if value.device.type != device.type:
                raise Broken(f"{name} stays on {value.device}")
        batch = subject.batch(problem, method=stage.method)
        train(network, stage, problem, batch, precision="bfloat16")
        for name, value in forward(network, problem, batch).items():
            if value.device.type != device.type:
                raise Broken(f"the output '{name}' is on {value.device}")


@DEVICE.line(CONTRACT, why=WHY, mend=MEND, needs=("outputs",))
def never_waits(subject: MethodSubject) -> None:
    """Take a forward and a backward pass of every stage on a device that holds no values."""
    problem = subject.problem(subject.tasks)
    for stage in subject.method.stages():
        network = on_meta(subject.build(stage.method, problem))
        freeze(network, stage.frozen)
        set_to_train(network, stage.frozen)
        batch = subject.batch(problem, method=stage.method)
        side = problem.image_size
        images = torch.empty(len(batch.positions), 3, side, side, device=META)
        masks = [] if batch.masks is None else [on_meta(batch.masks.float())]
        with no_waiting():
            outputs = network(images, *masks)
            loss = torch.stack([outputs[task.name].square().mean() for task in problem.tasks]).sum()
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]


@DEVICE.line(
    "Nothing is left when a network is gone: neither the network nor memory on the device.",
    why="A table is dozens of networks in one process: what each leaves behind adds up.",
    mend="Keep no network, tensor or cache in the class, the module or a global; hooks that hold "
    "their network must be removed.",
    needs=("outputs",),
)
def nothing_is_left(subject: MethodSubject) -> None:
    """Build, train and drop a network; see whether anything still holds it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def use() -> weakref.ref[nn.Module]:
        trial = subject.trial()
        trial.network.to(device)
        trial.step()
        return weakref.ref(trial.network)

    if device.type == "cuda":
        use()  # libraries keep workspaces of their own from the first time on
    before = _memory(device)
    network = use()
    gc.collect()
    if network() is not None:
        raise Broken("something still holds the network after its last user is gone")
    left = _memory(device) - before
    if left > 0:
        raise Broken(f"{left:,} bytes stay allocated on the device")


def _memory(device: torch.device) -> int:
    if device.type != "cuda":
        return 0
    gc.collect()
    torch.cuda.synchronize()
    return int(torch.cuda.memory_allocated())
