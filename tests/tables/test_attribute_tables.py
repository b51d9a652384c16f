"""Tables of single attributes: one row by several metrics, rows against each other and papers."""

import json

import numpy as np
import pytest
from fake_store import FakeStore
from predicted_store import TWO, PredictedStore, answered, attributes, printed, remarks

from farbench.benchmark.locate import shipped_names
from farbench.cli import main
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions
from farbench.tables.published.rows import load_published
from farbench.tables.writers import WRITERS, render
from farbench.tasks.attributes import CELEBA_ATTRIBUTES

NAMES = ("Bald", "Smiling", "Wearing_Hat")
ONE = (("baseline", "Baseline", ()),)


def two_rows(tmp_path, **benchmark):
    store = FakeStore(tmp_path, rows=TWO, **benchmark)
    store.cell("baseline", 0.9, 0.8, per_attribute={"Bald": 0.99, "Smiling": 0.8})
    store.cell("aml", 0.91, 0.8, per_attribute={"Bald": 0.98, "Smiling": 0.85})
    return store


def test_a_single_row_is_shown_by_several_metrics(tmp_path):
    labels = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 1, 0]])
    said = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0]])
    store = PredictedStore(tmp_path, [attributes(*NAMES)], rows=ONE)
    store.predicted(
        "baseline",
        {"attributes": answered(said)},
        {"attributes": labels},
        train_prevalence={"attributes": [0.1, 0.9, 0.2]},
    )
    (table,) = build(store.folder, "attributes")
    assert [c.title for c in table.columns] == [
        "Attribute", "Prevalence", "Majority", "Accuracy", "mA", "F1", "AP", "ECE"
    ]  # fmt: skip
    bald, hat = printed(table)["Bald"], printed(table)["Wearing_Hat"]
    assert (bald["prevalence"].value, bald["majority"].value) == (0.5, 0.5)
    assert (bald["accuracy"].value, bald["mA"].value) == (0.75, 0.75)
    assert bald["f1"].value == pytest.approx(0.8)
    yes = 1 / (1 + np.exp(-2.0))
    assert bald["ece"].value == pytest.approx(0.75 * abs(2 / 3 - yes) + 0.25 * (1 - yes))
    assert (hat["accuracy"].value, hat["mA"].missing) == (1.0, "–")
    mean = printed(table, "mean")["mean"]
    assert mean["accuracy"].value == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert mean["prevalence"].value == pytest.approx((0.5 + 0.75 + 0) / 3)
    assert "mA on Faces leaves out 1 of 3 attributes" in remarks(table)


def test_one_of_several_rows_and_the_metrics_that_are_asked_for(tmp_path):
    store = two_rows(tmp_path)
    (table,) = build(store.folder, "attributes", TableOptions(rows=("aml",)))
    assert table.title == "Ablation of MGMTN: each attribute of + AML, Synthetic faces."
    options = TableOptions(rows=("aml",), metrics=("recall", "brier"))
    (table,) = build(store.folder, "attributes", options)
    assert [c.title for c in table.columns] == ["Attribute", "Prevalence", "Recall", "Brier"]
    costs = TableOptions(rows=("aml",), metrics=("parameters", "minutes"))
    assert build(store.folder, "attributes", costs) == []
    # One metric of one row has room for what papers print beside it.
    (table,) = build(store.folder, "attributes", TableOptions(rows=("aml",), metrics=("accuracy",)))
    assert [c.title for c in table.columns] == ["Attribute", "+ AML", "majority"]


def test_scores_from_before_a_metric_say_how_to_get_it(tmp_path):
    store = two_rows(tmp_path)
    for path in store.folder.glob("*/metrics.json"):
        held = json.loads(path.read_text())
        held["attributes"] = {k: v for k, v in held["attributes"].items() if "ece" not in k}
        path.write_text(json.dumps(held))
    (table,) = build(store.folder, "attributes", TableOptions(metrics=("ece",)))
    mean = printed(table, "mean")["mean"]["row/aml"]
    assert (mean.missing, mean.note) == ("–", "a")
    assert "(a) these scores are older than ECE: `farbench rescore` adds it" in remarks(table)


def test_two_rows_have_their_difference_seed_by_seed(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, seeds=(0, 1), compare="aml")
    for row, values in (("baseline", (0.90, 0.80)), ("aml", (0.95, 0.81))):
        for seed, value in enumerate(values):
            store.cell(row, value, 0.8, seed=seed, per_attribute=dict.fromkeys(NAMES, value))
    table, _ = build(store.folder, "attributes")
    assert [c.title for c in table.columns] == ["Attribute", "Baseline", "+ AML", "Δ", "majority"]
    cell = printed(table)["Bald"]["difference"]
    assert cell.value == pytest.approx(-0.03)
    assert cell.std == pytest.approx(np.std([-0.05, -0.01], ddof=1))
    assert printed(table, "mean")["mean"]["difference"].value == pytest.approx(-0.03)
    assert "difference of Baseline to + AML in points" in remarks(table)
    options = TableOptions(differences=False)
    table, _ = build(store.folder, "attributes", options)
    assert "Δ" not in [c.title for c in table.columns]


def test_few_attributes_go_across(tmp_path):
    store = two_rows(tmp_path)
    table, _ = build(store.folder, "attributes", TableOptions(attributes=("Smiling",)))
    assert [c.title for c in table.columns] == ["Method", "Smiling", "Mean"]
    assert printed(table)["aml"]["Smiling"].best
    assert printed(table)["aml"]["mean"].value == pytest.approx(0.85)
    assert not printed(table, "reference")["majority"]["Smiling"].best
    table, _ = build(store.folder, "attributes", TableOptions(attributes=("Smiling", "Bald")))
    assert list(printed(table)) == ["Smiling", "Bald"]
    mean = printed(table, "mean")["mean"]
    assert mean["row/aml"].value == pytest.approx((0.85 + 0.98) / 2)
    assert mean["majority"].value == pytest.approx((0.6 + 0.9) / 2)


def celeba_store(tmp_path):
    names = ("Bald", "Smiling", "Own_Attribute")
    store = PredictedStore(tmp_path, [attributes(*names)], dataset="celeba")
    labels = np.array([[1, 0, 1], [0, 1, 0]])
    for row in ("baseline", "aml"):
        store.predicted(row, {"attributes": answered(labels)}, {"attributes": labels})
    return store


def test_published_numbers_stand_beside_and_are_never_ranked(tmp_path):
    store = celeba_store(tmp_path)
    accuracy, mA = build(store.folder, "attributes")
    published = [c for c in accuracy.columns if c.over == "Published"]
    assert [c.title for c in published] == ["MOON", "MCNN-AUX", "DMM-CNN", "SwinFace"]
    bald = printed(accuracy)["Bald"]
    assert bald[published[0].key].value == 0.9877
    assert printed(accuracy)["Own_Attribute"][published[0].key].missing == "–"
    assert printed(accuracy, "mean")["mean"][published[0].key].value == 0.9094
    every = [row.cells[c.key] for row in accuracy.rows() for c in published]
    assert not any(cell.best or cell.second for cell in every)
    assert "MOON, MCNN-AUX, DMM-CNN, SwinFace as in SwinFace, arXiv 2308.11509" in remarks(accuracy)
    assert not any(c.over for c in mA.columns)  # nobody prints mA attribute by attribute
    options = TableOptions(attributes=("Bald",))
    table, _ = build(store.folder, "attributes", options)
    rows = printed(table, "published")
    assert rows["published-3"]["label"].text == "SwinFace"
    assert rows["published-3"]["mean"].value == rows["published-3"]["Bald"].value == 0.9899


def test_a_benchmark_may_name_published_attributes_of_its_own(tmp_path):
    store = celeba_store(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: t\npaper: P\ntable: T\nrows:\n  - {label: Mine, method: m, values: {}, "
        "per_attribute: {celeba: {mA: {Bald: 70.5, Smiling: 80.5}}}}\n"
    )
    store.plan["benchmark"]["published"] = [str(path), "gone"]
    store.save()
    _, mA = build(store.folder, "attributes")
    (column,) = [c for c in mA.columns if c.over == "Published"]
    assert printed(mA)["Bald"][column.key].value == 0.705
    assert printed(mA, "mean")["mean"][column.key].value == pytest.approx(0.755)
    assert "Published rows of gone are left out" in remarks(mA)


@pytest.mark.parametrize("name", shipped_names("published table"))
def test_the_mean_of_published_attributes_is_the_published_mean(name):
    for row in load_published(name).rows:
        for dataset, metrics in row.per_attribute.items():
            for metric, values in metrics.items():
                assert list(values) == list(CELEBA_ATTRIBUTES)
                mean = sum(values.values()) / len(values)
                assert mean == pytest.approx(row.values[dataset][metric], abs=0.00501), row.label


@pytest.mark.parametrize("format", WRITERS)
def test_every_format_holds_both_layouts(tmp_path, format):
    store = celeba_store(tmp_path)
    for options in (TableOptions(), TableOptions(attributes=("Bald",))):
        text = render(build(store.folder, "attributes", options), format)
        assert "MCNN-AUX" in text
        assert "98.77" in text or "0.9877" in text


def test_options_of_one_kind_are_refused_by_the_others(tmp_path, capsys):
    folder = str(two_rows(tmp_path).folder)
    for kind, *words in (
        ("slices", "--slices", "Male"),
        ("groups", "--grouping", "mgmtn"),
        ("consistency", "--rules", "x.yaml"),
        ("cooccurrence", "--pairs", "3"),
    ):
        assert main(["table", folder, *words]) == 2
        assert f"farbench table {folder} --kind {kind} {' '.join(words)}" in capsys.readouterr().err
    assert main(["table", folder, "--kind", "groups", "--grouping", "mgmt"]) == 2
    assert "Did you mean 'mgmtn'" in capsys.readouterr().err
    assert main(["table", folder, "--kind", "groups", "--grouping", "mgmtn"]) == 0
    out = capsys.readouterr().out
    assert "Grouping mgmtn: MGMTN (arXiv 2601.01408), Table 1" in " ".join(out.split())
    assert main(["table", folder, "--rows", "alm"]) == 2
    assert "Did you mean 'aml'" in capsys.readouterr().err
