"""Outputs for a set of images, from a trained network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from farbench.data.batches import Batches
from farbench.training.device import Forward


@torch.inference_mode()
def predict(
    forward: Forward, batches: Batches, positions: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """Return the outputs for the images at ``positions``, by task, float32 ``(N, task.outputs)``.

    The network is left in eval mode.
    """
    forward.network.eval()
    parts = [forward(batch) for batch in batches.evaluate(positions)]
    # One transfer a task at the end instead of one a batch.
    return {
        task.name: torch.cat([part[task.name] for part in parts]).cpu().numpy()
        for task in forward.tasks
    }
