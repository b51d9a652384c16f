"""Outputs for a set of images, from a trained network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farbench.data.batches import Batches
from farbench.training.device import Forward

Outputs = dict[str, NDArray[np.float32]]
"""By task, float32 ``(N, task.outputs)``."""


@torch.inference_mode()
def predict(forward: Forward, batches: Batches, positions: NDArray[np.int64]) -> Outputs:
    """Return the outputs for the N images at ``positions``.

    The network is left in eval mode.
    """
    forward.network.eval()
    parts: dict[str, list[Tensor]] = {task.name: [] for task in forward.tasks}
    for batch in batches.evaluate(positions):
        outputs = forward(batch)
        # The features that tasks share are not kept: of a whole split they may be gigabytes.
        for name, kept in parts.items():
            kept.append(outputs[name])
    # One transfer a task at the end instead of one a batch.
    return {name: torch.cat(kept).cpu().numpy() for name, kept in parts.items()}
