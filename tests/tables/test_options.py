"""What `farbench table` is asked for: a row to compare to, metrics, attributes, percentages."""

import pytest
from fake_store import ABLATION, FakeStore, ablation

from farbench.cli import main
from farbench.errors import UserError
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions

TWO = ABLATION[:2]
ACCURACY = "synthetic_faces/accuracy"


def only(store, **options):
    (table,) = build(store.folder, "main", TableOptions(**options))
    return table


def rows(table):
    return {row.id: row.cells for row in table.blocks[0].rows}


def test_relative_differences_are_those_of_the_paper(tmp_path):
    # MGMTN: (92.30 - 90.91) / 90.91 is "1.53%".
    table = only(ablation(tmp_path, compare="baseline"), relative=True)
    column = next(c for c in table.columns if c.key == f"{ACCURACY}/difference")
    assert column.title == "Δ Accuracy (%)"
    assert column.shown(rows(table)["g2ff_ca"][column.key].value) == "+1.53"
    said = [text for _, text in table.notes()]
    assert "Δ is the difference to Baseline in % of Baseline's number, seed by seed." in said


def test_relative_differences_of_costs_and_of_nothing(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, compare="baseline", metrics=["parameters", "accuracy"])
    store.cell("baseline", 0.0, 0.8, parameters=4_000_000)
    store.cell("attribute_grouping", 0.5, 0.8, parameters=3_000_000)
    held = rows(only(store, relative=True))["attribute_grouping"]
    assert held["synthetic_faces/parameters/difference"].value == pytest.approx(-0.25)
    assert held[f"{ACCURACY}/difference"].value is None


def test_another_row_to_compare_to(tmp_path):
    table = only(ablation(tmp_path), compare="aml")
    held = rows(table)
    assert held["baseline"][f"{ACCURACY}/difference"].value == pytest.approx(0.9091 - 0.9222)
    assert f"{ACCURACY}/difference" not in held["aml"]


def test_metrics_that_the_benchmark_does_not_name(tmp_path):
    table = only(ablation(tmp_path), metrics=("f1", "minutes"))
    assert [c.metric for c in table.columns if c.kind == "number"] == ["f1", "minutes"]
    assert rows(table)["aml"]["synthetic_faces/f1"].value == 0.5
    assert rows(table)["aml"]["synthetic_faces/minutes"].value == 3.5


def test_means_over_chosen_attributes(tmp_path):
    store = FakeStore(tmp_path, rows=TWO, compare="baseline", published=["mgmtn_table2"])
    store.cell("baseline", 0.9, 0.8, per_attribute={"Bald": 0.99, "Smiling": 0.91})
    store.cell("attribute_grouping", 0.9, 0.8, per_attribute={"Bald": 0.95, "Smiling": None})
    table = only(store, attributes=("Smiling", "Bald", "Bald"))
    held = rows(table)
    assert held["baseline"][ACCURACY].value == pytest.approx(0.95)
    assert held["attribute_grouping"][ACCURACY].value == 0.95  # the other is undefined
    assert "Attribute metrics are means over 2 of 3 attributes (Smiling, Bald) alone." in (
        table.caption
    )
    said = [text for _, text in table.notes()]
    assert "Published rows are left out: they are means over all attributes." in said
    assert any(text.startswith("Accuracy on Synthetic faces leaves out 1 of 2") for text in said)
    assert [block.kind for block in table.blocks] == ["measured", "reference"]
    constant = table.blocks[1].rows[0].cells[ACCURACY].value
    assert constant == pytest.approx((0.9 + 0.6) / 2)  # of Bald and Smiling in the test split


def test_the_caption_speaks_of_the_shown_rows_alone(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.9, 0.8, substituted={"resnest50d": "resnet10t"})
    store.cell("attribute_grouping", 0.9, 0.8, keypoints="dlib68")
    told = ("resnet10t stands in for resnest50d.", "Masks from keypoints: dlib68.")
    assert set(told) < set(only(store).caption)
    for row, told_of_it, other in zip(TWO, told, told[::-1], strict=True):
        caption = only(store, rows=(row[0],)).caption
        assert told_of_it in caption
        assert other not in caption


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--compare", "amll"), "--compare: unknown row 'amll'. Did you mean 'aml'?"),
        (("--metrics", "acuracy"), "--metrics: unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        (("--metrics", "age.mae"), "no task of these results has the metric 'age.mae'"),
        (("--metrics", "f1,nme"), "no task of these results has the metric 'nme'"),
        (("--attributes", "bald"), "--attributes: unknown attribute 'bald'. Did you mean 'Bald'?"),
    ],
)
def test_what_is_not_there_is_told(tmp_path, capsys, words, part):
    assert main(["table", str(ablation(tmp_path).folder), *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in err


def test_a_metric_that_one_data_set_lacks_leaves_it_without_a_column(tmp_path):
    store = ablation(tmp_path)
    store.plan["tasks"] = {
        "synthetic_faces": [{"kind": "attributes", "name": "attributes", "attributes": ["Bald"]}],
        "years": [{"kind": "scalar", "name": "age", "unit": "years", "low": 0, "high": 99}],
    }
    store.planned("baseline", dataset="years")
    table = only(store, metrics=("accuracy",))
    assert {c.dataset for c in table.columns if c.dataset} == {"synthetic_faces"}
    store.plan["benchmark"]["metrics"] = ["nme"]
    store.save()
    with pytest.raises(UserError, match="'synthetic_faces', 'years' has the metrics"):
        only(store)
