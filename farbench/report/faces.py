"""The faces of the test split that a cell got most wrong, where the data set's licence lets it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.report.parts import Part, tasks_of
from farbench.report.pool import Pool
from farbench.scoring.calibration import class_probabilities, probability_of_yes
from farbench.scoring.landmarks import normalised_distances
from farbench.scoring.numbers import nanmean
from farbench.scoring.predictions import Predictions, load_predictions
from farbench.store.cells import PREDICTIONS
from farbench.tables.cells import CellResult
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

if TYPE_CHECKING:
    from farbench.data.source import Source
    from farbench.plugins.registry import Registry

FACES = 6
"""Faces that a card shows of a task."""

CELLS = 60
"""Cells whose cards show faces; reading the predictions of more takes longer than all the rest."""

WORST = 3
"""Attributes that are named below a face."""

HEIGHT = 120
"""Pixels of an embedded picture."""

TITLE = "Faces most wrong"


class WorstFaces:
    """Makes the part of a card that shows faces; each picture is embedded once."""

    def __init__(self, registry: Registry | None, data_root: Path | None, pool: Pool) -> None:
        """Take the plugins (None where no data set's licence lets it), the data root, the pool."""
        self.registry, self.data_root, self.pool = registry, data_root, pool
        self._left = CELLS
        self._open: dict[str, Pictures | str] = {}

    def __call__(self, cell: CellResult, folder: Path) -> Part | None:
        """Return the part of a finished cell, or None where there is nothing to say."""
        dataset = cell.record.get("dataset") or {}
        path = folder / PREDICTIONS["test"]
        if not dataset.get("images_may_be_shown"):
            return _none("The data set does not say that its images may be shown.")
        if self.registry is None or not path.is_file():
            return _none("There are no stored predictions: committed results carry none.")
        if self._left == 0:
            return _none(f"Faces are shown in the first {CELLS} cells alone.")
        pictures = self._pictures(cell.record, self.registry)
        if isinstance(pictures, str):
            return _none(pictures)
        self._left -= 1
        rules, faces = [], []
        for task in tasks_of(cell):
            predictions = load_predictions(path, task)
            errors = errors_of(task, predictions)
            if errors is not None:
                rules.append(f"{RULES[task.kind]} of {task.name}")
                order = np.argsort(-np.nan_to_num(errors, nan=-1), kind="stable")[:FACES]
                for at in order[~np.isnan(errors[order])].tolist():
                    image = str(predictions.image[at])
                    said = said_of(task, predictions, at)
                    faces.append([self.pool.add(pictures.uri(image)), image, said])
        return Part("faces", TITLE, {"note": f"By the largest {', '.join(rules)}.", "faces": faces})

    def _pictures(self, record: Mapping[str, Any], registry: Registry) -> Pictures | str:
        """Return the pictures of a cell's data set, or why they are not to be had."""
        dataset, images = record["dataset"], (record.get("protocol") or {}).get("images") or {}
        entries = dataset.get("entries") or [{"name": dataset["name"], **dataset["options"]}]
        key = json.dumps([entries, images])
        if key not in self._open:
            from farbench.benchmark.datasets import from_entries
            from farbench.benchmark.places import Places
            from farbench.benchmark.schema import Images
            from farbench.data.source import open_source

            try:
                found = from_entries(entries, registry, Places())
                self._open[key] = Pictures(
                    open_source(found, self.data_root, Images.model_validate(images))
                )
            except UserError as error:
                self._open[key] = f"The images cannot be read: {str(error).splitlines()[0]}"
        return self._open[key]


class Pictures:
    """The images of a data set by their ids, small enough to embed."""

    def __init__(self, source: Source) -> None:
        """Take the data set."""
        self.source = source
        self._at = {str(name): at for at, name in enumerate(source.index.frame["image"])}
        self._uris: dict[str, str] = {}

    def uri(self, image: str) -> str:
        """Return an image as a data URI; one that is not there any more is empty."""
        if image not in self._uris:
            self._uris[image] = self._make(image)
        return self._uris[image]

    def _make(self, image: str) -> str:
        from PIL import Image

        if image not in self._at:
            return ""
        picture = Image.fromarray(self.source.read(self._at[image]))
        picture.thumbnail((2 * HEIGHT, HEIGHT))
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=80, optimize=True)
        return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"


RULES = {
    "attributes": "mean cross-entropy",
    "classes": "cross-entropy",
    "scalar": "absolute error",
    "landmarks": "normalised error",
}
"""Kind of task to what its faces are ordered by."""


def errors_of(task: Task, predictions: Predictions) -> NDArray[np.float64] | None:
    """Return how wrong each prediction is, float64 ``(N,)``, NaN where no label is known.

    None for tasks in which no single image is wrong (identity).
    """
    match task:
        case BinaryAttributes():
            return nanmean(_cross_entropies(predictions.output, predictions.target), axis=1)
        case Classes():
            logits = predictions.output.astype(np.float64)
            known = predictions.target >= 0
            own = np.take_along_axis(logits, predictions.target.clip(min=0)[:, None], 1)[:, 0]
            return np.where(known, np.logaddexp.reduce(logits, axis=1) - own, np.nan)
        case Scalar():
            differences = predictions.output.astype(np.float64) - predictions.target
            return np.asarray(np.abs(differences).reshape(-1))
        case Landmarks():
            return nanmean(
                normalised_distances(predictions.output, predictions.target, task.eyes), axis=1
            )
    return None


def said_of(task: Task, predictions: Predictions, at: int) -> list[str]:
    """Return what is to be read below an image: what was said of it, and what it is."""
    output, target = predictions.output[at], predictions.target[at]
    match task:
        case BinaryAttributes():
            losses = np.nan_to_num(_cross_entropies(output, target), nan=-1)
            worst = np.argsort(-losses, kind="stable")[:WORST]
            yes = probability_of_yes(output)
            return [
                f"{task.attributes[i].replace('_', ' ')}: {_percent(yes[i])} yes, "
                f"labelled {'yes' if target[i] else 'no'}"
                for i in worst.tolist()
                if losses[i] > np.log(2)
            ]
        case Classes():
            (share,) = class_probabilities(output[None])
            first = int(share.argmax())
            said, label = task.classes[first], task.classes[int(target)]
            return [f"{task.name}: {_percent(share[first])} {said}, labelled {label}"]
        case Scalar():
            value, known = float(np.ravel(output)[0]), float(np.ravel(target)[0])
            return [f"{task.name}: {value:.1f}, labelled {known:.1f} {task.unit}"]
    return []


def _cross_entropies(logits: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.float64]:
    """Return one for each logit, NaN where the label is unknown."""
    losses = np.logaddexp(0, np.where(labels == 1, -1.0, 1.0) * logits.astype(np.float64))
    return np.where(labels >= 0, losses, np.nan)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _none(note: str) -> Part:
    return Part("faces", TITLE, {"note": note, "faces": []}, open=False)
