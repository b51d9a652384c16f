"""farbench: a plugin-based benchmark for face attribute recognition.

The names below are what a plugin author imports. They are loaded on first use, so that
``import farbench`` costs nothing and never imports torch.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farbench.errors import UserError
    from farbench.plugins.corruption import Corruption
    from farbench.plugins.dataset import Dataset, DatasetInfo, FaceIndex, Framing
    from farbench.plugins.events import CellEvent, EpochEvent
    from farbench.plugins.grouping import Group, Grouping
    from farbench.plugins.health import Diagnosis, Machine
    from farbench.plugins.keypoints import KeypointModel
    from farbench.plugins.loss import Loss
    from farbench.plugins.method import MaskRequest, Method, Problem, Stage
    from farbench.plugins.specs import hookimpl
    from farbench.plugins.weighting import TaskWeighting
    from farbench.tasks.attributes import CELEBA_ATTRIBUTES, BinaryAttributes
    from farbench.tasks.base import Task, TrainStatistics
    from farbench.tasks.classes import Classes
    from farbench.tasks.identity import Identity
    from farbench.tasks.landmarks import Landmarks
    from farbench.tasks.scalar import Scalar

__version__ = "0.1.0"

# A small file can be made to decode to any size. OpenCV reads its limit, by default four times
# this, when it is loaded; 268 million pixels take 0.8 GB.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 28))

_HOME = {
    "UserError": "farbench.errors",
    "Corruption": "farbench.plugins.corruption",
    "Dataset": "farbench.plugins.dataset",
    "DatasetInfo": "farbench.plugins.dataset",
    "FaceIndex": "farbench.plugins.dataset",
    "Framing": "farbench.plugins.dataset",
    "CellEvent": "farbench.plugins.events",
    "EpochEvent": "farbench.plugins.events",
    "Diagnosis": "farbench.plugins.health",
    "Group": "farbench.plugins.grouping",
    "Grouping": "farbench.plugins.grouping",
    "KeypointModel": "farbench.plugins.keypoints",
    "Loss": "farbench.plugins.loss",
    "Machine": "farbench.plugins.health",
    "MaskRequest": "farbench.plugins.method",
    "Method": "farbench.plugins.method",
    "Problem": "farbench.plugins.method",
    "Stage": "farbench.plugins.method",
    "hookimpl": "farbench.plugins.specs",
    "TaskWeighting": "farbench.plugins.weighting",
    "BinaryAttributes": "farbench.tasks.attributes",
    "CELEBA_ATTRIBUTES": "farbench.tasks.attributes",
    "Task": "farbench.tasks.base",
    "TrainStatistics": "farbench.tasks.base",
    "Classes": "farbench.tasks.classes",
    "Identity": "farbench.tasks.identity",
    "Landmarks": "farbench.tasks.landmarks",
    "Scalar": "farbench.tasks.scalar",
}

__all__ = [
    "CELEBA_ATTRIBUTES",
    "BinaryAttributes",
    "CellEvent",
    "Classes",
    "Corruption",
    "Dataset",
    "DatasetInfo",
    "Diagnosis",
    "EpochEvent",
    "FaceIndex",
    "Framing",
    "Group",
    "Grouping",
    "Identity",
    "KeypointModel",
    "Landmarks",
    "Loss",
    "Machine",
    "MaskRequest",
    "Method",
    "Problem",
    "Scalar",
    "Stage",
    "Task",
    "TaskWeighting",
    "TrainStatistics",
    "UserError",
    "__version__",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'farbench' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)
