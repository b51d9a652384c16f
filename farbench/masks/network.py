"""The mask network: a U-Net with one head a group, and the masks that it predicts.

MGMTN, section 3.1: each head is a pixel-wise binary classification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from farbench.benchmark.schema import MaskProtocol
from farbench.data import geometry
from farbench.errors import UserError, did_you_mean
from farbench.nn.pretrained import load_pretrained, pretrained_identity
from farbench.training.device import IMAGENET_MEAN, IMAGENET_STD, Compute

WEIGHTS = "mask_network.safetensors"
BATCH = 64
"""Images a forward pass where masks are predicted once."""

DECODER_CHANNELS = (128, 64, 32, 32, 16)
"""Half of the library's default: boxes are coarse shapes, and the decoder is most of the cost."""


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
