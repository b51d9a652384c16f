"""Tables from a folder of results: what is averaged, ranked, missing, and said in the caption."""

import json
import statistics
import sys

import pytest
from fake_store import ABLATION, FakeStore, ablation

from farbench.errors import UserError
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions
from farbench.tables.results import find_benchmark, read_results

TWO = ABLATION[:2]
ACCURACY = "synthetic_faces/accuracy"


def only(store, kind="main", **options):
    (table,) = build(store.folder, kind, TableOptions(**options))
    return table


def rows(table, kind="measured"):
    return {row.id: row.cells for b in table.blocks if b.kind == kind for row in b.rows}


def footnotes(table):
    return " ".join(text for _, text in table.footnotes)


def test_the_ablation_table(tmp_path):
    table = only(ablation(tmp_path))
    assert [c.title for c in table.columns] == [
        "Method", "AG", "AML", "CA", "SA", "CA-SA", "Accuracy", "mA"
    ]  # fmt: skip
    measured = rows(table)
    assert list(measured) == [row for row, _, _ in ABLATION]
    assert [id for id, cells in measured.items() if cells[ACCURACY].best] == [
        "g2ff_ca", "g2ff_ca_sa"
    ]  # fmt: skip
    assert [id for id, cells in measured.items() if cells[ACCURACY].second] == ["g2ff_sa"]
    marks = {key for key, cell in measured["g2ff_ca_sa"].items() if cell.mark}
    assert marks == {"mark/AG", "mark/AML", "mark/CA-SA"}
    cell = measured["aml"][ACCURACY]
    assert (cell.value, cell.std, cell.n) == (0.9222, None, 1)


def test_the_caption_says_what_must_be_known(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.plan["benchmark"]["caption"] = "What grouping adds"
    store.plan["benchmark"]["protocol"]["substitute"] = {"resnest50d": "resnet10t"}
    store.plan["notes"] = ["planned by hand"]
    store.cell("baseline", 0.9, 0.8, keypoints="celeba5")
    store.cell("attribute_grouping", 0.9, 0.8)
    table = only(store)
    text = " ".join([table.title, *table.caption])
    for part in (
        "Ablation of MGMTN.",
        "What grouping adds.",
        "Drawn faces: these numbers say nothing about real ones.",
        "Synthetic faces (4,800 train, 1,200 valid, 2,000 test images), scored on the test split.",
        "Protocol quick",
        "weights of the last epoch",
        "One seed (0).",
        "1,070 trunk steps a row.",
        "keypoints: celeba5.",
        "resnet10t stands in for resnest50d.",
        "farbench 0.1.0.",
    ):
        assert part in text
    assert "planned by hand" in footnotes(table)


def test_what_a_row_changes_is_told_as_it_would_be_set(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.plan["benchmark"]["rows"][1]["protocol"] = {
        "loss": {"name": "focal", "gamma": 2},
        "weighting": {"name": "equal"},
        "losses": {"marks": "mse", "age": {"name": "smooth_l1", "beta": 0.5}},
        "epochs": 3,
    }
    store.cell("baseline", 0.9, 0.8)
    store.cell("attribute_grouping", 0.9, 0.8)
    told = (
        "changes the protocol: loss focal(gamma=2), weighting equal, losses.marks mse, "
        "losses.age smooth_l1(beta=0.5), epochs 3."
    )
    assert any(text.endswith(told) for _, text in only(store).notes())


def test_a_benchmark_without_a_title_is_called_one(tmp_path):
    assert only(ablation(tmp_path, title="")).title == "Benchmark ablation."


def test_real_faces_are_not_called_drawn(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.9, 0.8, dataset="celeba")
    assert "rawn" not in " ".join(only(store).caption)
    store.cell("baseline", 0.9, 0.8)
    assert any(s.startswith("Synthetic faces: drawn faces;") for s in only(store).caption)


def test_unequal_trunk_steps_are_told_row_by_row(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.9, 0.8)
    store.cell("attribute_grouping", 0.9, 0.8, stages=[{"name": "joint", "trunk_steps": 7}])
    assert "Trunk steps differ: Baseline 1,070; + AG 7." in only(store).caption


def test_mean_and_deviation_over_seeds(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, seeds=(0, 1, 2))
    for seed, value in enumerate((0.90, 0.91, 0.95)):
        store.cell("baseline", value, 0.8, seed=seed)
    table = only(store)
    cell = rows(table)["baseline"][ACCURACY]
    assert cell.value == pytest.approx(0.92)
    assert cell.std == pytest.approx(statistics.stdev([0.90, 0.91, 0.95]))
    assert cell.n == 3
    assert "Mean ± standard deviation over 3 seeds (0, 1, 2)." in table.caption


def test_failed_and_absent_cells_say_why(tmp_path):
    store = FakeStore(tmp_path, rows=ABLATION[:4], seeds=(0, 1))
    store.cell("baseline", 0.9, 0.8)
    store.cell("baseline", seed=1, error="ValueError: 3 logits are NaN\n(epoch 2)")
    store.cell("attribute_grouping", error="out of memory")
    store.planned("aml")
    table = only(store)
    measured = rows(table)
    notes = dict(table.footnotes)
    part = measured["baseline"][ACCURACY]
    assert (part.value, part.n, part.std) == (0.9, 1, None)
    assert "n = 1 of 2 seeds" in notes[part.note]
    assert "seed 1: failed (ValueError: 3 logits are NaN (epoch 2))" in notes[part.note]
    failed = measured["attribute_grouping"][ACCURACY]
    assert (failed.value, failed.missing) == (None, "failed")
    assert "out of memory" in notes[failed.note]
    assert (measured["aml"][ACCURACY].missing, measured["aml"][ACCURACY].note) == ("not run", "")
    assert "g2ff_ca" not in measured  # left out of the plan by --rows


def test_folders_outside_the_plan_and_other_identities_are_ignored(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    stale = store.cell("baseline", 0.99, 0.99)
    store.plan["cells"].clear()
    store.save()
    assert rows(only(store)) == {}
    other = store.cell("attribute_grouping", 0.9, 0.8)
    record = json.loads((other / "cell.json").read_text())
    record["identity"]["key"] = "ffffffff"
    (other / "cell.json").write_text(json.dumps(record))
    assert rows(only(store))["attribute_grouping"][ACCURACY].missing == "not run"
    assert stale.is_dir()


def test_a_damaged_cell_is_missing_not_fatal(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    (store.cell("baseline", 0.9, 0.8) / "metrics.json").write_text("{")
    store.cell("attribute_grouping", 0.9, 0.8)
    table = only(store)
    assert rows(table)["baseline"][ACCURACY].missing == "unreadable"
    assert "metrics.json cannot be read" in footnotes(table)


def test_the_majority_row_is_apart_and_unranked(tmp_path):
    table = only(ablation(tmp_path))
    (cells,) = rows(table, "reference").values()
    # train says no, yes, no; test has 0.1, 0.6, 0.2 positives
    assert cells[ACCURACY].value == pytest.approx((0.9 + 0.6 + 0.8) / 3)
    assert cells["synthetic_faces/mA"].value == 0.5
    assert not cells[ACCURACY].best


def test_the_majority_row_never_competes(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.10, 0.1)
    store.cell("attribute_grouping", 0.20, 0.2)
    table = only(store)
    assert rows(table)["attribute_grouping"][ACCURACY].best
    assert not rows(table, "reference")["majority"][ACCURACY].best


def test_differences_are_taken_seed_by_seed(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, seeds=(0, 1, 2), compare="baseline")
    for seed, (base, other) in enumerate(((0.80, 0.81), (0.90, 0.92), (0.70, None))):
        store.cell("baseline", base, 0.5, seed=seed)
        if other:
            store.cell("attribute_grouping", other, 0.5, seed=seed)
    table = only(store)
    key = f"{ACCURACY}/difference"
    cell = rows(table)["attribute_grouping"][key]
    assert cell.value == pytest.approx(0.015)
    assert cell.std == pytest.approx(statistics.stdev([0.01, 0.02]))
    assert key not in rows(table)["baseline"]
    assert key not in [c.key for c in only(store, differences=False).columns]


def test_no_differences_to_a_row_that_is_not_planned(tmp_path):
    store = FakeStore(tmp_path, rows=ABLATION[:3], compare="baseline")
    store.cell("aml", 0.9, 0.8)
    store.cell("attribute_grouping", 0.8, 0.8)
    assert not any(column.signed for column in only(store).columns)
    store.cell("baseline", 0.7, 0.7)
    assert any(column.signed for column in only(store).columns)


def test_published_rows_on_a_measured_data_set_join_the_table_unranked(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, published=["mgmtn_table2"])
    store.cell("baseline", 0.60, 0.50, dataset="celeba")
    store.cell("attribute_grouping", 0.70, 0.60, dataset="celeba")
    table = only(store)
    published = rows(table, "published")
    assert {c["celeba/accuracy"].value for c in published.values()} >= {0.923, 0.9196}
    assert not any(c.best or c.second for cells in published.values() for c in cells.values())
    assert rows(table)["attribute_grouping"]["celeba/accuracy"].best
    assert [b.kind for b in table.blocks] == ["measured", "reference", "published"]
    # LFWA was not measured: its numbers have columns of their own, under its name.
    assert {c.over for c in table.columns if c.dataset} == {"CelebA", "LFWA"}
    assert "lfwa/accuracy" not in rows(table)["baseline"]
    assert rows(table)["baseline"]["backbone"].text == "resnet10t"
    assert "arXiv 2601.01408" in footnotes(table)


def test_published_rows_of_other_data_sets_are_a_table_of_their_own(tmp_path):
    measured, published = build(ablation(tmp_path, published=["mgmtn_table3"]).folder)
    assert {block.kind for block in measured.blocks} == {"measured", "reference"}
    assert {block.kind for block in published.blocks} == {"published"}
    assert {c.over for c in published.columns if c.kind == "number"} == {"CelebA"}
    assert rows(published, "published")["published-0-2"]["mark/AML"].mark


def test_a_published_file_that_is_gone_does_not_stop_the_table(tmp_path):
    table = only(ablation(tmp_path, published=["gone_with_the_wind"]))
    assert "gone_with_the_wind" in footnotes(table)
    assert rows(table)["baseline"][ACCURACY].value == 0.9091


def test_the_masks_table_names_each_network_once(tmp_path):
    table = only(ablation(tmp_path), "masks")
    assert [c.title for c in table.columns][-2:] == ["whole", "mean"]
    ((id, cells),) = rows(table).items()
    assert (id, cells["mean"].value) == ("synthetic_faces", 0.895)
    assert not build(FakeStore(tmp_path, "empty", rows=TWO).folder, "masks")


def test_the_attribute_tables_rank_within_an_attribute(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.9, 0.8, per_attribute={"Bald": 0.99, "Wearing_Hat": None})
    store.cell("attribute_grouping", 0.91, 0.8, per_attribute={"Bald": 0.98})
    accuracy, mA = build(store.folder, "attributes")
    table = rows(accuracy)
    assert table["Bald"]["row/baseline"].best
    assert table["Bald"]["row/attribute_grouping"].second
    assert table["Wearing_Hat"]["row/baseline"].missing == "–"
    assert table["Bald"]["majority"].value == pytest.approx(0.9)
    assert rows(accuracy, "mean")["mean"]["row/attribute_grouping"].best
    assert "mA" in mA.title


def test_left_out_attributes_are_told(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.9, 0.8, left_out=2)
    assert "mA on Synthetic faces leaves out 2 of 3 attributes" in footnotes(only(store))


def test_finding_the_benchmark(tmp_path):
    with pytest.raises(UserError, match="farbench run"):
        find_benchmark(tmp_path)
    first = FakeStore(tmp_path, "one", rows=TWO)
    assert find_benchmark(tmp_path) == find_benchmark(first.folder) == first.folder
    FakeStore(tmp_path, "two", rows=TWO)
    with pytest.raises(UserError, match="one, two"):
        find_benchmark(tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        find_benchmark(tmp_path / "absent")


def test_bad_plans_are_one_clear_line(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, metrics=["acuracy"])
    with pytest.raises(UserError, match="Did you mean 'accuracy'"):
        build(store.folder)
    with pytest.raises(UserError, match="kind of table"):
        build(store.folder, "mask")
    store.plan["schema"] = 2
    store.save()
    with pytest.raises(UserError, match="schema 2"):
        build(store.folder)
    (store.folder / "plan.json").write_text("[")
    with pytest.raises(UserError, match="cannot be read"):
        build(store.folder)
    (store.folder / "plan.json").write_text('{"schema": 1}')
    with pytest.raises(UserError, match="no plan of farbench"):
        read_results(store.folder)


def test_tables_need_neither_predictions_nor_torch(tmp_path):
    store = ablation(tmp_path)
    assert not list(store.folder.rglob("*.npz"))
    if "torch" not in sys.modules:
        build(store.folder)
        assert "torch" not in sys.modules
