"""A trained cell as one torch module: pictures in, probabilities, classes, numbers, points out."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from farbench.data import geometry
from farbench.errors import UserError
from farbench.masks.trained import TrainedMasks
from farbench.running.trained import TrainedCell
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar
from farbench.training.device import IMAGENET_MEAN, IMAGENET_STD

MASKS = "masks"
"""The output that holds the masks, beside one output a task."""


class PictureGraph(nn.Module):
    """All that happens between a resized picture and what is said of it, without OpenCV.

    The masks are made as in training, by tensors alone: probabilities of the U-Net, shrunk by area,
    thresholded, cropped with the picture, and thresholded again.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trained: TrainedCell, masks: TrainedMasks | None) -> None:
        """Bind a cell on the CPU.

        Args:
            trained: The cell.
            masks: Its mask network, if it takes masks.

        Raises:
            UserError: Its masks are scaled, or predicted on the crop.
        """
        super().__init__()
        trained.check_decodes()
        protocol = trained.protocol
        self.network, self.tasks = trained.network, trained.tasks
        self.side, self.crop = protocol.resize, protocol.crop
        self.offset = (self.side - self.crop) // 2
        self.statistics = trained.problem.statistics
        mean = getattr(trained.network, "pixel_mean", IMAGENET_MEAN)
        std = getattr(trained.network, "pixel_std", IMAGENET_STD)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))
        warped = round(self.crop * protocol.mask_warp)
        self.masks = MaskGraph(masks, self.side, self.crop, warped) if masks else None

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map RGB pictures in [0, 1], ``(N, 3, R, R)``, to one output a task (and the masks)."""
        end = self.offset + self.crop
        middle = images[:, :, self.offset : end, self.offset : end]
        normalised = (middle - self.mean) / self.std
        if self.masks is None:
            return self.decoded(self.network(normalised))
        masks = self.masks(images)
        return {**self.decoded(self.network(normalised, masks)), MASKS: masks}

    def decoded(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Turn a network's outputs into what the graph gives, by task.

        Attributes and classes: probabilities. Scalars: ``(N,)`` in their unit. Landmarks:
        ``(N, P, 2)`` as fractions of the picture's width and height. Identity: as it is.
        """
        return {task.name: self._decoded(task, outputs[task.name]) for task in self.tasks}

    def _decoded(self, task: Task, output: Tensor) -> Tensor:
        if task.kind == "attributes":
            return torch.sigmoid(output)
        if task.kind == "classes":
            return torch.softmax(output, 1)
        if isinstance(task, Scalar):
            known = self.statistics[task.name]
            return (output[:, 0] * known.std[0] + known.mean[0]).clamp(task.low, task.high)
        if isinstance(task, Landmarks):
            return (output.view(-1, task.count, 2) * self.crop + self.offset) / self.side
        return output


class MaskGraph(nn.Module):
    """The masks of pictures: ``(N, 3, R, R)`` in [0, 1] to ``(N, G, s, s)`` of 0 and 1."""

    scale: Tensor
    shift: Tensor
    to_size: Tensor
    shrink: Tensor
    take: Tensor

    def __init__(self, masks: TrainedMasks, side: int, crop: int, warped: int) -> None:
        """Bind a mask network.

        Args:
            masks: The network, on the CPU.
            side: R, side of the pictures.
            crop: Side of the middle part that the masks are wanted for.
            warped: s, side of the masks.

        Raises:
            UserError: The masks are scaled, or predicted on the crop.
        """
        super().__init__()
        if masks.protocol.online:
            raise UserError(
                "the masks of this cell are predicted on the crop (protocol.masks.online), which "
                "the ONNX graph does not do. Export as safetensors, or a row with masks.online off."
            )
        if masks.area != 1:
            raise UserError(
                f"masks of area {masks.area:g} are scaled part by part (connected components), for "
                "which ONNX has no operator. Export as safetensors, or a row with area 1."
            )
        self.unet = masks.network.unet
        self.threshold = masks.protocol.threshold
        size, stored = masks.protocol.size, masks.protocol.stored_size
        self.register_buffer("scale", masks.network.scale.cpu())
        self.register_buffer("shift", masks.network.shift.cpu())
        matrix = geometry.scale_matrix(size, side)[None, :2]
        self.register_buffer("to_size", _sampled(matrix, side, size, "edge"))
        self.register_buffer("shrink", _shrunk(size, stored))
        middle = geometry.center_crop(1, side, crop)
        matrix = geometry.for_masks(middle, side, crop, stored, warped)
        self.register_buffer("take", _sampled(matrix, stored, warped, "zero"))

    def forward(self, images: Tensor) -> Tensor:
        """Return the masks as float."""
        # Whole numbers, as OpenCV's warp of bytes gives them: near the threshold they decide.
        pixels = self.to_size @ torch.round(255 * images) @ self.to_size.T
        normalised = torch.addcmul(self.shift, torch.round(pixels), self.scale)
        probability = torch.sigmoid(self.unet(normalised))
        stored = (self.shrink @ probability @ self.shrink.T > self.threshold).float()
        # At least half of it was: 128 of 255 where masks are warped as bytes.
        return (self.take @ stored @ self.take.T > 0.5 - 1e-3).float()


def _shrunk(source: int, side: int) -> Tensor:
    """Return the matrix ``(side, source)`` that OpenCV's area resize is along each axis."""
    eye = np.eye(source, dtype=np.float32)
    return torch.from_numpy(cv2.resize(eye, (source, side), interpolation=cv2.INTER_AREA))


def _sampled(matrix: geometry.Matrices, source: int, side: int, border: str) -> Tensor:
    """Return the matrix ``(side, source)`` of a warp that only scales and shifts, on either axis.

    Args:
        matrix: ``(1, 2, 3)``, from output pixels to source pixels, the same for x and y.
        source: Side of the source.
        side: Side of the output.
        border: What lies outside: its "edge", or "zero".
    """
    at = matrix[0, 0, 0] * np.arange(side) + matrix[0, 0, 2]
    weights = np.zeros((side, source), np.float32)
    first = np.floor(at).astype(int)
    for column, weight in ((first, 1 - (at - first)), (first + 1, at - first)):
        inside = (column >= 0) & (column < source) if border == "zero" else np.ones(side, bool)
        rows = np.flatnonzero(inside)
        np.add.at(weights, (rows, column.clip(0, source - 1)[rows]), weight[rows])
    return torch.from_numpy(weights)
