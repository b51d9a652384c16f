"""Writes a benchmark's folder with made-up logits, scored and stored as the runner does."""

import json

import numpy as np

from farbench.scoring.attributes import score_attributes
from farbench.store.cells import write_history, write_predictions
from farbench.tasks.attributes import BinaryAttributes

NAMES = ("Bald", "Big_Nose", "Male", "Smiling", "Wearing_Hat")
GROUPS = {"Hair": [0, 4], "Face": [1, 2, 3]}
STAGES = (("global", 2), ("joint", 3))
IMAGES = 300


def logits_of(seed, skill=1.0, images=IMAGES, names=NAMES):
    """Return logits ``(N, A)`` that know ``skill`` of the labels, and the labels."""
    random = np.random.default_rng(seed)
    truth = (np.random.default_rng(99).random((images, len(names))) < 0.4).astype(np.int8)
    noise = random.normal(size=truth.shape)
    return (skill * (2 * truth - 1) + noise).astype(np.float16), truth


class FigureStore:
    """A benchmark's folder that grows cell by cell; the plan is rewritten each time."""

    def __init__(self, folder, rows=("plain", "better"), names=NAMES, **benchmark):
        self.folder = folder
        self.names = names
        self.plan = {
            "schema": 1,
            "farbench": "0.1.0",
            "benchmark": {
                "name": "made_up",
                "rows": [{"id": row, "label": row.replace("_", " ")} for row in rows],
                "metrics": ["accuracy", "mA"],
                "compare": rows[0],
                **benchmark,
            },
            "cells": [],
            "tasks": {},
        }

    def cell(
        self,
        row,
        seed=0,
        dataset="faces",
        *,
        skill=1.0,
        predictions=True,
        stages=STAGES,
        groups=None,
        truth=None,
        change=None,
    ):
        """Write a finished cell; ``change`` may edit its scores."""
        place = self.folder / f"{row}-{dataset}-s{seed}-00000000"
        place.mkdir(parents=True)
        logits, labels = logits_of(seed, skill, names=self.names)
        labels = labels if truth is None else truth
        task = BinaryAttributes("attributes", self.names)
        scores = score_attributes(logits, labels, self.names)
        if change:
            change(scores)
        record = {
            "status": "finished",
            "dataset": {"name": dataset, "title": dataset.title()},
            "attributes": {"attributes": list(self.names)},
            "groups": groups,
        }
        (place / "cell.json").write_text(json.dumps(record))
        (place / "metrics.json").write_text(json.dumps({"attributes": scores}))
        if predictions:
            images = np.array([f"{number}.jpg" for number in range(len(logits))])
            write_predictions(
                place / "predictions.npz", images, {"attributes": logits}, {"attributes": labels}
            )
        if stages:
            write_history(place / "history.csv", history(seed, stages))
        self.plan["cells"].append(
            {"row": row, "dataset": dataset, "seed": seed, "folder": place.name}
        )
        self.plan["tasks"][dataset] = [task.record()]
        self.save()
        return place

    def planned(self, row, seed=0, dataset="faces"):
        """Plan a cell that is not run."""
        self.plan["cells"].append(
            {"row": row, "dataset": dataset, "seed": seed, "folder": f"{row}-{seed}-none"}
        )
        self.save()

    def save(self):
        """Write the plan."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "plan.json").write_text(json.dumps(self.plan))


def history(seed, stages=STAGES):
    """Return what an epoch of each stage leaves behind."""
    random = np.random.default_rng(seed)
    return [
        {
            "stage": stage,
            "epoch": epoch,
            "loss": float(random.uniform(0.3, 0.6)),
            "valid_accuracy": float(random.uniform(0.7, 0.9)),
            "valid_mA": float(random.uniform(0.5, 0.7)),
        }
        for stage, count in stages
        for epoch in range(1, count + 1)
    ]
