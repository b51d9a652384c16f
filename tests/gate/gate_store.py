"""Writes a small results folder as the runner leaves it, for the gate to look at."""

import copy
import json

from farbench.scoring.catalogue import METRIC_VERSION, METRICS
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.scalar import Scalar

FACES = BinaryAttributes("attributes", ("Bald", "Smiling", "Wearing_Hat"))
AGE = Scalar("age", "years", 0, 116)
DATASET = "faces"
ROWS = ("baseline", "mgmtn")


def stage(name="joint", parent=None, **changes):
    """Return a stage's recipe; ``changes`` by key with __ for each dot."""
    made = {
        "stage": name,
        "method": {"name": "mgmtn", "options": {"hidden": 512, "levels": [3, 4]}},
        "epochs": 5,
        "protocol": {"batch_size": 36, "augmentation": {"flip": 0.35}},
        "seed": 0,
        "data": {"dataset": DATASET, "options": {}, "manifest": "feed" * 16},
        "tasks": [FACES.record()],
        "parent": parent,
    }
    for dotted, value in changes.items():
        place = made
        *above, last = dotted.split("__")
        for key in above:
            place = place[key]
        place[last] = value
    return made


def recipe(seed=0, **changes):
    """Return a cell's recipe of two stages; ``changes`` are of both."""
    first = stage("global", seed=seed, **changes)
    return {"training": stage("joint", first, seed=seed, **changes), "seed": seed}


def values(accuracy=0.9, mA=0.8, images=20_000, version=METRIC_VERSION, **others):
    """Return the metrics.json of the attributes."""
    held = {**dict.fromkeys(METRICS["attributes"], 0.5), "accuracy": accuracy, "mA": mA, **others}
    return {"attributes": {**held, "metric_version": version, "images": images}}


class GateStore:
    """A benchmark's folder that grows cell by cell."""

    def __init__(
        self, root, name="bench", rows=ROWS, tasks=(FACES,), metrics=(), datasets=(DATASET,)
    ):
        self.folder = root / name
        self.folder.mkdir(parents=True)
        self.plan = {
            "schema": 1,
            "farbench": "0.1.0",
            "benchmark": {
                "name": name,
                "metrics": list(metrics),
                "protocol": {"name": "quick"},
                "rows": [{"id": row} for row in rows],
            },
            "tasks": {dataset: [task.record() for task in tasks] for dataset in datasets},
            "cells": [],
        }
        self.save()

    def save(self):
        (self.folder / "plan.json").write_text(json.dumps(self.plan))

    def planned(self, row, seed=0, dataset=DATASET):
        """Plan a cell, and return its folder, which is not made."""
        folder = f"{row}-{dataset}-s{seed}-{len(self.plan['cells']):08x}"
        entry = {"row": row, "dataset": dataset, "seed": seed, "folder": folder, "key": folder[-8:]}
        self.plan["cells"].append(entry)
        self.save()
        return self.folder / folder

    def cell(
        self,
        row,
        seed=0,
        metrics=None,
        dataset=DATASET,
        error=None,
        speed=100.0,
        made=None,
        code=None,
        processor="a CPU",
        **scores,
    ):
        """Plan a cell and write what the runner writes."""
        place = self.planned(row, seed, dataset)
        place.mkdir()
        record = {
            "schema": 1,
            "status": "failed" if error else "finished",
            "error": error,
            "row": row,
            "seed": seed,
            "tasks": [FACES.record()],
            "dataset": {"name": dataset, "images": {"test": 20_000}},
            "identity": {
                "key": place.name[-8:],
                "recipe": copy.deepcopy(made or recipe(seed)),
                "code": code or {"modules": {"m": "1"}, "libraries": {"torch": "2.15.0"}},
                "numerics": {"device": "cpu", "precision": "float32", "threads": 2},
            },
            "environment": {"processor": processor, "commit": "abc1234"},
            "stages": [{"name": "joint", "images_per_second": speed}],
            "finished": "2026-01-01T00:00:00+00:00",
        }
        (place / "cell.json").write_text(json.dumps(record))
        if not error:
            held = values(**scores) if metrics is None else metrics
            (place / "metrics.json").write_text(json.dumps(held))
        return place


def usual(root, seeds=(0,), name="bench", **scores):
    """Return a store whose two rows are finished."""
    store = GateStore(root, name)
    for row in ROWS:
        for seed in seeds:
            store.cell(row, seed, **scores)
    return store
