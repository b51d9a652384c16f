"""Where and how a network computes: device, precision, memory format, normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from farbench.data.batches import Batch
from farbench.errors import UserError
from farbench.tasks.base import Task
from farbench.training.distributed import ranks
from farbench.training.micro_batches import Parts
from farbench.training.together import Together

Network = TypeVar("Network", bound=nn.Module)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Compute:
    """A device and the precision that networks run in.

    Attributes:
        device: Where tensors live.
        precision: "float32" or "bfloat16" (autocast; parameters stay float32).
        threads: CPU threads.
        warp: "opencv" or "device": where the cells' images are cropped, flipped and rotated.
        ranks: Processes that train a cell together, each on a device of its own.
        model: The GPU's name where it is another machine's; else it is asked for.
    """

    device: torch.device
    precision: str
    threads: int
    warp: str = "opencv"
    ranks: int = 1
    model: str = ""

    def numerics(self) -> dict[str, object]:
        """Return what of it changes the last bits of a result."""
        kind = "cpu"
        if self.device.type == "cuda":
            kind = self.model or torch.cuda.get_device_name(self.device)
        return {"device": kind, "precision": self.precision, "threads": self.threads}

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context that forward passes run in."""
        if self.precision == "bfloat16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def place(self, network: Network) -> Network:
        """Move a network to the device, channels last (2.3 times as fast on a CPU as well)."""
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def choose_compute(device: str, precision: str, threads: int, warp: str = "opencv") -> Compute:
    """Turn what the user asked for into a device and a precision.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:N"; "cuda=NAME" where another machine has the GPU.
        precision: As of the protocol; here and below "auto" depends on the device.
        threads: CPU threads.
        warp: As of the protocol.

    Raises:
        UserError: The device is unknown or not there.
    """
    name, _, model = device.partition("=")
    if model and torch.cuda.is_available() and torch.cuda.get_device_name() != model:
        raise UserError(
            f"the run is for GPUs of the name '{model}', and here is a "
            f"'{torch.cuda.get_device_name()}'."
        )
    if device == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"unknown device '{device}'. Allowed: auto, cpu, cuda, cuda:N.") from error
    if chosen.type not in ("cpu", "cuda"):
        raise UserError(f"device '{device}' is not supported. Allowed: auto, cpu, cuda, cuda:N.")
    if (
        chosen.type == "cuda"
        and not model
        and (not torch.cuda.is_available() or (chosen.index or 0) >= torch.cuda.device_count())
    ):
        raise UserError(
            f"device '{device}' is not there: {torch.cuda.device_count()} CUDA devices are "
            "visible. Use --device cpu, or --device auto."
        )
    if precision == "auto":
        precision = "bfloat16" if chosen.type == "cuda" else "float32"
    if warp == "auto":
        warp = "device" if chosen.type == "cuda" else "opencv"
    return Compute(chosen, precision, threads, warp, ranks(), model)


class Forward:
    """Runs a network on batches: moves, normalises, calls, returns float32 outputs."""

    def __init__(
        self,
        network: nn.Module,
        tasks: Sequence[Task],
        compute: Compute,
        masked: bool,
        micro_batch: int | None = None,
        *,
        together: bool = False,
    ) -> None:
        """Bind a network.

        Args:
            network: Already placed.
            tasks: The outputs to return.
            compute: Device and precision.
            masked: Whether the network is called with masks.
            micro_batch: In training, pass a batch in parts of at most so many images.
            together: In training, pass a part of each batch; the others are other processes'.
        """
        self.network, self.tasks, self.compute, self.masked = network, tasks, compute, masked
        self.parts = None if micro_batch is None else Parts(network, micro_batch)
        self.together = Together(network) if together else None
        mean = torch.tensor(getattr(network, "pixel_mean", IMAGENET_MEAN), device=compute.device)
        std = torch.tensor(getattr(network, "pixel_std", IMAGENET_STD), device=compute.device)
        self._scale = (1 / (255 * std)).view(1, 3, 1, 1)
        self._shift = (-mean / std).view(1, 3, 1, 1)
        self._fast: Callable[..., dict[str, Tensor]] = network
        self._whole = 0

    def use_for_whole_batches(self, fast: Callable[..., dict[str, Tensor]], count: int) -> None:
        """Call something faster in the network's place for training batches of ``count`` images."""
        self._fast, self._whole = fast, count

    def images(self, batch: Batch) -> Tensor:
        """Return normalised images, float32 ``(N, 3, S, S)``, channels last in memory."""
        return self._normalised(batch.images.to(self.compute.device, non_blocking=True))

    def _normalised(self, pixels: Tensor) -> Tensor:
        return torch.addcmul(self._shift, pixels.permute(0, 3, 1, 2).float(), self._scale)

    def targets(self, batch: Batch) -> dict[str, Tensor]:
        """Return the targets on the device."""
        device = self.compute.device
        return {name: t.to(device, non_blocking=True) for name, t in batch.targets.items()}

    def arguments(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return what the network is called with: images, and masks if it takes them."""
        pixels = batch.images.to(self.compute.device, non_blocking=True)
        images = self._normalised(pixels)
        if not self.masked:
            return (images,)
        if batch.predict_masks is not None:
            return images, batch.predict_masks(pixels).float()
        if batch.masks is None:
            raise ValueError("the batch has no masks")
        return images, batch.masks.to(self.compute.device, non_blocking=True).float()

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Return one output a task, float32 ``(N, task.outputs)``, and ``features`` if there are.

        Raises:
            TypeError: The network breaks its contract.
        """
        training = self.network.training and torch.is_grad_enabled()
        if self.parts is not None and training:
            return self.parts.outputs(self._outputs, *self.arguments(batch))
        if self.together is not None and training:
            whole = len(batch.positions)
            return self.together.outputs(self._outputs, self.arguments(batch), whole)
        return self._outputs(*self.arguments(batch))

    def backward(self, value: Tensor | None) -> None:
        """Take the gradients of a loss of the last call's outputs.

        Args:
            value: The loss; None in a process that helps another one, which has the loss.
        """
        if self.together is not None:
            self.together.backward(value)
            return
        if value is None:
            raise ValueError("there is no loss")
        value.backward()  # type: ignore[no-untyped-call]
        if self.parts is not None:
            self.parts.settle()

    def _outputs(self, images: Tensor, *masks: Tensor) -> dict[str, Tensor]:
        whole = len(images) == self._whole and self.network.training
        call = self._fast if whole else self.network
        with self.compute.autocast():
            outputs = call(images, *masks)
        checked = {task.name: _checked(outputs, task, len(images)) for task in self.tasks}
        if "features" in outputs:
            checked["features"] = outputs["features"].float()
        return checked


def _checked(outputs: object, task: Task, count: int) -> Tensor:
    """Return a task's output in float32, if it is what the contract asks for."""
    if not isinstance(outputs, dict) or task.name not in outputs:
        got = sorted(outputs) if isinstance(outputs, dict) else type(outputs).__name__
        raise TypeError(f"the network must return a dict with the entry '{task.name}', not {got}")
    output: Tensor = outputs[task.name]
    if tuple(output.shape) != (count, task.outputs):
        raise TypeError(
            f"the output '{task.name}' must have the shape {(count, task.outputs)} "
            f"(images, outputs of {task.wording()}), not {tuple(output.shape)}"
        )
    return output.float()
