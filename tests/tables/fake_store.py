"""Writes a small results folder as the runner leaves it, with numbers of our choosing."""

import json
from pathlib import Path

from farbench.scoring.catalogue import METRIC_VERSION, METRICS

ATTRIBUTES = ("Bald", "Smiling", "Wearing_Hat")
MARKS = ("AG", "AML", "CA", "SA", "CA-SA")
ABLATION = (
    ("baseline", "Baseline", ()),
    ("attribute_grouping", "+ AG", ("AG",)),
    ("aml", "+ AG + AML", ("AG", "AML")),
    ("g2ff_ca", "+ AG + AML + G2FF (CA)", ("AG", "AML", "CA")),
    ("g2ff_sa", "+ AG + AML + G2FF (SA)", ("AG", "AML", "SA")),
    ("g2ff_ca_sa", "+ AG + AML + G2FF (CA-SA)", ("AG", "AML", "CA-SA")),
)


def scores(accuracy, mA, per_attribute=None, left_out=0):
    """Make the attribute part of a metrics.json."""
    values = dict.fromkeys(METRICS["attributes"], 0.5) | {"accuracy": accuracy, "mA": mA}
    held = {"metric_version": METRIC_VERSION, "images": 800}
    for metric, value in values.items():
        held[metric] = value
        held[f"{metric}_left_out"] = left_out if metric == "mA" else 0
        held[f"{metric}_per_attribute"] = dict.fromkeys(ATTRIBUTES, value)
    held["accuracy_per_attribute"].update(per_attribute or {})
    held["prevalence"] = 0.3
    held["prevalence_per_attribute"] = {"Bald": 0.1, "Smiling": 0.6, "Wearing_Hat": 0.2}
    return held


class FakeStore:
    """A benchmark's folder that grows cell by cell; ``plan.json`` is rewritten each time."""

    def __init__(self, root: Path, name="ablation", rows=ABLATION, seeds=(0,), **benchmark):
        self.folder = Path(root) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seeds = seeds
        self.plan = {
            "schema": 1,
            "farbench": "0.1.0",
            "benchmark": {
                "name": name,
                "title": "Ablation of MGMTN",
                "caption": "",
                "datasets": [],
                "seeds": list(seeds),
                "metrics": ["accuracy", "mA"],
                "marks": list(MARKS),
                "compare": None,
                "published": [],
                "protocol": {
                    "name": "quick",
                    "crop": 112,
                    "epochs": 5,
                    "selection": "last",
                    "loss": "bce",
                    "precision": "float32",
                    "substitute": {},
                },
                "rows": [
                    {
                        "id": row,
                        "label": label,
                        "method": row,
                        "options": {},
                        "marks": list(marks),
                        "protocol": {},
                    }
                    for row, label, marks in rows
                ],
                **benchmark,
            },
            "cells": [],
            "notes": [],
        }
        self.save()

    def save(self):
        (self.folder / "plan.json").write_text(json.dumps(self.plan))

    def planned(self, row, seed=0, dataset="synthetic_faces"):
        """Plan a cell and return its folder without making it."""
        folder = f"{row}-{dataset}-s{seed}-{len(self.plan['cells']):08x}"
        self.plan["cells"].append(
            {"row": row, "dataset": dataset, "seed": seed, "folder": folder, "key": folder[-8:]}
        )
        self.save()
        return self.folder / folder

    def cell(
        self,
        row,
        accuracy=None,
        mA=None,
        seed=0,
        dataset="synthetic_faces",
        error=None,
        per_attribute=None,
        left_out=0,
        **record,
    ):
        """Plan a cell and write what the runner writes for it."""
        place = self.planned(row, seed, dataset)
        place.mkdir()
        synthetic = dataset == "synthetic_faces"
        cell = {
            "schema": 1,
            "status": "failed" if error else "finished",
            "error": error,
            "row": row,
            "dataset": {
                "name": dataset,
                "title": "Synthetic faces" if synthetic else "CelebA",
                "options": {},
                "synthetic": synthetic,
                "images": {"train": 4800, "valid": 1200, "test": 2000},
                "notes": [],
            },
            "seed": seed,
            "identity": {"key": place.name[-8:], "recipe": {}, "code": {}, "numerics": {}},
            "attributes": {"attributes": list(ATTRIBUTES)},
            "method": {"name": row, "options": {"backbone": "resnet10t"}},
            "groups": None,
            "protocol": {},
            "environment": {},
            "stages": [
                {"name": "global", "epochs": 3, "steps": 400, "trunk_steps": 400},
                {"name": "joint", "epochs": 5, "steps": 670, "trunk_steps": 670},
            ],
            "keypoints": "exact points of the drawn faces" if "aml" in row or "g2" in row else None,
            "masks": None,
            "selection": {"rule": "last", "epoch": 5},
            "train_prevalence": {"attributes": [0.1, 0.55, 0.2]},
            "minutes": 3.5,
            "finished": "2025-01-01T00:00:00+00:00",
            **record,
        }
        (place / "cell.json").write_text(json.dumps(cell))
        if not error:
            held = {"attributes": scores(accuracy, mA, per_attribute, left_out)}
            (place / "metrics.json").write_text(json.dumps(held))
        return place


MASK_F1 = {
    "hair": 0.91, "eyes": 0.93, "nose": 0.9, "cheek": 0.86, "mouth": 0.92, "chin": 0.87,
    "neck": 0.8, "whole": 0.97, "mean": 0.895,
}  # fmt: skip


def ablation(root: Path, **benchmark) -> FakeStore:
    """Write a finished six-row ablation of one seed, with masks."""
    store = FakeStore(root, **benchmark)
    values = ((0.9091, 0.8801), (0.9110, 0.8816), (0.9222, 0.8924), (0.9230, 0.8933),
              (0.9225, 0.8927), (0.9230, 0.8929))  # fmt: skip
    for (row, _, _), (accuracy, mA) in zip(ABLATION, values, strict=True):
        masks = {"f1": MASK_F1, "key": "feed"} if "AML" in dict_marks(row) else None
        store.cell(row, accuracy, mA, masks=masks)
    return store


def dict_marks(row):
    """Return the marks of an ablation row."""
    return {name: marks for name, _, marks in ABLATION}[row]
