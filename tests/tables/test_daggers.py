"""Daggers of the main table and the table of significance: planted gains, families, remarks."""

import json

import numpy as np
import pytest
from fake_store import FakeStore
from twin_store import AGE, ATTRIBUTES, DATASET, TwinStore, logits

from farbench.cli import main
from farbench.errors import UserError
from farbench.scoring.paired import holm
from farbench.tables.comparisons import find as comparisons
from farbench.tables.comparisons.evidence import FILE, read_evidence
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions

ROWS = (
    ("base", "Base", ()),
    ("better", "Better", ()),
    ("equal", "Equal", ()),
    ("worse", "Worse", ()),
)
RATES = {"base": 0.75, "better": 0.85, "equal": 0.75, "worse": 0.65}
ACCURACY = f"{DATASET}/accuracy"


def planted(root, seeds=(0,), count=300, metrics=("accuracy", "mA"), spread=None, **options):
    """Store rows that are right as often as ``RATES`` says; ``spread`` moves them by seed."""
    options = {"compare": "base", **options}
    store = TwinStore(root, [ATTRIBUTES], rows=ROWS, seeds=seeds, metrics=metrics, **options)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (count, 3)).astype(np.int8)
    for seed in seeds:
        for row, rate in RATES.items():
            by = rate + (spread[row][seed] if spread and row in spread else 0)
            output = logits(rng.random((count, 3)) < by, labels)
            store.predicted(row, {"attributes": output}, {"attributes": labels}, seed)
    return store


def cells(table, key=ACCURACY):
    return {row.id: row.cells[key] for row in table.blocks[0].rows if key in row.cells}


def only(store, kind="main", **options):
    return build(store.folder, kind, TableOptions(**options))[0]


def remarks(table):
    return " ".join(text for _, text in table.notes())


def test_a_gain_that_holds_has_a_dagger_and_a_loss_has_none(tmp_path):
    table = only(planted(tmp_path))
    for key in (ACCURACY, f"{DATASET}/mA"):
        assert {row: cell.dagger for row, cell in cells(table, key).items()} == {
            "base": False, "better": True, "equal": False, "worse": False,
        }  # fmt: skip
    assert (
        "† better than Base at 5% after Holm's correction for the rows of its column: paired "
        "bootstrap over 300 test images, 10,000 draws." in remarks(table)
    )


def test_less_error_is_a_gain(tmp_path):
    store = TwinStore(tmp_path, [AGE], rows=ROWS, metrics=("mae",), compare="base")
    rng = np.random.default_rng(0)
    labels = rng.uniform(20, 60, 300).astype(np.float32)
    noise = rng.normal(0, 5, 300)
    for row, by in (("base", 1.0), ("better", 0.8), ("equal", -1.0), ("worse", 1.2)):
        store.predicted(row, {"age": (labels + by * noise).astype(np.float32)}, {"age": labels})
    held = cells(only(store), f"{DATASET}/age.mae")
    assert [row for row, cell in held.items() if cell.dagger] == ["better"]


def test_the_rows_of_a_column_are_one_family(tmp_path):
    store = planted(tmp_path)
    only(store)
    found = read_evidence(store.folder).findings
    table = only(store, "significance")
    for metric, kind in (("accuracy", table), ("mA", build(store.folder, "significance")[1])):
        raw = [
            one.compared.whole.p
            for row in ("better", "equal", "worse")
            for one in found.values()
            if (one.place.row, one.place.metric) == (row, metric)
        ]
        printed = [row.cells["adjusted_p"].value for row in kind.blocks[0].rows]
        assert printed == pytest.approx(holm(raw))


def test_where_nothing_holds_the_table_says_so(tmp_path):
    table = only(planted(tmp_path), rows=("base", "equal", "worse"))
    assert not any(cell.dagger for cell in cells(table).values())
    assert "No number is better than that of Base at 5% after Holm's" in remarks(table)


def test_seeds_that_disagree_have_no_dagger(tmp_path):
    jumps = {"better": (0.14, -0.14)}
    apart = planted(tmp_path / "apart", seeds=(0, 1), spread=jumps)
    table = only(apart)
    cell = cells(table, f"{ACCURACY}/difference")["better"]
    assert cell.value > 0.05
    assert not cells(table)["better"].dagger
    assert dict(table.footnotes)[cell.note] == "less than the seeds differ among themselves on it"
    steady = only(planted(tmp_path / "steady", seeds=(0, 1, 2)))
    assert cells(steady)["better"].dagger
    assert "over 300 test images and 3 seeds" in remarks(steady)
    assert cells(steady, f"{ACCURACY}/difference")["better"].note == ""


def test_one_seed_is_warned_of_and_several_are_not(tmp_path):
    said = "One seed: every difference includes the variance of training"
    assert said in remarks(only(planted(tmp_path / "one")))
    assert said not in remarks(only(planted(tmp_path / "two", seeds=(0, 1))))
    single = FakeStore(tmp_path / "single", rows=ROWS[:1])
    single.cell("base", 0.9, 0.8)
    assert said not in remarks(only(single))


def test_another_row_to_compare_to(tmp_path):
    table = only(planted(tmp_path), compare="worse")
    held = cells(table)
    assert [row for row, cell in held.items() if cell.dagger] == ["base", "better", "equal"]
    assert "difference to Worse" in remarks(table)
    assert list(cells(table, f"{ACCURACY}/difference")) == ["base", "better", "equal"]


def test_chosen_attributes_are_compared_alone_and_not_kept(tmp_path):
    store = planted(tmp_path)
    only(store)
    whole = (store.folder / FILE).read_text()
    table = only(store, attributes=("Bald", "Smiling"))
    assert (store.folder / FILE).read_text() == whole
    for row, cell in cells(table).items():
        folder = next(c["folder"] for c in store.plan["cells"] if c["row"] == row)
        scores = json.loads((store.folder / folder / "metrics.json").read_text())["attributes"]
        each = scores["accuracy_per_attribute"]
        assert cell.value == pytest.approx((each["Bald"] + each["Smiling"]) / 2)
    assert "Attribute metrics are means over 2 of 3 attributes (Bald, Smiling) alone." in (
        table.caption
    )
    lines = only(store, "significance", attributes=("Bald", "Smiling"))
    better = next(row for row in lines.blocks[0].rows if row.id == "better")
    assert better.cells["difference"].value == pytest.approx(
        cells(table, f"{ACCURACY}/difference")["better"].value
    )
    assert [row.id for row in lines.blocks[1].rows] == ["better/Bald", "better/Smiling"]


def test_metrics_that_are_no_means_are_named(tmp_path):
    table = only(planted(tmp_path), metrics=("accuracy", "f1", "parameters"))
    assert "Not tested against Base, as no means over images: F1." in remarks(table)
    assert not cells(table, f"{DATASET}/f1")["better"].dagger


def test_without_predictions_what_was_kept_is_printed(tmp_path):
    store = planted(tmp_path)
    before = only(store)
    for path in store.folder.rglob("predictions.npz"):
        path.unlink()
    assert only(store) == before
    (store.folder / FILE).unlink()
    table = only(store)
    assert not any(cell.dagger for cell in cells(table).values())
    assert "Not tested against Base: no predictions are stored." in remarks(table)
    with pytest.raises(UserError, match=r"evidence.json holds nothing of these cells, and better-"):
        only(store, "significance")


def test_some_rows_without_predictions_are_named(tmp_path):
    store = planted(tmp_path)
    for path in store.folder.glob("equal-*/predictions.npz"):
        path.unlink()
    table = only(store)
    assert cells(table)["better"].dagger
    assert "Not tested against Base: no predictions of Equal are stored." in remarks(table)


def test_what_takes_long_is_left_to_the_table_of_significance(tmp_path, monkeypatch, capsys):
    store = planted(tmp_path)
    monkeypatch.setattr(comparisons, "QUICK", 1_000_000)
    table = only(store)
    assert not any(cell.dagger for cell in cells(table).values())
    assert "Not tested against Base yet: `farbench table --kind significance`" in remarks(table)
    assert not (store.folder / FILE).exists()
    with pytest.raises(UserError, match="does it, and keeps the outcome"):
        only(store, "significance")
    assert main(["table", str(store.folder), "--kind", "significance"]) == 0
    assert "better" in capsys.readouterr().out
    assert cells(only(store))["better"].dagger


def test_a_folder_that_cannot_be_written_prints_all_the_same(tmp_path):
    store = planted(tmp_path)
    (store.folder / FILE).mkdir()  # a file cannot take its place
    assert cells(only(store))["better"].dagger


def test_damaged_evidence_is_made_anew(tmp_path):
    store = planted(tmp_path)
    only(store)
    good = (store.folder / FILE).read_text()
    for bad in ("{", "[]", "{}", good.replace('"resamples": 10000', '"resamples": 9')):
        (store.folder / FILE).write_text(bad)
        assert cells(only(store))["better"].dagger
        assert (store.folder / FILE).read_text() == good


def test_a_cell_that_ran_again_is_compared_again(tmp_path):
    store = planted(tmp_path)
    only(store)
    place = next(store.folder.glob("better-*"))
    record = json.loads((place / "cell.json").read_text())
    (place / "cell.json").write_text(json.dumps(record | {"finished": "2030-01-01"}))
    for name in ("predictions.npz", "metrics.json"):
        source = next(store.folder.glob("worse-*")) / name
        (place / name).write_bytes(source.read_bytes())
    assert not cells(only(store))["better"].dagger
    kept = json.loads((store.folder / FILE).read_text())
    assert {c.split()[-1] for c in kept["predictions"] if c.startswith("better-")} == {"2030-01-01"}


def test_the_table_of_significance(tmp_path):
    accuracy, mA = build(planted(tmp_path).folder, "significance")
    titles = [column.title for column in accuracy.columns]
    assert titles == [
        "Method, attribute", "Score", "Δ", "from", "to", "Gained", "Lost", "p", "p (Holm)",
        "Verdict",
    ]  # fmt: skip
    wholes = {row.id: row.cells["verdict"].text for row in accuracy.blocks[0].rows}
    assert wholes == {"better": "better", "equal": "none shown", "worse": "worse"}
    assert [block.title for block in accuracy.blocks] == [
        "The whole task", "Better: each attribute", "Equal: each attribute",
        "Worse: each attribute",
    ]  # fmt: skip
    for block in accuracy.blocks[1:]:
        for row in block.rows:
            gained, lost = row.cells["own_only"].value, row.cells["other_only"].value
            assert row.cells["difference"].value == pytest.approx((gained - lost) / 300)
    assert "Gained" not in [column.title for column in mA.columns]
    assert "Base" not in " ".join(row.id for row in accuracy.rows())


def test_with_several_seeds_mcnemar_gives_no_verdict(tmp_path):
    jumps = {"better": (0.14, -0.1)}
    table = only(planted(tmp_path, seeds=(0, 1), spread=jumps), "significance")
    found = read_evidence(tmp_path / "transfer").findings
    better = next(one for one in found.values() if one.place[::4] == ("better", "accuracy"))
    lines = {row.id: row.cells for row in table.rows()}
    for name, line in better.compared.details.items():
        assert line.mcnemar < 0.001 < 0.05 < line.p
        assert lines[f"better/{name}"]["p"].value == line.p
        assert lines[f"better/{name}"]["verdict"].text == "none shown"
    assert "McNemar" not in " ".join(table.caption)
    assert "300 test images and 2 seeds" in " ".join(table.caption)


def test_what_is_of_cells_that_are_gone_is_dropped(tmp_path):
    store = planted(tmp_path)
    only(store)
    assert {place.row for place in read_evidence(store.folder).findings} == {
        "better", "equal", "worse",
    }  # fmt: skip
    store.plan["cells"] = [one for one in store.plan["cells"] if one["row"] != "worse"]
    store.save()
    only(store, compare="better")
    kept = read_evidence(store.folder)
    assert {place[:2] for place in kept.findings} == {
        ("better", "base"), ("equal", "base"), ("base", "better"), ("equal", "better"),
    }  # fmt: skip
    assert not any(name.startswith("worse") for name in kept.digests)


def test_what_is_of_rows_that_are_not_shown_is_kept(tmp_path):
    store = planted(tmp_path)
    only(store)
    before = read_evidence(store.folder)
    only(store, rows=("base", "better"), compare="better")
    after = read_evidence(store.folder)
    assert before.findings.keys() < after.findings.keys()
    assert before.digests == after.digests


def test_small_p_is_not_printed_as_nothing(tmp_path, capsys):
    store = planted(tmp_path, count=2000)
    assert main(["table", str(store.folder), "--kind", "significance"]) == 0
    out = capsys.readouterr().out
    assert "<0.0001" in out
    assert "0.0000" not in out
    assert main(["table", str(store.folder), "--kind", "significance", "--format", "latex"]) == 0
    assert "$<$0.0001" in capsys.readouterr().out


def test_no_row_to_compare_to_is_told(tmp_path, capsys):
    store = planted(tmp_path, compare=None)
    assert main(["table", str(store.folder), "--kind", "significance"]) == 2
    assert "--compare ROW" in capsys.readouterr().err
    assert main(["table", str(store.folder), "--kind", "significance", "--compare", "base"]) == 0
    assert not any(cell.dagger for cell in cells(only(store)).values())


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex"])
def test_writers_print_daggers_and_line_up(tmp_path, capsys, format):
    store = planted(tmp_path)
    assert main(["table", str(store.folder), "--format", format]) == 0
    out = capsys.readouterr().out
    mark = r"\textsuperscript{$\dagger$}" if format == "latex" else "†"
    line = next(text for text in out.splitlines() if "Better" in text)
    assert line.count(mark) == 2
    if format == "terminal":
        base = next(text for text in out.splitlines() if text.startswith("Base"))
        assert base.index(".") == line.index(".")


def test_csv_and_json_hold_daggers(tmp_path, capsys):
    store = planted(tmp_path)
    main(["table", str(store.folder), "--format", "csv"])
    header, *lines = capsys.readouterr().out.splitlines()
    at = header.split(",").index("dagger")
    daggers = {line.split(",")[2] for line in lines if line.split(",")[at] == "yes"}
    assert daggers == {"better"}
    main(["table", str(store.folder), "--format", "json"])
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    better = next(row for row in table["blocks"][0]["rows"] if row["id"] == "better")
    assert better["cells"][ACCURACY]["dagger"] is True
    assert better["cells"][ACCURACY]["folders"] == [next(store.folder.glob("better-*")).name]
