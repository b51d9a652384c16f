"""The mask network: a U-Net with one head a group, trained on rectangles round keypoints.

MGMTN, section 3.1: each head is a pixel-wise binary classification; the rectangles are the
ground truth; the network is frozen while attributes are trained.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from farbench.benchmark.schema import Augmentation, MaskProtocol
from farbench.data import geometry
from farbench.data.randomness import permutation, stream_key
from farbench.errors import CellFailed, UserError, did_you_mean
from farbench.masks.regions import region_masks
from farbench.nn.pretrained import load_pretrained, pretrained_identity
from farbench.training.checkpoint import Checkpoint
from farbench.training.device import IMAGENET_MEAN, IMAGENET_STD, Compute

DECODER_CHANNELS = (128, 64, 32, 32, 16)
"""Half of the library's default: boxes are coarse shapes, and the decoder is most of the cost."""

Progress = Callable[[str, int, int], None]


def encoder_weights(protocol: MaskProtocol, pretrained: bool) -> dict[str, str] | None:
    """Return the identity of the weights that the encoder starts from; None is at random."""
    name = _timm_encoder(protocol)
    return pretrained_identity(name) if pretrained and name else None


def _timm_encoder(protocol: MaskProtocol) -> str | None:
    """Return timm's name of an encoder ``tu-NAME``."""
    name = protocol.encoder.removeprefix("tu-")
    return name if name != protocol.encoder else None


class MaskNetwork(nn.Module):
    """A U-Net of segmentation-models-pytorch: images in, one logit a group and pixel out.

    Attributes:
        weights: The pretrained weights that were loaded into the encoder, or None.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, groups: int, protocol: MaskProtocol, *, pretrained: bool) -> None:
        """Build the network.

        Args:
            groups: G, number of heads.
            protocol: Encoder and sizes.
            pretrained: Start a timm encoder (``tu-...``) from its ImageNet weights.

        Raises:
            UserError: There is no such encoder.
        """
        super().__init__()
        import segmentation_models_pytorch as smp

        try:
            self.unet = smp.Unet(
                protocol.encoder,
                encoder_weights=None,
                decoder_channels=DECODER_CHANNELS,
                classes=groups,
            )
        except (KeyError, RuntimeError, ValueError) as error:
            known = smp.encoders.get_encoder_names()
            raise UserError(
                f"segmentation-models-pytorch has no encoder '{protocol.encoder}'."
                f"{did_you_mean(protocol.encoder, known)} Timm's are written tu-NAME."
            ) from error
        mean: Sequence[float] = IMAGENET_MEAN
        std: Sequence[float] = IMAGENET_STD
        self.weights: dict[str, str] | None = None
        name = _timm_encoder(protocol)
        if pretrained and name:
            mean, std = self._load_encoder(name)
        scale, shift = 1 / (255 * np.array(std)), -np.array(mean) / np.array(std)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("shift", torch.tensor(shift, dtype=torch.float32).view(1, 3, 1, 1))

    def _load_encoder(self, name: str) -> tuple[Sequence[float], Sequence[float]]:
        import timm

        source: Any = timm.create_model(name, num_classes=0)
        self.weights = load_pretrained(source, name)
        target, weights = self.unet.encoder.model, source.state_dict()
        wanted = list(target.state_dict())
        if not set(wanted) <= set(weights):
            raise UserError(
                f"the pretrained weights of '{name}' do not fit the encoder 'tu-{name}', whose "
                "layers have other names. Choose another encoder, such as tu-resnet18."
            )
        target.load_state_dict({key: weights[key] for key in wanted})
        return source.pretrained_cfg["mean"], source.pretrained_cfg["std"]

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 ``(N, S, S, 3)`` to logits ``(N, G, S, S)``."""
        pixels = images.permute(0, 3, 1, 2).float()
        logits: Tensor = self.unet(torch.addcmul(self.shift, pixels, self.scale))
        return logits


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
    positions = positions[~np.isnan(points[positions]).any((1, 2))]
    if protocol.images is not None:
        chosen = permutation(stream_key(protocol.seed, "mask images"), len(positions))
        positions = positions[chosen[: protocol.images]]
    if len(positions) == 0:
        raise UserError("no training image has keypoints, so no mask network can be trained.")
    torch.set_num_threads(compute.threads)
    torch.manual_seed(stream_key(protocol.seed, "mask network"))
    network = compute.place(MaskNetwork(len(regions), protocol, pretrained=pretrained))
    assert isinstance(network, MaskNetwork)
    optimizer = torch.optim.Adam(network.parameters(), lr=protocol.learning_rate)
    augmentation = Augmentation(
        crop="center", flip=0.5, rotation=protocol.rotation, rotation_probability=0.5
    )
    steps = max(1, len(positions) // protocol.batch_size)
    state = Checkpoint(checkpoint, network, nn.Module(), optimizer)  # a loss without state
    state.resume()
    for epoch in range(state.epoch + 1, protocol.epochs + 1):
        # For encoders that draw (dropout): each epoch alike, whatever was trained before it.
        torch.manual_seed(stream_key(protocol.seed, "mask step", epoch))
        network.train()
        started = time.perf_counter()
        order = positions[
            permutation(stream_key(protocol.seed, "mask order", epoch), len(positions))
        ]
        key = stream_key(protocol.seed, "mask warp", epoch)
        total = torch.zeros((), device=compute.device)
        for step in range(steps):
            batch = order[step * protocol.batch_size : (step + 1) * protocol.batch_size]
            images, masks = _views(pixels, points, batch, regions, protocol, key, augmentation)
            _set_learning_rate(optimizer, protocol, (epoch - 1) * steps + step, steps)
            with compute.autocast():
                logits = network(images.to(compute.device))
            loss = mask_loss(logits.float(), masks.to(compute.device).float(), protocol.dice)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.detach()
            progress(f"mask network, epoch {epoch}/{protocol.epochs}", step + 1, steps)
        if not math.isfinite(float(total)):
            raise CellFailed(
                f"the loss of the mask network became {float(total)} in epoch {epoch}; try a lower "
                "protocol.masks.learning_rate"
            )
        rate = steps * len(batch) / (time.perf_counter() - started)
        values = {"loss": float(total) / steps, "images_per_second": rate}
        state.finish_epoch(epoch, values, keep_best=None)
    return TrainedMaskNetwork(network.eval(), state.history, state.seconds)


def mask_loss(logits: Tensor, masks: Tensor, dice: float) -> Tensor:
    """Return pixel-wise cross-entropy, plus ``dice`` times a soft Dice loss.

    Cross-entropy alone is content for long with leaving the smallest parts empty; Dice (Milletari
    et al., V-Net, 3DV 2016) weighs each group alike, whatever its size. The paper names only
    binary classification of pixels, so Dice is off by default.

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
    key: int,
    augmentation: Augmentation,
) -> tuple[Tensor, Tensor]:
    """Return augmented images, uint8 ``(N, S, S, 3)``, and their masks ``(N, G, S, S)``."""
    packed, size = pixels.shape[1], protocol.size
    matrices = geometry.random_warp(key, batch, packed, packed, augmentation)
    matrices = matrices @ geometry.scale_matrix(size, packed)
    images = geometry.warp(lambda i: pixels[batch[i]], matrices, size, 3)
    moved = geometry.map_points(points[batch], matrices)
    masks = region_masks(moved, regions, size, size)
    return torch.from_numpy(images), torch.from_numpy(masks.astype(np.uint8))


@torch.inference_mode()
def predict_masks(
    network: MaskNetwork, pixels: NDArray[np.uint8], size: int, compute: Compute
) -> NDArray[np.float32]:
    """Predict the masks of a batch of packed images, un-augmented.

    Args:
        network: In eval mode.
        pixels: uint8 ``(N, R, R, 3)``.
        size: S, side of the network's input.
        compute: Device and precision.

    Returns:
        Probabilities, float32 ``(N, G, S, S)``.
    """
    scale = geometry.scale_matrix(size, pixels.shape[1])[:2]
    matrices = np.repeat(scale[None], len(pixels), axis=0)
    images = torch.from_numpy(geometry.warp(pixels.__getitem__, matrices, size, 3))
    with compute.autocast():
        logits = network(images.to(compute.device))
    probability: NDArray[np.float32] = torch.sigmoid(logits.float()).cpu().numpy()
    return probability


def shrink_masks(
    probability: NDArray[np.float32], side: int, threshold: float
) -> NDArray[np.uint8]:
    """Return masks at the stored side, uint8 ``(N, G, side, side)`` in {0, 1}."""
    count, groups = probability.shape[:2]
    out = np.empty((count, groups, side, side), np.uint8)
    for n in range(count):
        for g in range(groups):
            shrunk = cv2.resize(probability[n, g], (side, side), interpolation=cv2.INTER_AREA)
            out[n, g] = shrunk > threshold
    return out
