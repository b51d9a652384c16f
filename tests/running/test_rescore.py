"""Scoring finished cells again: what is added, what stays, what cannot be, and the command."""

import json

import numpy as np
import pytest

from farbench.cli import main
from farbench.errors import UserError
from farbench.running.rescore import finished_cells, rescore
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.scoring.score import score
from farbench.store.cells import write_predictions
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes

ATTRIBUTES = BinaryAttributes("attributes", ("Bald", "Smiling"))
RACE = Classes("race", ("a", "b"))


def cell(folder, tasks=(ATTRIBUTES, RACE), **record):
    """Write a finished cell as an older farbench left it: scores without calibration."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    outputs = {task.name: rng.normal(size=(30, 2)).astype(np.float16) for task in tasks}
    labels = {
        "attributes": rng.integers(0, 2, (30, 2)).astype(np.int8),
        "race": rng.integers(0, 2, 30).astype(np.int16),
    }
    labels = {name: labels[name] for name in outputs}
    images = np.array([str(i) for i in range(30)])
    write_predictions(folder / "predictions.npz", images, outputs, labels)
    metrics = {task.name: score(task, outputs[task.name], labels[task.name]) for task in tasks}
    for scores in metrics.values():
        for name in [name for name in scores if name.startswith(("ece", "brier"))]:
            del scores[name]
    if "race" in metrics:
        metrics["race"]["reference"] = {"accuracy": 0.6}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    held = {
        "status": "finished",
        "identity": {"key": folder.name},
        "tasks": [task.record() for task in tasks],
        "attributes": {"attributes": list(ATTRIBUTES.attributes)},
        "metric_version": METRIC_VERSION,
        **record,
    }
    (folder / "cell.json").write_text(json.dumps(held))
    return folder


def scores_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_new_metrics_are_added_and_the_others_stay_to_the_last_bit(tmp_path):
    folder = cell(tmp_path / "a")
    before = scores_of(folder)
    done = rescore(folder)
    assert done.added == ("attributes.ece", "attributes.brier", "race.ece", "race.brier")
    assert (done.changed, done.dropped, done.reason) == ((), (), "")
    after = scores_of(folder)
    assert all(after[task][key] == before[task][key] for task in before for key in before[task])
    assert after["race"]["reference"] == {"accuracy": 0.6}
    assert set(after["attributes"]["ece_per_attribute"]) == {"Bald", "Smiling"}
    assert not rescore(folder).different
    assert sorted(path.name for path in folder.iterdir()) == [
        "cell.json", "metrics.json", "predictions.npz"
    ]  # fmt: skip


def test_cells_that_recorded_attributes_alone(tmp_path):
    folder = cell(tmp_path / "a", tasks=(ATTRIBUTES,))
    record = json.loads((folder / "cell.json").read_text())
    del record["tasks"]
    (folder / "cell.json").write_text(json.dumps(record))
    assert rescore(folder).added == ("attributes.ece", "attributes.brier")


def test_scores_of_another_version(tmp_path):
    folder = cell(tmp_path / "a", metric_version=0)
    metrics = scores_of(folder)
    for scores in metrics.values():
        scores["metric_version"] = 0
    metrics["attributes"]["accuracy"] = 0.123
    (folder / "metrics.json").write_text(json.dumps(metrics))
    done = rescore(folder)
    assert done.changed == ("attributes.accuracy",)
    # The constant predictor needs train labels, and its scores are of the old definition.
    assert done.dropped == ("race.reference",)
    assert "reference" not in scores_of(folder)["race"]
    assert scores_of(folder)["race"]["metric_version"] == METRIC_VERSION
    assert json.loads((folder / "cell.json").read_text())["metric_version"] == METRIC_VERSION


def test_lost_scores_come_back(tmp_path):
    folder = cell(tmp_path / "a")
    (folder / "metrics.json").unlink()
    assert "attributes.accuracy" in rescore(folder).added
    assert scores_of(folder)["attributes"]["images"] == 30


def test_absent_or_damaged_predictions_leave_the_scores(tmp_path):
    folder = cell(tmp_path / "a")
    before = scores_of(folder)
    (folder / "predictions.npz").write_bytes(b"PK")
    assert "is no predictions file" in rescore(folder).reason
    (folder / "predictions.npz").unlink()
    assert "committed results carry no predictions" in rescore(folder).reason
    assert scores_of(folder) == before


def test_files_that_hold_something_else(tmp_path):
    folder = cell(tmp_path / "a")
    (folder / "metrics.json").write_text('{"attributes": 5}')
    assert "metrics.json: attributes is 5, not a mapping. Run the" in rescore(folder).reason
    record = json.loads((folder / "cell.json").read_text())
    (folder / "cell.json").write_text(json.dumps({**record, "tasks": {"a": 1}}))
    assert "cell.json: tasks is a mapping, not a list. Run the" in rescore(folder).reason
    (folder / "cell.json").write_text("[]")
    with pytest.raises(UserError, match=r"cell\.json holds no JSON object"):
        finished_cells(tmp_path)


def test_cells_are_found_at_any_level(tmp_path):
    one, two = cell(tmp_path / "b1" / "one"), cell(tmp_path / "b2" / "two")
    cell(tmp_path / "b2" / "failed", status="failed")
    assert finished_cells(tmp_path) == [one, two]
    assert finished_cells(tmp_path / "b2") == finished_cells(two) == [two]
    with pytest.raises(UserError, match="no finished cell"):
        finished_cells(tmp_path / "b2" / "failed")


def test_the_command(tmp_path, capsys):
    folder = cell(tmp_path / "b" / "one", tasks=(ATTRIBUTES,))
    (cell(tmp_path / "b" / "two") / "predictions.npz").unlink()
    plan = {
        "schema": 1,
        "benchmark": {"name": "b", "rows": [{"id": "r"}]},
        "cells": [{"row": "r", "dataset": "d", "seed": 0, "folder": "one"}],
        "tasks": {"d": [ATTRIBUTES.record()]},
    }
    (tmp_path / "b" / "plan.json").write_text(json.dumps(plan))
    assert main(["rescore", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "one: added attributes.ece, attributes.brier\n" in printed
    assert "two: left as it was:" in printed
    assert "1 of 2 cells scored again." in printed
    assert (tmp_path / "b" / "tables" / "main.md").is_file()
    assert main(["rescore", str(tmp_path)]) == 0
    assert "one: the same" in capsys.readouterr().out
    (folder / "predictions.npz").unlink()
    assert main(["rescore", str(tmp_path)]) == 1
    assert "no cell could be scored again" in capsys.readouterr().err
    assert main(["rescore", str(tmp_path / "absent")]) == 2
