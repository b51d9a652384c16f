"""`farbench run` from YAML to table: what it writes, what it prints, what it does not do again."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from safetensors.numpy import load_file

ATTRIBUTES = ["Bright", "Red", "Left", "Top"]


@pytest.fixture
def done(tiny):
    outcome = tiny.run()
    return tiny, outcome


def test_the_results_are_as_documented(done):
    tiny, _ = done
    folder = tiny.results / "tiny_bench"
    plan = json.loads((folder / "plan.json").read_text())
    assert [cell["row"] for cell in plan["cells"]] == ["coarse", "fine"]
    for entry in plan["cells"]:
        assert re.fullmatch(rf"{entry['row']}-dots-s0-[0-9a-f]{{8}}", entry["folder"])
        assert entry["key"].startswith(entry["folder"][-8:])
    cell = folder / plan["cells"][0]["folder"]
    assert {path.name for path in cell.iterdir()} == {
        "cell.json",
        "metrics.json",
        "history.csv",
        "predictions.npz",
        "predictions.valid.npz",
        "model.safetensors",
        "log.txt",
    }
    assert {path.name for path in (folder / "tables").iterdir()} >= {
        "main.md",
        "main.tex",
        "main.csv",
    }


def test_predictions_history_and_weights(done):
    tiny, _ = done
    cell = tiny.cells()["coarse"]
    first = {"predictions.npz": 52, "predictions.valid.npz": 40}
    for name, start in first.items():
        with np.load(cell / name) as held:
            assert sorted(held) == ["attributes.output", "attributes.target", "image"]
            assert held["attributes.output"].dtype == np.float16
            assert held["attributes.target"].dtype == np.int8
            assert held["attributes.output"].shape == held["attributes.target"].shape == (12, 4)
            assert held["image"].tolist() == [f"dot{start + i:03d}" for i in range(12)]
            assert set(np.unique(held["attributes.target"])) == {0, 1}
    with (cell / "history.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["stage"], row["epoch"]) for row in rows] == [
        ("joint", "1"),
        ("joint", "2"),
        ("joint", "3"),
    ]
    assert {"loss", "learning_rate", "images_per_second", "valid_accuracy", "valid_mA"} <= set(
        rows[0]
    )
    weights = load_file(cell / "model.safetensors")
    assert weights["head.weight"].shape == (4, 12)


def test_the_cell_says_what_went_into_it(done):
    tiny, _ = done
    cell = tiny.cells()["fine"]
    record = json.loads((cell / "cell.json").read_text())
    assert record["status"] == "finished"
    assert record["error"] is None
    assert record["seed"] == 0
    assert record["method"] == {"name": "tiny_net", "options": {"cells": 4}}
    assert record["attributes"] == {"attributes": ATTRIBUTES}
    assert record["dataset"]["images"] == {"train": 40, "valid": 12, "test": 12}
    assert set(record["identity"]) == {"key", "recipe", "code", "numerics"}
    assert record["identity"]["numerics"] == {
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
    }
    assert record["environment"]["libraries"]["torch"]
    assert record["protocol"]["learning_rate"] == 0.05
    assert [stage["name"] for stage in record["stages"]] == ["joint"]
    assert record["stages"][0]["steps"] == 15


def test_the_scores_are_those_of_the_stored_predictions(done):
    tiny, outcome = done
    cell = tiny.cells()["fine"]
    metrics = json.loads((cell / "metrics.json").read_text())["attributes"]
    with np.load(cell / "predictions.npz") as held:
        right = (held["attributes.output"] > 0) == held["attributes.target"]
    assert metrics["accuracy"] == pytest.approx(right.mean(0).mean())
    assert list(metrics["accuracy_per_attribute"]) == ATTRIBUTES
    assert metrics["accuracy"] > 0.7  # the dots can be learnt, so something is
    assert re.search(rf"fine +.*{100 * metrics['accuracy']:.2f}", outcome.out)
    assert f"test accuracy {100 * metrics['accuracy']:.2f}" in outcome.err
    assert f"test accuracy {100 * metrics['accuracy']:.2f}" in (cell / "log.txt").read_text()


def test_finished_cells_are_not_run_again(done):
    tiny, _ = done
    before = {
        path: (path.stat().st_mtime_ns, path.stat().st_ino)
        for folder in tiny.cells().values()
        for path in folder.iterdir()
    }
    again = tiny.run()
    assert "2 of 2 cells finished already." in again.err
    assert "coarse" in again.out
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in before}
    assert after == before


def test_only_what_changed_is_run(done):
    tiny, _ = done
    text = tiny.file.read_text()
    tiny.file.write_text(text.replace("cells: 4", "cells: 3") + "  one: {method: tiny_net}\n")
    outcome = tiny.run()
    assert "1 of 3 cells finished already." in outcome.err
    assert "coarse" not in outcome.err
    assert list(tiny.cells()) == ["coarse", "fine", "one"]


def test_the_dry_run_tells_and_does_nothing(tiny):
    before = tiny.run("--dry-run")
    assert "coarse  dots  seed 0  to run    coarse-dots-s0-" in before.out
    assert re.search(r"stage +joint, seed 0 +about 0 s +fine", before.out)
    assert re.search(r"2 cells: 0 finished, 2 to run, about \d+ s with sharing, about", before.out)
    assert not tiny.results.exists()
    assert not (tiny.folder.parent / "cache").exists()
    tiny.run("--rows", "fine")
    after = tiny.run("--dry-run")
    assert "fine    dots  seed 0  finished" in after.out
    assert "2 cells: 1 finished, 1 to run" in after.out
    tiny.run()
    assert tiny.run("--dry-run").out.rstrip().endswith("2 cells: 2 finished, 0 to run.")


def test_rows_seeds_and_set(tiny):
    tiny.run("--rows", "fine", "--seeds", "3,1", "--set", "protocol.epochs=1")
    folders = sorted(path.name for path in (tiny.results / "tiny_bench").glob("fine-*"))
    assert [name[:-8] for name in folders] == ["fine-dots-s1-", "fine-dots-s3-"]
    assert not list((tiny.results / "tiny_bench").glob("coarse-*"))
    weights = [load_file(path) for path in tiny.results.rglob("model.safetensors")]
    assert not np.array_equal(weights[0]["head.weight"], weights[1]["head.weight"])
    tiny.run("--set", "rows.fine.cells=1", "--set", "dataset.train=16", "--rows", "fine")
    record = json.loads((tiny.cells()["fine"] / "cell.json").read_text())
    assert record["method"]["options"] == {"cells": 1}
    assert record["dataset"]["images"]["train"] == 16


def test_protocol_and_dataset_from_the_command_line(tiny):
    tiny.write({"other.yaml": "extends: ./tiny.yaml\nepochs: 1\nkeep_weights: false\n"})
    small = ["--set", "dataset.train=16", "--set", "dataset.valid=8", "--set", "dataset.test=8"]
    protocol = ["--protocol", tiny.folder / "other.yaml", "--rows", "coarse"]
    tiny.run(*protocol, "--dataset", "synthetic_faces", *small)
    cell = tiny.cells()["coarse"]
    record = json.loads((cell / "cell.json").read_text())
    assert record["protocol"]["name"] == "other"
    assert record["dataset"]["name"] == "synthetic_faces"
    assert record["dataset"]["synthetic"] is True
    assert len(record["attributes"]["attributes"]) == 40
    assert not (cell / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("format", "wanted"),
    [
        ("terminal", "fine"),
        ("markdown", "| fine"),
        ("latex", "\\begin{tabular}"),
        ("csv", ",fine,"),
        ("json", '"fine"'),
    ],
)
def test_the_table_in_every_format(done, format, wanted):
    tiny, _ = done
    outcome = tiny.cli("table", tiny.results, "--format", format)
    assert outcome.code == 0
    assert wanted in outcome.out


def test_the_printed_table_is_the_one_of_farbench_table(done):
    tiny, outcome = done
    table = tiny.cli("table", tiny.results).out.rstrip()
    assert table in outcome.out


def test_a_shipped_name_from_an_empty_folder(tiny, tmp_path):
    plugins = ["--plugins", tiny.folder / "tiny_dataset.py", "--plugins"]
    outcome = tiny.cli(
        "run",
        "quickstart",
        *plugins,
        tiny.folder / "tiny_method.py",
        *["--rows", "baseline", "--set", "protocol.threads=1", "--set", "protocol.resize=40"],
        *["--set", "protocol.crop=32", "--set", "protocol.stage_epochs.global=0"],
        *["--set", "protocol.epochs=1", "--set", "dataset.train=16", "--set", "dataset.valid=8"],
        *["--set", "dataset.test=8"],
    )
    assert outcome.code == 0, outcome.err
    assert list((tmp_path / "work" / "runs" / "quickstart").glob("baseline-synthetic_faces-s0-*"))
    assert "Again: farbench table runs/quickstart" in outcome.out


def test_images_that_do_not_decode_are_named_and_can_be_skipped(tiny):
    outcome = tiny.run("--set", "dataset.broken=5", code=2)
    assert "1 image does not open: image dot005 does not decode." in outcome.err
    assert "--skip-broken" in outcome.err
    assert not tiny.results.exists()
    outcome = tiny.run("--set", "dataset.broken=5", "--skip-broken")
    assert "note: dots: 1 image that does not decode is left out: dot005." in outcome.err
    record = json.loads((tiny.cells()["fine"] / "cell.json").read_text())
    assert record["dataset"]["images"]["train"] == 39
    again = tiny.run("--set", "dataset.broken=5", "--skip-broken", "--dry-run")
    assert "2 cells: 2 finished, 0 to run." in again.out


def test_a_run_of_some_rows_keeps_the_others_in_the_table(tiny) -> None:
    tiny.run()
    outcome = tiny.run("--rows", "fine")
    assert "note: the tables keep what other runs finished here: coarse (1 cell)." in outcome.err
    assert list(tiny.cells()) == ["coarse", "fine"]
    assert "coarse" in outcome.out
    assert "note: the tables" not in tiny.run().err
