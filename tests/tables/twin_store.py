"""Writes a results folder with rows and their tasks alone, and with predictions of our choosing."""

import json

import numpy as np
from fake_store import FakeStore

from farbench.scoring.score import score
from farbench.store.cells import write_predictions
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar

ATTRIBUTES = BinaryAttributes("attributes", ("Bald", "Smiling", "Wearing_Hat"))
AGE = Scalar("age", "years", 0, 116)
RACE = Classes("race", ("x", "y", "z"))
POINTS = Landmarks("landmarks", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES)
WHO = Identity("identity", 2)
ROWS = (("shared", "Shared", ()), ("shared-single", "Shared, each task alone", ()))
DATASET = "synthetic_faces"


def logits(met, labels):
    """Return logits ``(N, A)`` that meet the labels where asked."""
    return np.where(np.asarray(met) == (np.asarray(labels) == 1), 1.0, -1.0).astype(np.float16)


class TwinStore(FakeStore):
    """A row ``shared`` of some tasks, and its twin, with a cell a task."""

    def __init__(self, root, tasks, rows=ROWS, seeds=(0,), metrics=(), **benchmark):
        benchmark = {"marks": [], "metrics": list(metrics), **benchmark}
        super().__init__(root, "transfer", rows, seeds, **benchmark)
        self.tasks = {task.name: task for task in tasks}
        for row in self.plan["benchmark"]["rows"]:
            row["alone"] = row["id"].endswith("-single")
        self.plan["tasks"] = {DATASET: [task.record() for task in tasks]}
        self.save()

    def predicted(self, row, outputs, labels, seed=0, images=None):
        """Plan a finished cell of the tasks that ``outputs`` names, and store what it predicted."""
        place = self.planned(row, seed)
        place.mkdir()
        count = len(next(iter(labels.values())))
        images = np.array([f"{i:04d}.jpg" for i in range(count)]) if images is None else images
        write_predictions(place / "predictions.npz", images, outputs, labels)
        metrics = {name: score(self.tasks[name], outputs[name], labels[name]) for name in outputs}
        if not row.endswith("-single"):
            metrics["beside"] = {"images": count}  # shared with another task, which nobody looks at
        (place / "metrics.json").write_text(json.dumps(metrics))
        record = {
            "status": "finished",
            "identity": {"key": place.name[-8:]},
            "dataset": {"name": DATASET, "title": "Faces", "images": {"test": count}},
            "tasks": [self.tasks[name].record() for name in outputs],
            "attributes": {ATTRIBUTES.name: list(ATTRIBUTES.attributes)},
        }
        (place / "cell.json").write_text(json.dumps(record))
        return place

    def both(self, task, together, alone, labels, seed=0):
        """Store one task of the row and of its twin."""
        self.predicted("shared", {task.name: together}, {task.name: labels}, seed)
        self.predicted("shared-single", {task.name: alone}, {task.name: labels}, seed)
