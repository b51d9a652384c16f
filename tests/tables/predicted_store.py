"""Writes a results folder whose cells have predictions of our choosing, scored as a run does."""

import json

import numpy as np
from fake_store import FakeStore

from farbench.scoring.score import score
from farbench.store.cells import write_predictions
from farbench.tasks.attributes import BinaryAttributes

TWO = (("baseline", "Baseline", ()), ("aml", "+ AML", ()))


def attributes(*names):
    """Make the task of these attributes."""
    return BinaryAttributes("attributes", names)


def answered(answers, strength=2.0):
    """Return the logits of answers 1 and 0, ``(N, A)``."""
    return np.where(np.asarray(answers) == 1, strength, -strength).astype(np.float16)


class PredictedStore(FakeStore):
    """A benchmark on one data set."""

    def __init__(self, root, tasks, rows=TWO, seeds=(0,), dataset="faces", **benchmark):
        super().__init__(root, "b", rows, seeds, **{"marks": [], "metrics": [], **benchmark})
        self.tasks = {task.name: task for task in tasks}
        self.dataset = dataset
        self.plan["tasks"] = {dataset: [task.record() for task in tasks]}
        self.save()

    def predicted(self, row, outputs, labels, seed=0, images=None, **record):
        """Plan a finished cell of the tasks that ``outputs`` names, and store what it predicted."""
        place = self.planned(row, seed, self.dataset)
        place.mkdir()
        count = len(next(iter(labels.values())))
        images = np.array([f"{i:04d}.jpg" for i in range(count)]) if images is None else images
        labels = {name: np.asarray(values) for name, values in labels.items()}
        write_predictions(place / "predictions.npz", np.asarray(images), outputs, labels)
        metrics = {name: score(self.tasks[name], outputs[name], labels[name]) for name in outputs}
        (place / "metrics.json").write_text(json.dumps(metrics))
        binary = [self.tasks[n] for n in outputs if isinstance(self.tasks[n], BinaryAttributes)]
        held = {
            "status": "finished",
            "identity": {"key": place.name[-8:]},
            "tasks": [self.tasks[name].record() for name in outputs],
            "dataset": {"name": self.dataset, "title": "Faces", "images": {"test": count}},
            "attributes": {task.name: list(task.attributes) for task in binary},
            "metric_version": 1,
            **record,
        }
        (place / "cell.json").write_text(json.dumps(held))
        return place


def printed(table, block="measured"):
    """Return row id to the cells of all blocks of a kind."""
    return {row.id: row.cells for b in table.blocks if b.kind == block for row in b.rows}


def remarks(table):
    """Return all footnotes as one line."""
    return " | ".join(f"({letter}) {text}" if letter else text for letter, text in table.notes())
