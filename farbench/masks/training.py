"""Training of the mask network: in every view, the rectangles round the moved keypoints.

MGMTN, section 3.1: the rectangles are the ground truth; the network is frozen while attributes are
trained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from farbench.benchmark.schema import Augmentation, MaskProtocol
from farbench.data import geometry
from farbench.data.randomness import permutation, stream_key
from farbench.errors import CellFailed, UserError
from farbench.masks.network import MaskNetwork
from farbench.masks.regions import region_masks
from farbench.training.checkpoint import Checkpoint
from farbench.training.device import Compute

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrainedMaskNetwork:
    """What came of a training.

    Attributes:
        network: In eval mode.
        history: One record an epoch.
        seconds: Spent on all epochs, over all runs that took part.
    """

    network: MaskNetwork
    history: list[dict[str, float]]
    seconds: float


def train_mask_network(
    pixels: NDArray[np.uint8],
    points: NDArray[np.float32],
    positions: NDArray[np.int64],
    regions: Sequence[str],
    protocol: MaskProtocol,
    compute: Compute,
    *,
    pretrained: bool,
    checkpoint: Path,
    progress: Progress,
) -> TrainedMaskNetwork:
    """Train a mask network, from its last finished epoch if there is one.

    Images are flipped and rotated; the rectangles are drawn round the moved points, so that they
    are the smallest upright ones in every view.

    Args:
        pixels: uint8 ``(N, R, R, 3)`` packed images.
        points: float32 ``(N, 98, 2)`` in packed pixels, NaN where no face was found.
        positions: Where the training images are; those without points are left out.
        regions: Region of each of the G groups.
        protocol: Settings.
        compute: Device and precision.
        pretrained: Start the encoder from ImageNet weights.
        checkpoint: Written after each epoch; left where it is, so that a run that is killed while
            it predicts trains nothing again.
        progress: Called with (what, step, steps).

    Raises:
        CellFailed: The loss is not finite.
        UserError: No training image has keypoints.
    """
    positions = _positions_to_train_on(points, positions, protocol)
    torch.set_num_threads(compute.threads)
    torch.manual_seed(stream_key(protocol.seed, "mask network"))
    network = compute.place(MaskNetwork(len(regions), protocol, pretrained=pretrained))
    optimizer = torch.optim.Adam(network.parameters(), lr=protocol.learning_rate)
    steps = max(1, len(positions) // protocol.batch_size)
    state = Checkpoint(checkpoint, network, nn.Module(), optimizer)  # a loss without state
    state.resume()
    for epoch in range(state.epoch + 1, protocol.epochs + 1):
        # For encoders that draw (dropout): each epoch alike, whatever was trained before it.
        torch.manual_seed(stream_key(protocol.seed, "mask step", epoch))
        network.train()
        started, seen = time.perf_counter(), 0
        total = torch.zeros((), device=compute.device)
        for step, batch in enumerate(_batches(positions, protocol, epoch, steps)):
            images, masks = _views(pixels, points, batch, regions, protocol, epoch)
            _set_learning_rate(optimizer, protocol, (epoch - 1) * steps + step, steps)
            with compute.autocast():
                logits = network(images.to(compute.device))
            loss = mask_loss(logits.float(), masks.to(compute.device).float(), protocol.dice)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
            seen += len(batch)
            progress(f"mask network, epoch {epoch}/{protocol.epochs}", step + 1, steps)
        mean_loss = float(total) / steps
        if not math.isfinite(mean_loss):
            raise CellFailed(
                f"the loss of the mask network became {mean_loss} in epoch {epoch}; try a lower "
                "protocol.masks.learning_rate"
            )
        rate = seen / (time.perf_counter() - started)
        values = {"loss": mean_loss, "images_per_second": rate}
        state.finish_epoch(epoch, values, keep_best=None)
    return TrainedMaskNetwork(network.eval(), state.history, state.seconds)


def _positions_to_train_on(
    points: NDArray[np.float32], positions: NDArray[np.int64], protocol: MaskProtocol
) -> NDArray[np.int64]:
    """Return those of the positions that have points, as many as the protocol wants.

    Raises:
        UserError: There is none.
    """
    positions = positions[~np.isnan(points[positions]).any((1, 2))]
    if protocol.images is not None:
        chosen = permutation(stream_key(protocol.seed, "mask images"), len(positions))
        positions = positions[chosen[: protocol.images]]
    if len(positions) == 0:
        raise UserError("no training image has keypoints, so no mask network can be trained.")
    return positions


def _batches(
    positions: NDArray[np.int64], protocol: MaskProtocol, epoch: int, steps: int
) -> list[NDArray[np.int64]]:
    """Return the positions of each step's images; what is left of the last batch is left out."""
    order = positions[permutation(stream_key(protocol.seed, "mask order", epoch), len(positions))]
    size = protocol.batch_size
    return [order[step * size : (step + 1) * size] for step in range(steps)]


def mask_loss(logits: Tensor, masks: Tensor, dice: float) -> Tensor:
    """Return pixel-wise cross-entropy, plus ``dice`` times a soft Dice loss.

    Cross-entropy alone is content for long with leaving the smallest parts empty; Dice (Milletari
    et al., V-Net, 3DV 2016; here without the squares in its denominator, and with 1 added
    above and below) weighs each group alike, whatever its size. MGMTN names only binary
    classification of pixels, so Dice is off by default.

    Args:
        logits: ``(N, G, S, S)``.
        masks: ``(N, G, S, S)`` in {0, 1}.
        dice: Weight of the Dice loss, which is averaged over groups.
    """
    loss = binary_cross_entropy_with_logits(logits, masks)
    if dice:
        predicted, pixels = torch.sigmoid(logits), (0, 2, 3)
        common = (predicted * masks).sum(pixels)
        overlap = (2 * common + 1) / (predicted.sum(pixels) + masks.sum(pixels) + 1)
        loss = loss + dice * (1 - overlap).mean()
    return loss


def _set_learning_rate(
    optimizer: torch.optim.Optimizer, protocol: MaskProtocol, step: int, steps: int
) -> None:
    """Fall linearly to a tenth: a short training ends in a better place than at a constant rate."""
    share = step / (steps * protocol.epochs)
    for group in optimizer.param_groups:
        group["lr"] = protocol.learning_rate * (1 - 0.9 * share)


def _views(
    pixels: NDArray[np.uint8],
    points: NDArray[np.float32],
    batch: NDArray[np.int64],
    regions: Sequence[str],
    protocol: MaskProtocol,
    epoch: int,
) -> tuple[Tensor, Tensor]:
    """Return augmented images, uint8 ``(N, S, S, 3)``, and their masks ``(N, G, S, S)``."""
    packed, size = pixels.shape[1], protocol.size
    augmentation = Augmentation(
        crop="center", flip=0.5, rotation=protocol.rotation, rotation_probability=0.5
    )
    key = stream_key(protocol.seed, "mask warp", epoch)
    matrices = geometry.random_warp(key, batch, packed, packed, augmentation)
    matrices = matrices @ geometry.scale_matrix(size, packed)
    images = geometry.warp(lambda i: pixels[batch[i]], matrices, size, 3)
    moved = geometry.map_points(points[batch], matrices)
    masks = region_masks(moved, regions, size, size)
    return torch.from_numpy(images), torch.from_numpy(masks)
