"""Rows that are alike: told apart from those that are one training by design."""

import json
import shutil

import numpy as np
import pytest
from twin_store import ATTRIBUTES, TwinStore, logits

from farbench.tables.files import write_all
from farbench.tables.from_store import build

ROWS = (("base", "Base", ()), ("copy", "Copy", ()), ("other", "Other", ()))


@pytest.fixture
def store(tmp_path):
    store = TwinStore(
        tmp_path, [ATTRIBUTES], rows=ROWS, seeds=(0, 1), metrics=("accuracy",), compare="base"
    )
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (100, 3)).astype(np.int8)
    for seed in (0, 1):
        one, another = (logits(rng.random((100, 3)) < 0.8, labels) for _ in range(2))
        for row, output in (("base", one), ("copy", one), ("other", another)):
            store.predicted(row, {"attributes": output}, {"attributes": labels}, seed)
    return store


def remarks(store):
    return [text for _, text in build(store.folder)[0].notes()]


def share_key(store, row, seed):
    """Give a row's cell the key of the compared row's: the same training."""
    places = {
        one["row"]: store.folder / one["folder"]
        for one in store.plan["cells"]
        if one["seed"] == seed
    }
    key = json.loads((places["base"] / "cell.json").read_text())["identity"]["key"]
    record = json.loads((places[row] / "cell.json").read_text())
    record["identity"]["key"] = key
    (places[row] / "cell.json").write_text(json.dumps(record))
    for one in store.plan["cells"]:
        one["key"] = key if (one["row"], one["seed"]) == (row, seed) else one["key"]
    store.save()


def test_identical_predictions_of_rows_that_should_differ_are_warned_of(store):
    said = (
        "Base and Copy: identical predictions of trainings that should differ. Look whether what "
        "sets them apart has any effect."
    )
    assert said in remarks(store)
    assert not any("Other" in text and "identical" in text for text in remarks(store))


def test_predictions_of_one_seed_alone_are_told_with_the_seed(store):
    place = next(store.folder.glob("copy-*-s1-*"))
    shutil.copy(next(store.folder.glob("other-*-s0-*")) / "predictions.npz", place)
    alike = [text for text in remarks(store) if "identical" in text]
    assert alike == [
        "Base and Copy: identical predictions (with seed 0) of trainings that should differ. Look "
        "whether what sets them apart has any effect."
    ]


def test_the_same_training_by_design_is_said_to_be_that(store):
    for seed in (0, 1):
        share_key(store, "copy", seed)
    write_all(store.folder)  # reads all predictions, also of rows that are not compared
    said = remarks(store)
    assert "Base and Copy: the same training by design, so one result printed twice." in said
    assert not any("identical" in text for text in said)
    (table,) = build(store.folder, "significance")
    copy = next(row for row in table.blocks[0].rows if row.id == "copy")
    assert copy.cells["difference"].missing == "same training"
    assert "by design" in dict(table.footnotes)[copy.cells["label"].note]


def test_what_the_plan_notes_is_not_said_twice(store):
    for seed in (0, 1):
        share_key(store, "copy", seed)
    note = "rows base and copy are the same training (same method, options and data)."
    store.plan["notes"] = [note]
    store.save()
    assert [text for text in remarks(store) if "same training" in text] == [note]


def test_a_run_finds_it_without_a_row_to_compare_to_and_keeps_it(store):
    store.plan["benchmark"]["compare"] = None
    store.save()
    assert not any("identical" in text for text in remarks(store))  # a table reads no predictions
    write_all(store.folder)
    assert any("identical" in text for text in remarks(store))
    for path in store.folder.rglob("predictions.npz"):
        path.unlink()
    assert any("identical" in text for text in remarks(store))


def test_a_damaged_file_of_predictions_stops_nothing(store):
    next(store.folder.glob("other-*-s0-*")).joinpath("predictions.npz").write_bytes(b"PK")
    said = []
    assert write_all(store.folder, said.append)
    assert any("is no predictions file" in text for text in said)
    assert any("identical" in text for text in remarks(store))
    assert any("no predictions of Other are stored" in text for text in remarks(store))


def test_masks_that_are_not_learned_are_told_by_group(store):
    for path in store.folder.glob("other-*/cell.json"):
        record = json.loads(path.read_text())
        record["masks"] = {"f1": {"Nose": 0.02, "Hair": 0.9, "Ear": None, "mean": 0.46}}
        path.write_text(json.dumps(record))
    (said,) = [text for text in remarks(store) if "mask network" in text]
    assert "has not learned Nose (F1 2.0);" in said
    assert "Hair" not in said
