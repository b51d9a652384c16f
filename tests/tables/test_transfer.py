"""Tables of transfer: planted gains and losses, what is kept, and what is said where none is."""

import json
import shutil

import numpy as np
import pytest
from twin_store import AGE, ATTRIBUTES, DATASET, POINTS, RACE, ROWS, WHO, TwinStore, logits

from farbench.cli import main
from farbench.errors import UserError
from farbench.scoring.paired import holm
from farbench.tables.comparisons import find as comparisons
from farbench.tables.comparisons.evidence import FILE, read_evidence
from farbench.tables.comparisons.lines import verdict_of
from farbench.tables.files import write_all
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def planted(root, rng, count=300, metrics=("accuracy",), **options):
    """Store attributes of which the first gains, the second loses and the third does not differ."""
    store = TwinStore(root, [ATTRIBUTES], metrics=metrics, **options)
    labels = rng.integers(0, 2, (count, 3)).astype(np.int8)
    luck = rng.random((count, 3))
    together, alone = luck < [0.9, 0.7, 0.8], luck < [0.7, 0.9, 0.8]
    store.both(ATTRIBUTES, logits(together, labels), logits(alone, labels), labels)
    return store


def only(store):
    (table,) = build(store.folder, "transfer")
    return table


def lines(table):
    return {row.id: row.cells for row in table.rows()}


def verdicts(table):
    return {id: cells["verdict"].text for id, cells in lines(table).items()}


def scores_of(store, number, task):
    folder = store.folder / store.plan["cells"][number]["folder"]
    return json.loads((folder / "metrics.json").read_text())[task]


def test_planted_gains_and_losses_are_told(tmp_path, rng):
    store = planted(tmp_path, rng)
    table = only(store)
    assert verdicts(table) == {
        "shared": "none shown",
        "shared/Bald": "positive",
        "shared/Smiling": "negative",
        "shared/Wearing_Hat": "none shown",
    }
    assert [row.id for row in table.blocks[0].rows] == ["shared"]
    assert table.blocks[1].title == "Shared: each attribute"
    together, alone = scores_of(store, 0, "attributes"), scores_of(store, 1, "attributes")
    held = lines(table)
    assert held["shared"]["own"].value == pytest.approx(together["accuracy"])
    assert held["shared"]["other"].value == pytest.approx(alone["accuracy"])
    for name in ATTRIBUTES.attributes:
        cells = held[f"shared/{name}"]
        own = [scores["accuracy_per_attribute"][name] for scores in (together, alone)]
        assert cells["own"].value == pytest.approx(own[0])
        assert cells["other"].value == pytest.approx(own[1])
        assert cells["difference"].value == pytest.approx(own[0] - own[1])
        assert cells["low"].value <= cells["difference"].value <= cells["high"].value
        assert cells["difference"].std is None
    said = " ".join(text for _, text in table.footnotes)
    assert "Shared: of 3 attributes, positive 1, negative 1, none shown 1." in said
    assert "With one seed a verdict is on two trainings" in " ".join(table.caption)
    assert "300 test images" in " ".join(table.caption)


def test_p_is_adjusted_for_the_lines_of_a_table(tmp_path, rng):
    rows = (*ROWS, ("other", "Other", ()), ("other-single", "Other, each task alone", ()))
    store = TwinStore(tmp_path, [ATTRIBUTES], rows=rows, metrics=("accuracy", "mA"))
    labels = rng.integers(0, 2, (200, 3)).astype(np.int8)
    for row in ("shared", "shared-single", "other", "other-single"):
        outputs = {"attributes": logits(rng.random((200, 3)) < 0.8, labels)}
        store.predicted(row, outputs, {"attributes": labels})
    accuracy, mA = build(store.folder, "transfer")
    kept = read_evidence(store.folder).findings.values()
    assert len(kept) == 4
    for table, metric in ((accuracy, "accuracy"), (mA, "mA")):
        of = [one.compared for one in kept if one.place.metric == metric]
        held = lines(table)
        of.sort(key=lambda one: one.whole.own != held["shared"]["own"].value)
        wholes = [held[row]["adjusted_p"].value for row in ("shared", "other")]
        assert wholes == pytest.approx(holm([one.whole.p for one in of]))
        each = [line for one in of for line in one.details.values()]
        raw = [line.mcnemar if metric == "accuracy" else line.p for line in each]
        names = [f"{row}/{name}" for row in ("shared", "other") for name in ATTRIBUTES.attributes]
        assert [held[name]["p"].value for name in names] == raw
        assert [held[name]["adjusted_p"].value for name in names] == pytest.approx(holm(raw))
    said = " ".join(accuracy.caption)
    assert "adjusted for the 2 lines of whole tasks and, apart from them, the 6 of" in said
    assert "McNemar's test (mid-p) for each attribute" in said
    assert "McNemar" not in " ".join(mA.caption)


@pytest.mark.parametrize(
    ("difference", "p", "higher", "verdict"),
    [
        (0.1, 0.01, True, 1),
        (-0.1, 0.01, True, -1),
        (-0.1, 0.01, False, 1),
        (0.1, 0.01, False, -1),
        (0.1, 0.05, True, 0),
        (0.0, 0.0001, True, 0),
    ],
)
def test_the_verdict_knows_the_direction(difference, p, higher, verdict):
    assert verdict_of(difference, p, higher_is_better=higher) == verdict


def test_less_error_is_positive_transfer_and_details_are_decades(tmp_path, rng):
    store = TwinStore(tmp_path, [AGE])
    labels = rng.uniform(20, 40, 400).astype(np.float32)
    noise = rng.normal(0, 6, 400)
    labels[:7] = np.nan
    predicted = [np.nan_to_num(labels, nan=30) + noise * by for by in (0.8, 1.0)]
    store.both(AGE, *(one.astype(np.float32) for one in predicted), labels)
    table = only(store)
    held = lines(table)
    assert held["shared"]["difference"].value < 0
    assert held["shared"]["high"].value < 0
    assert verdicts(table)["shared"] == "positive"
    together = scores_of(store, 0, "age")
    assert held["shared"]["own"].value == pytest.approx(together["mae"])
    for decade, value in together["mae_per_decade"].items():
        assert held[f"shared/{decade}"]["own"].value == pytest.approx(value)
    assert "393 test images" in " ".join(table.caption)
    assert "below 0 is positive" in " ".join(table.caption)
    assert "for the one line of whole tasks and, apart from them, the 2 of decades" in (
        " ".join(table.caption)
    )


def test_details_of_classes_are_their_own_images(tmp_path, rng):
    store = TwinStore(tmp_path, [RACE], metrics=("accuracy",))
    labels = rng.integers(-1, 3, 200).astype(np.int16)
    made = [rng.normal(size=(200, 3)).astype(np.float16) for _ in range(2)]
    store.both(RACE, *made, labels)
    held = lines(only(store))
    together = scores_of(store, 0, "race")
    assert held["shared"]["own"].value == pytest.approx(together["accuracy"])
    for name, value in together["recall_per_class"].items():
        assert held[f"shared/{name}"]["own"].value == pytest.approx(value)


def test_classes_stand_once_where_both_metrics_are_shown(tmp_path, rng):
    store = TwinStore(tmp_path, [RACE])
    labels = rng.integers(0, 3, 200).astype(np.int16)
    store.both(RACE, *(rng.normal(size=(200, 3)).astype(np.float16) for _ in range(2)), labels)
    accuracy, balanced = build(store.folder, "transfer")
    assert list(lines(accuracy)) == ["shared"]
    assert list(lines(balanced)) == ["shared", "shared/x", "shared/y", "shared/z"]
    assert not any("classes" in text for _, text in accuracy.footnotes)


def test_a_handful_of_images_has_no_interval_and_no_verdict(tmp_path, rng):
    store = TwinStore(tmp_path, [AGE])
    labels = np.r_[rng.uniform(20, 30, 200), [95.0], rng.uniform(50, 60, 19)].astype(np.float32)
    store.both(AGE, labels + 1, labels + rng.uniform(2, 3, 220).astype(np.float32), labels)
    table = only(store)
    held = lines(table)
    assert verdicts(table) == {
        "shared": "positive",
        "shared/20-29": "positive",
        "shared/50-59": "too few",
        "shared/90-99": "too few",
    }
    assert [held[f"shared/{d}"]["units"].value for d in ("20-29", "50-59", "90-99")] == [200, 19, 1]
    for key in ("low", "high", "p", "adjusted_p"):
        assert (held["shared/90-99"][key].value, held["shared/90-99"][key].missing) == (None, "–")
    assert held["shared/90-99"]["difference"].value < 0
    alone = held["shared/20-29"]  # in its family: the others have no p
    assert alone["adjusted_p"].value == alone["p"].value
    said = "Shared: of 3 decades, positive 1, negative 0, none shown 0, too few 2."
    assert said in [text for _, text in table.footnotes]


def test_the_rarer_answer_counts_where_both_must_be_known(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES], metrics=("mA",))
    labels = rng.integers(0, 2, (100, 3)).astype(np.int8)
    labels[:, 0] = np.arange(100) < 5
    met = [rng.random((100, 3)) < by for by in (0.9, 0.5)]
    store.both(ATTRIBUTES, *(logits(one, labels) for one in met), labels)
    table = only(store)
    assert lines(table)["shared/Bald"]["units"].value == 5
    assert verdicts(table)["shared/Bald"] == "too few"
    assert verdicts(table)["shared/Smiling"] == "positive"


def test_a_row_of_a_single_task_is_the_same_training_and_left_out(tmp_path, rng, capsys):
    store = planted(tmp_path, rng)
    place = store.folder / store.plan["cells"][0]["folder"] / "metrics.json"
    metrics = json.loads(place.read_text())
    del metrics["beside"]
    place.write_text(json.dumps(metrics))
    assert build(store.folder, "transfer") == []
    assert main(["table", str(store.folder), "--kind", "transfer"]) == 2
    assert "tasks to compare" in capsys.readouterr().err


def test_details_of_landmarks_are_points(tmp_path, rng):
    store = TwinStore(tmp_path, [POINTS])
    labels = rng.uniform(0, 100, (80, 5, 2)).astype(np.float32)
    labels[3, 4] = np.nan
    made = [(np.nan_to_num(labels) + rng.normal(0, s, labels.shape)) for s in (1, 2)]
    store.both(POINTS, *(one.astype(np.float32) for one in made), labels)
    table = only(store)
    held = lines(table)
    together = scores_of(store, 0, "landmarks")
    assert held["shared"]["own"].value == pytest.approx(together["nme"])
    for point, value in together["nme_per_point"].items():
        assert held[f"shared/{point}"]["own"].value == pytest.approx(value)
    assert verdicts(table)["shared"] == "positive"
    remarks = [text for _, text in table.footnotes]
    assert "No means over images, so not compared here: MAE." in remarks


def test_images_are_matched_by_name(tmp_path, rng):
    store = planted(tmp_path / "a", rng)
    expected = lines(only(store))
    other = TwinStore(tmp_path / "b", [ATTRIBUTES], metrics=("accuracy",))
    order = rng.permutation(300)
    for cell, rows in zip(store.plan["cells"], (np.arange(300), order), strict=True):
        with np.load(store.folder / cell["folder"] / "predictions.npz") as held:
            output, target = held["attributes.output"][rows], held["attributes.target"][rows]
            images = held["image"][rows]
        if cell["row"] == "shared":  # an image more, which the twin never saw
            output, target = np.r_[output, -output[:1]], np.r_[target, target[:1]]
            images = np.r_[images, ["only here"]]
        other.predicted(cell["row"], {"attributes": output}, {"attributes": target}, 0, images)
    found = lines(only(other))
    for id, cells in expected.items():
        for key in ("other", "own", "low", "high", "p"):
            assert found[id][key].value == pytest.approx(cells[key].value)


def test_other_labels_are_refused(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES])
    labels = rng.integers(0, 2, (50, 3)).astype(np.int8)
    for row, known in (("shared", labels), ("shared-single", 1 - labels)):
        store.predicted(row, {"attributes": logits(True, labels)}, {"attributes": known})
    with pytest.raises(UserError, match="hold other labels of 'attributes' for the same images"):
        build(store.folder, "transfer")


def test_identities_are_drawn_where_the_row_knows_them(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES, WHO], metrics=("accuracy", "auc"))
    labels = np.repeat(rng.integers(0, 2, (30, 3)), 8, axis=0).astype(np.int8)
    who = np.repeat(np.arange(30), 8).astype(np.int32)
    met = [np.repeat(rng.random((30, 3)) < 0.7, 8, axis=0) for _ in range(2)]
    faces = rng.normal(size=(240, 2)).astype(np.float32)
    together, alone = (logits(one, labels) for one in met)
    store.predicted(
        "shared",
        {"attributes": together, "identity": faces},
        {"attributes": labels, "identity": who},
    )
    store.predicted("shared-single", {"attributes": alone}, {"attributes": labels})
    store.predicted("shared-single", {"identity": faces}, {"identity": who})
    table = only(store)
    assert "30 identities of 240 test images" in " ".join(table.caption)
    assert "not compared here: identity AUC" in " ".join(text for _, text in table.footnotes)
    plain = TwinStore(tmp_path / "plain", [ATTRIBUTES], metrics=("accuracy",))
    plain.both(ATTRIBUTES, together, alone, labels)

    def width(table):
        cells = lines(table)["shared"]
        return cells["high"].value - cells["low"].value

    assert not any(column.key == "units" for column in table.columns)  # all have as many
    assert width(table) > 2 * width(only(plain))  # eight copies of a face are one face


def test_seeds_are_averaged_image_by_image_first(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES], metrics=("accuracy",), seeds=(0, 1, 2))
    labels = rng.integers(0, 2, (400, 3)).astype(np.int8)
    differences = []
    for seed in (0, 1):
        met = [rng.random((400, 3)) < by for by in (0.75 + 0.05 * seed, 0.7)]
        store.both(ATTRIBUTES, *(logits(one, labels) for one in met), labels, seed)
        differences.append(met[0].mean() - met[1].mean())
    store.predicted("shared", {"attributes": logits(True, labels)}, {"attributes": labels}, 2)
    store.planned("shared-single", 2)
    table = only(store)
    cells = lines(table)["shared"]
    assert cells["difference"].value == pytest.approx(np.mean(differences))
    assert cells["difference"].std == pytest.approx(np.std(differences, ddof=1))
    assert cells["difference"].n == 2
    assert dict(table.footnotes)[cells["label"].note] == (
        "Shared: of 3 seeds, those both finished: 0, 1"
    )
    assert "400 test images and 2 seeds" in " ".join(table.caption)
    assert "With one seed" not in " ".join(table.caption)


def test_seeds_that_disagree_show_nothing(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES], metrics=("accuracy",), seeds=(0, 1))
    labels = rng.integers(0, 2, (400, 3)).astype(np.int8)
    for seed, by in ((0, 0.95), (1, 0.68)):
        met = [rng.random((400, 3)) < one for one in (by, 0.7)]
        store.both(ATTRIBUTES, *(logits(one, labels) for one in met), labels, seed)
    cells = lines(only(store))["shared"]
    assert cells["difference"].value > 0.05
    assert cells["verdict"].text == "none shown"


def test_what_was_compared_is_kept_for_results_without_predictions(tmp_path, rng, capsys):
    store = planted(tmp_path, rng)
    write_all(store.folder)
    assert {path.name for path in (store.folder / "tables").glob("transfer.*")} == {
        "transfer.md", "transfer.tex", "transfer.csv",
    }  # fmt: skip
    before = only(store)
    for path in store.folder.rglob("predictions.npz"):
        path.unlink()
    assert only(store) == before
    assert main(["table", str(store.folder), "--kind", "transfer"]) == 0
    assert "positive" in capsys.readouterr().out
    (store.folder / FILE).write_text("{")
    assert main(["table", str(store.folder), "--kind", "transfer"]) == 2
    error = capsys.readouterr().err
    assert "evidence.json holds nothing of these cells" in error
    assert "committed results carry no predictions" in error
    assert error.count("\n") == 1


def test_what_was_kept_of_other_cells_is_not_shown(tmp_path, rng):
    store = planted(tmp_path, rng)
    only(store)
    kept = (store.folder / FILE).read_text()
    old = store.plan["cells"][0]["folder"]
    assert old in kept
    new = old[:-8] + "feedfeed"
    shutil.move(store.folder / old, store.folder / new)
    store.plan["cells"][0] |= {"folder": new, "key": "feedfeed"}
    store.save()
    record = json.loads((store.folder / new / "cell.json").read_text())
    record["identity"]["key"] = "feedfeed"
    (store.folder / new / "cell.json").write_text(json.dumps(record))
    with np.load(store.folder / new / "predictions.npz") as held:
        arrays = dict(held)
    arrays["attributes.output"] = -arrays["attributes.output"]
    np.savez(store.folder / new / "predictions.npz", **arrays)
    assert lines(only(store))["shared"]["difference"].value < -0.5
    assert new in (store.folder / FILE).read_text()
    (store.folder / new / "predictions.npz").unlink()
    (store.folder / FILE).write_text(kept)
    with pytest.raises(UserError, match="holds nothing of these cells"):
        build(store.folder, "transfer")


def test_a_row_without_predictions_does_not_hide_the_others(tmp_path, rng):
    store = TwinStore(
        tmp_path,
        [ATTRIBUTES],
        rows=(*ROWS, ("other", "Other", ()), ("other-single", "Other, each task alone", ())),
        metrics=("accuracy",),
    )
    labels = rng.integers(0, 2, (60, 3)).astype(np.int8)
    for row in ("shared", "shared-single", "other", "other-single"):
        outputs = {"attributes": logits(rng.random((60, 3)) < 0.8, labels)}
        place = store.predicted(row, outputs, {"attributes": labels})
    (place / "predictions.npz").unlink()
    table = only(store)
    cells = lines(table)["other"]
    assert cells["difference"].missing == "no predictions"
    assert "committed results" in dict(table.footnotes)[cells["label"].note]
    assert lines(table)["shared"]["p"].value is not None


def test_a_comparison_that_takes_long_is_told_after_a_run_and_made(tmp_path, rng, monkeypatch):
    store = planted(tmp_path, rng)
    monkeypatch.setattr(comparisons, "QUICK", 300 * 10_000)
    with pytest.raises(UserError, match="--kind transfer` does it, and keeps"):
        build(store.folder, "transfer")
    said = []
    write_all(store.folder, said.append)
    (told,) = said
    assert told.startswith("comparing rows on their predictions, about")
    write_all(store.folder, said.append)
    assert len(said) == 1  # what is kept costs nothing
    assert verdicts(only(store))["shared/Bald"] == "positive"
    (store.folder / FILE).unlink()
    (table,) = build(store.folder, "transfer", TableOptions(patient=True))
    assert verdicts(table)["shared/Bald"] == "positive"


def test_unfinished_twins_are_missing_and_the_exit_code_is_one(tmp_path, rng, capsys):
    store = TwinStore(tmp_path, [ATTRIBUTES], metrics=("accuracy",))
    labels = rng.integers(0, 2, (40, 3)).astype(np.int8)
    store.predicted("shared", {"attributes": logits(True, labels)}, {"attributes": labels})
    store.planned("shared-single")
    assert lines(only(store))["shared"]["difference"].missing == "not run"
    assert main(["table", str(store.folder), "--kind", "transfer"]) == 1
    assert "nothing in this table is measured" in capsys.readouterr().err


def test_without_twins_there_is_no_table(tmp_path, capsys):
    store = TwinStore(tmp_path, [ATTRIBUTES], rows=ROWS[:1])
    store.planned("shared")
    assert write_all(store.folder)
    assert not list((store.folder / "tables").glob("transfer.*"))
    assert main(["table", str(store.folder), "--kind", "transfer"]) == 2
    assert "single_task: true" in capsys.readouterr().err


def test_each_task_is_compared_with_the_cell_that_had_it_alone(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES, AGE], metrics=("accuracy", "mae"))
    labels = {
        "attributes": rng.integers(0, 2, (40, 3)).astype(np.int8),
        "age": rng.uniform(20, 40, 40).astype(np.float32),
    }
    outputs = {
        "attributes": logits(rng.random((40, 3)) < 0.8, labels["attributes"]),
        "age": labels["age"] + 1,
    }
    store.predicted("shared", outputs, labels)
    for name, values in outputs.items():
        worse = -values if name == "attributes" else values + 2
        store.predicted("shared-single", {name: worse}, {name: labels[name]})
    accuracy, mae = build(store.folder, "transfer")
    assert (accuracy.title, mae.title) == (
        "Ablation of MGMTN: transfer, attributes Accuracy on Faces.",
        "Ablation of MGMTN: transfer, age MAE (years) on Faces.",
    )
    for table in (accuracy, mae):
        assert verdicts(table)["shared"] == "positive"
    assert lines(mae)["shared"]["difference"].value == pytest.approx(-2, abs=1e-5)


def test_tasks_that_a_row_does_not_have_are_left_out(tmp_path, rng):
    store = TwinStore(tmp_path, [ATTRIBUTES, AGE], metrics=("accuracy", "mae"))
    labels = rng.integers(0, 2, (40, 3)).astype(np.int8)
    store.both(ATTRIBUTES, logits(True, labels), logits(True, labels), labels)
    assert only(store).name == f"transfer-transfer-{DATASET}-accuracy"


def test_metrics_that_are_no_means_are_named_and_the_usual_one_stands_in(tmp_path, rng):
    store = planted(tmp_path, rng, metrics=("f1",))
    table = only(store)
    assert table.columns[1].metric == "accuracy_other"
    remarks = [text for _, text in table.footnotes]
    assert "No means over images, so not compared here: F1." in remarks
