"""Brings pictures into the frame in which a cell's data set shows its faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.benchmark.datasets import ALIGN_OPTIONS
from farbench.benchmark.named import resolve_plugin
from farbench.benchmark.places import Places
from farbench.errors import UserError
from farbench.export.about import dataset_facts
from farbench.plugins.aligned import AlignedDataset, cut_out, upright_places
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel
from farbench.running.trained import TrainedCell
from farbench.running.trained_record import alignment_of

NONE = "none"
"""What to ask for where pictures are to be taken as they are."""


@dataclass(frozen=True)
class Aligner:
    """Finds the face of a picture and puts it where the cell's images have theirs.

    Attributes:
        keypoints: The model that finds it.
        places: ``(5, 2)``, where eyes, nose tip and mouth corners go.
        size: Width and height of the cut-out in pixels.
        like: Whose frame it is, in words.
    """

    keypoints: KeypointModel
    places: NDArray[np.float64]
    size: tuple[int, int]
    like: str

    def __call__(
        self, image: NDArray[np.uint8], name: str
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64]] | None:
        """Return the face of an image and the map to it, or None where none is found."""
        return cut_out(image, self.keypoints, self.places, self.size, name)


def choose_aligner(trained: TrainedCell, asked: str | None) -> Aligner | None:
    """Return how pictures are aligned for a cell; None is not at all.

    Args:
        trained: The cell.
        asked: A keypoint model, "none", or None: as the cell's own images were (``align:``).

    Raises:
        UserError: There is no such model, or it cannot be used here.
    """
    own = alignment_of(trained.record)
    if asked == NONE or (asked is None and own is None):
        return None
    side, margin = trained.protocol.resize, 0.0
    spec: str | Mapping[str, Any] = asked or ""
    if own is not None:
        side, margin = (own.get(k, AlignedDataset.model_fields[k].default) for k in ALIGN_OPTIONS)
        if asked is None:
            spec = {key: value for key, value in own.items() if key not in ALIGN_OPTIONS}
    registry = trained.registry
    model: KeypointModel = resolve_plugin(
        "keypoint model", registry.keypoints, spec, Places({(): "--align"}), broken=registry.broken
    )
    nothing_known = FaceIndex(pd.DataFrame({"image": ["picture"], "split": ["test"]}))
    reason = model.unavailable(nothing_known)
    if reason:
        advice = "" if asked else " Or take the pictures as they are: --align none."
        raise UserError(f"--align {model.name} cannot find faces: {reason}{advice}")
    model = model.resolve(nothing_known)
    framing = dataset_facts(trained).framing
    if own is None and framing is not None:
        places = np.array(framing.five, np.float64)
        return Aligner(model, places, framing.size, trained.record["dataset"]["title"])
    like = "the cell's own images" if own else "ArcFace's crop, the data set's own is not known"
    return Aligner(model, upright_places(side, margin), (side, side), like)
