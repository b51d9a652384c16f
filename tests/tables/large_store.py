"""Writes a large results folder with metrics per attribute, as the runner leaves it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from farbench.scoring.catalogue import METRIC_VERSION, METRICS

ATTRIBUTES = tuple(f"Attribute_{number:02d}" for number in range(40))
STAGES = ("global", "groups", "joint")
TITLES = {"faces0": "Faces A", "faces1": "Faces B", "faces2": "Faces C", "faces3": "Faces D"}


def write_large_store(folder, rows=100, datasets=4, seeds=5):
    """Write a benchmark of ``rows * datasets * seeds`` finished cells into ``folder``.

    The files are as long as those of real cells: identities with the digests of every source,
    forty attributes of every metric, a history. There are neither predictions nor weights.

    Returns:
        The benchmark's folder, which holds plan.json.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    cells = []
    for row in range(rows):
        for dataset in range(datasets):
            for seed in range(seeds):
                key = f"{len(cells):08x}"
                name = f"row{row:03d}-faces{dataset}-s{seed}-{key}"
                place = folder / name
                place.mkdir(exist_ok=True)
                (place / "cell.json").write_text(json.dumps(_cell(row, dataset, seed, key)))
                level = 0.8 + 0.001 * row + 0.01 * dataset
                (place / "metrics.json").write_text(json.dumps(_metrics(random, level)))
                (place / "history.csv").write_text(_history())
                (place / "log.txt").write_text("trained\n")
                cells.append(
                    {
                        "row": f"row{row:03d}",
                        "dataset": f"faces{dataset}",
                        "seed": seed,
                        "folder": name,
                        "key": key,
                        "tasks": ["attributes"],
                    }
                )
    (folder / "plan.json").write_text(json.dumps(_plan(rows, datasets, seeds, cells)))
    return folder


def _plan(rows, datasets, seeds, cells):
    task = {"kind": "attributes", "name": "attributes", "attributes": list(ATTRIBUTES)}
    return {
        "schema": 1,
        "farbench": "0.1.0",
        "benchmark": {
            "name": "large",
            "title": "A large benchmark",
            "caption": "",
            "datasets": [f"faces{number}" for number in range(datasets)],
            "seeds": list(range(seeds)),
            "metrics": ["accuracy", "mA", "f1", "parameters"],
            "marks": [],
            "compare": "row000",
            "published": [],
            "protocol": {"name": "large", "crop": 112, "epochs": 5, "selection": "last"},
            "rows": [
                {"id": f"row{row:03d}", "label": f"Method {row}", "method": "m", "options": {}}
                for row in range(rows)
            ],
        },
        "cells": cells,
        "tasks": {f"faces{number}": [task] for number in range(datasets)},
        "notes": [],
    }


def _cell(row, dataset, seed, key):
    digests = {f"farbench.room{number:02d}.module": f"{number:064x}" for number in range(80)}
    return {
        "schema": 1,
        "status": "finished",
        "error": None,
        "row": f"row{row:03d}",
        "tasks": [{"kind": "attributes", "name": "attributes", "attributes": list(ATTRIBUTES)}],
        "dataset": {
            "name": f"faces{dataset}",
            "title": TITLES.get(f"faces{dataset}", f"Faces {dataset}"),
            "options": {},
            "synthetic": False,
            "images": {"train": 162770, "valid": 19867, "test": 19962},
            "notes": [],
        },
        "seed": seed,
        "identity": {
            "key": key,
            "recipe": {"row": row, "seed": seed, "dataset": dataset},
            "code": {"sources": digests, "libraries": {"torch": "2.15.0", "numpy": "2.0.0"}},
            "numerics": {"device": "cpu", "precision": "float32", "threads": 2},
        },
        "method": {"name": "m", "options": {"backbone": "resnet50", "width": row}},
        "attributes": {"attributes": list(ATTRIBUTES)},
        "groups": {"upper": list(range(20)), "lower": list(range(20, 40))},
        "protocol": {"name": "large", "crop": 112, "epochs": 5},
        "environment": {"python": "3.11", "processor": "one", "commit": "0" * 40},
        "stages": [
            {"name": name, "epochs": 5, "steps": 1000, "trunk_steps": 1000, "minutes": 1.5}
            for name in STAGES
        ],
        "keypoints": None,
        "masks": None,
        "selection": {"rule": "last", "epoch": 5},
        "train_prevalence": {"attributes": [0.3] * len(ATTRIBUTES)},
        "parameters": 4_000_000 + row,
        "metric_version": METRIC_VERSION,
        "minutes": 4.5,
        "finished": "2025-01-01T00:00:00+00:00",
    }


def _metrics(random, level):
    held = {"metric_version": METRIC_VERSION, "images": 19962}
    for metric in (*METRICS["attributes"], "prevalence"):
        values = np.clip(level + 0.05 * random.standard_normal(len(ATTRIBUTES)), 0, 1)
        held[metric] = float(values.mean())
        held[f"{metric}_left_out"] = 0
        held[f"{metric}_per_attribute"] = dict(zip(ATTRIBUTES, values.tolist(), strict=True))
    return {"attributes": held}


def _history():
    lines = ["stage,epoch,loss,valid_accuracy,valid_mA"]
    lines += [
        f"{stage},{epoch},{0.5 / epoch},{0.8 + 0.01 * epoch},{0.7 + 0.01 * epoch}"
        for stage in STAGES
        for epoch in range(1, 6)
    ]
    return "\n".join(lines) + "\n"


MEASURED = """
import sys, time
from farbench.cli import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(code, time.process_time(), peak.split()[1], file=sys.stderr)
"""
"""Runs a command and says exit code, processor seconds and peak kilobytes of its own: what
``wait4`` says of a child's memory begins with that of the process that started it."""


def run_measured(*words):
    """Run ``farbench WORDS``; return what it printed, processor seconds and peak kilobytes."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    code, seconds, peak = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    return done.stdout, float(seconds), int(peak)
