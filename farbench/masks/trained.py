"""A trained mask network, applied to images that its artifact does not hold, or in every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from farbench.benchmark.schema import MaskProtocol
from farbench.data.mask_bits import StoredMasks, to_bits
from farbench.data.online_masks import OnlineMasks
from farbench.errors import UserError
from farbench.masks.network import BATCH, MaskNetwork, predict_masks, shrink_masks
from farbench.masks.online import OnlinePrediction
from farbench.masks.scaling import scale_masks
from farbench.training.device import Compute


@dataclass(frozen=True)
class TrainedMasks:
    """Makes masks of packed images as ``make_masks`` does of a data set.

    Attributes:
        network: In eval mode.
        groups: Names of the G groups, in channel order.
        protocol: Sizes and threshold.
        area: Area of the masks relative to the prediction.
        compute: Device and precision.
    """

    network: MaskNetwork
    groups: tuple[str, ...]
    protocol: MaskProtocol
    area: float
    compute: Compute

    def make(self, pixels: NDArray[np.uint8]) -> StoredMasks:
        """Return the masks of packed images, uint8 ``(N, R, R, 3)``."""
        bits = []
        for first in range(0, len(pixels), BATCH):
            probability = predict_masks(
                self.network, pixels[first : first + BATCH], self.protocol.size, self.compute
            )
            masks = shrink_masks(probability, self.protocol.stored_size, self.protocol.threshold)
            bits.append(to_bits(scale_masks(masks, self.area)))
        return StoredMasks(np.concatenate(bits), self.groups, self.protocol.stored_size)

    def online(self, packed: int) -> OnlineMasks:
        """Return what predicts masks in every step, of crops from images of side ``packed``."""
        predict = OnlinePrediction(self.network, self.protocol, packed, self.compute)
        return OnlineMasks(self.groups, predict)

    def for_batches(self, pixels: NDArray[np.uint8]) -> StoredMasks | OnlineMasks:
        """Return the masks that batches of packed images are to have, as the protocol says."""
        return self.online(pixels.shape[1]) if self.protocol.online else self.make(pixels)


def load_mask_network(
    weights: Path, recipe: Mapping[str, Any], area: float, compute: Compute
) -> TrainedMasks:
    """Load a mask network.

    Args:
        weights: Its file.
        recipe: The recipe of its identity (``MaskPlan.network.recipe``).
        area: Area of the masks relative to the prediction.
        compute: Device and precision.

    Raises:
        UserError: The weights do not fit.
    """
    groups = tuple(str(name) for name, _ in recipe["groups"])
    protocol = MaskProtocol.model_validate(recipe["protocol"])
    network = MaskNetwork(len(groups), protocol, pretrained=False)
    try:
        network.load_state_dict(load_file(weights))
    except (RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(
            f"{weights} does not fit the mask network of this version of farbench ({reason}). "
            "Run the cell again to make it again."
        ) from error
    return TrainedMasks(compute.place(network).eval(), groups, protocol, area, compute)
