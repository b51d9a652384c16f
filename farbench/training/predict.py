"""Logits of a set of images, from a trained network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from farbench.data.batches import Batches
from farbench.training.device import Forward


@torch.inference_mode()
def predict(
    forward: Forward, batches: Batches, positions: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return logits of the images at ``positions``, float32 ``(len(positions), A)``.

    The network is left in eval mode.
    """
    forward.network.eval()
    parts = [forward(batch) for batch in batches.evaluate(positions)]
    # One transfer at the end instead of one a batch.
    return torch.cat(parts).cpu().numpy()
