"""Compares an ONNX file with farbench's own predictions, which it must repeat."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from farbench.data.batches import Batch
from farbench.data.pack import resize
from farbench.errors import CellFailed, UserError
from farbench.export.graph import MASKS, PictureGraph
from farbench.masks.trained import TrainedMasks
from farbench.running.trained import TrainedCell
from farbench.tasks.base import Task
from farbench.tasks.scalar import Scalar

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

RANDOM = 8
REAL = 32
"""Pictures that are compared: random pixels, and the first of the data set's test split."""

MASK_PIXELS = 1e-3
"""The largest share of mask pixels that may differ."""

Outputs = dict[str, NDArray[np.float32]]


@dataclass
class Comparison:
    """How far two runtimes are apart.

    Where the U-Net is at its threshold, one rounding decides a mask pixel. So mask pixels are
    compared by themselves, and the networks' outputs for the same masks.

    Attributes:
        differences: Name of the pictures ("random", "test") to the largest difference.
        pictures: Name of the pictures to how many there were.
        mask_pixels: How many mask pixels there were.
        mask_pixels_differing: How many of them differ.
        without_data: Why the data set's pictures were not compared, if they were not.
    """

    differences: dict[str, float] = field(default_factory=dict)
    pictures: dict[str, int] = field(default_factory=dict)
    mask_pixels: int = 0
    mask_pixels_differing: int = 0
    without_data: str = ""

    @property
    def largest(self) -> float:
        """The largest difference of all; NaN if there is one."""
        return float(np.max(list(self.differences.values())))

    def lines(self) -> list[str]:
        """Say what was found, one line each."""
        lines = [
            f"ONNX and torch differ by at most {value:.2g} on {number} {name} pictures."
            for (name, value), number in zip(
                self.differences.items(), self.pictures.values(), strict=True
            )
        ]
        if self.mask_pixels:
            share = f"{self.mask_pixels_differing} of {self.mask_pixels}"
            lines.append(f"Mask pixels that differ from farbench's: {share}.")
        if self.without_data:
            lines.append(f"The data set's own pictures were not compared: {self.without_data}")
        return lines


def compare(
    path: Path,
    graph: PictureGraph,
    trained: TrainedCell,
    masks: TrainedMasks | None,
    data_root: Path | None,
) -> Comparison:
    """Run pictures through the file, and through farbench: torch, with OpenCV's masks.

    Args:
        path: The file.
        graph: What it was made from; its network is the cell's.
        trained: The cell.
        masks: Its mask network.
        data_root: Where the data set is; without it random pictures are compared alone.

    Raises:
        CellFailed: More than a few mask pixels differ.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = Comparison()
    pictures = {"random": _noise(trained.protocol.resize)}
    try:
        pictures["test"] = _test_pictures(trained, data_root)
    except UserError as error:
        found.without_data = str(error).split("\n")[0]
    for name, pixels in pictures.items():
        # One alone, then the others: the batch must be free.
        parts = [_run(session, part) for part in (pixels[:1], pixels[1:]) if len(part)]
        file = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        batch = _batch(trained, masks, pixels)
        if batch.masks is not None:
            here = file[MASKS] != batch.masks.numpy()
            found.mask_pixels += here.size
            found.mask_pixels_differing += int(here.sum())
            batch = replace(batch, masks=torch.from_numpy(file[MASKS]).to(torch.uint8))
        with torch.inference_mode():
            own = graph.decoded(trained.forward(batch))
        found.pictures[name] = len(pixels)
        found.differences[name] = max(
            _difference(task, graph, file[task.name], own[task.name].numpy())
            for task in trained.tasks
        )
    if found.mask_pixels_differing > MASK_PIXELS * found.mask_pixels:
        raise CellFailed(
            f"{found.mask_pixels_differing} of {found.mask_pixels} mask pixels of the ONNX graph "
            "are not those of farbench; it is not written."
        )
    return found


def _noise(side: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (RANDOM, side, side, 3), dtype=np.uint8)


def _test_pictures(trained: TrainedCell, data_root: Path | None) -> NDArray[np.uint8]:
    """Return packed pictures of the test split, uint8 ``(N, R, R, 3)``.

    Raises:
        UserError: The data set is not here.
    """
    source = trained.open_source(data_root)
    test = source.positions("test", trained.tasks)[:REAL]
    return np.stack([resize(source.read(int(i)), trained.protocol.resize) for i in test])


def _run(session: InferenceSession, pixels: NDArray[np.uint8]) -> Outputs:
    images = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: images}), strict=True))


def _batch(trained: TrainedCell, masks: TrainedMasks | None, pixels: NDArray[np.uint8]) -> Batch:
    """Prepare pictures as ``farbench predict`` does."""
    batches = trained.batches(pixels, masks.make(pixels) if masks else None)
    (batch,) = batches.evaluate(np.arange(len(pixels)))
    return batch


def _difference(
    task: Task, graph: PictureGraph, one: NDArray[np.float32], other: NDArray[np.float32]
) -> float:
    """Return the largest difference: in probability, in standard deviations, as a fraction."""
    unit = graph.statistics[task.name].std[0] if isinstance(task, Scalar) else 1.0
    if task.kind == "identity":
        unit = float(np.abs(other).max())
    return float(np.abs(one - other).max() / unit)
