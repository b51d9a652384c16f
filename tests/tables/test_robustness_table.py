"""Tables of corrupted images: means over strengths and seeds, what is lost, what is missing."""

import pytest
from fake_store import FakeStore
from robust_store import SETTINGS, evaluated

from farbench.tables.from_store import build
from farbench.tables.options import TableOptions

ROWS = (("baseline", "Baseline", ()), ("aml", "+ AML", ()))
FALLS = {"blur": 0.02, "rotation": 0.01}


@pytest.fixture
def store(tmp_path):
    return FakeStore(tmp_path, rows=ROWS, marks=[])


def table_of(store, number=0, **options):
    return build(store.folder, "robustness", TableOptions(**options))[number]


def values(table, row):
    (found,) = [one for one in table.rows() if one.id == row]
    return {column.key: found.cell(column) for column in table.columns[1:]}


def numbers(table, row):
    return {key: round(cell.value, 6) for key, cell in values(table, row).items() if cell.value}


def test_means_over_strengths_then_corruptions_and_what_is_lost(store):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS)
    table = table_of(store)
    # The strengths asked for are 1, 3 and 5: 3 on average.
    assert numbers(table, "baseline") == {
        "clean": 0.9,
        "blur": 0.84,
        "rotation": 0.87,
        "mean": 0.855,
        "lost": 0.05,
    }
    assert [column.title for column in table.columns] == [
        "Method", "Clean", "Blur", "Rotation", "Mean", "Lost (%)",
    ]  # fmt: skip
    assert numbers(table, "constant") == dict.fromkeys(("clean", "blur", "rotation", "mean"), 0.75)
    caption = " ".join(table.caption)
    assert "100 test images, of each corruption the mean over strengths 1, 3, 5." in caption


def test_what_rows_change_of_the_protocol_is_told(store):
    store.plan["benchmark"]["rows"][0]["protocol"] = {"loss": "mse"}
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS)
    assert ("", "Baseline changes the protocol: loss mse.") in table_of(store).notes()


def test_each_metric_and_chosen_attributes_have_a_table(store):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS)
    assert numbers(table_of(store, 1), "baseline")["blur"] == 0.74
    bald = table_of(store, metrics=("accuracy",), attributes=("Bald",))
    assert numbers(bald, "baseline")["blur"] == pytest.approx(0.89)
    assert [row.id for row in bald.rows()] == ["baseline"]  # no constant of chosen attributes


def test_the_best_row_loses_least_and_falls_least(store):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), {"blur": 0.01, "rotation": 0.02})
    evaluated(store.cell("aml", 0.92, 0.8), (0.92, 0.8), FALLS)
    table = table_of(store)
    best = {key for key, cell in values(table, "baseline").items() if cell.best}
    assert best == {"blur"}
    assert {key for key, cell in values(table, "aml").items() if cell.best} == {
        "clean", "rotation", "mean", "lost",
    }  # fmt: skip


def test_seeds_are_averaged_and_what_is_lost_is_lost_seed_by_seed(tmp_path):
    store = FakeStore(tmp_path, rows=ROWS[:1], seeds=(0, 1), marks=[])
    evaluated(store.cell("baseline", 0.9, 0.8, seed=0), (0.9, 0.8), FALLS)
    evaluated(store.cell("baseline", 0.8, 0.8, seed=1), (0.8, 0.8), {"blur": 0.0, "rotation": 0.0})
    cells = values(table_of(store), "baseline")
    assert cells["blur"].value == pytest.approx((0.84 + 0.8) / 2)
    assert cells["blur"].std == pytest.approx(0.04 / 2**0.5)
    assert cells["lost"].value == pytest.approx(0.025)
    assert cells["lost"].n == 2


def test_what_is_not_evaluated_is_said(store):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS, leave_out=[("blur", 3)])
    store.cell("aml", 0.92, 0.8)
    table = table_of(store)
    cells = values(table, "baseline")
    missing = [key for key, cell in cells.items() if cell.value is None]
    assert missing == ["blur", "mean", "lost"]
    assert cells["blur"].missing == "not run"
    assert cells["rotation"].value == pytest.approx(0.87)
    assert all(cell.value is None for cell in values(table, "aml").values())
    (note,) = [text for letter, text in table.footnotes if letter]
    assert note.startswith("not evaluated under all of these corruptions: `farbench robustness")


def test_other_images_or_seeds_are_not_mixed_in(store):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS)
    other = {**SETTINGS, "images": 50}
    evaluated(store.cell("aml", 0.92, 0.8), (0.92, 0.8), FALLS, settings=other)
    cells = values(table_of(store), "aml")
    assert all(cell.value is None for cell in cells.values())


def test_failed_cells_say_so(store):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS)
    store.cell("aml", error="the loss became nan")
    assert {cell.missing for cell in values(table_of(store), "aml").values()} == {"failed"}


def test_clean_masks_have_a_line_of_their_own_that_is_not_ranked(store):
    both = {**SETTINGS, "masks": ["predicted", "clean"]}
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS, settings=both)
    folder = store.cell("aml", 0.92, 0.8, masks={"key": "feed"})
    clean = evaluated(folder, (0.92, 0.8), {"blur": 0.0, "rotation": 0.0}, masks="clean")
    held = evaluated(folder, (0.92, 0.8), FALLS, masks="predicted", agreement=0.9, settings=both)
    held.entries += clean.entries[1:]
    held.write()
    table, masks = table_of(store), table_of(store, 2)
    assert [row.cells["label"].text for row in table.blocks[0].rows] == [
        "Baseline", "+ AML", "+ AML, clean masks",
    ]  # fmt: skip
    assert values(table, "aml/clean")["blur"].value == 0.92
    assert not values(table, "aml/clean")["blur"].best
    assert values(table, "aml")["blur"].best
    assert "Clean masks: predicted on the image before" in " ".join(table.caption)
    assert [column.title for column in masks.columns] == ["Corruption", "1", "3", "5"]
    assert [round(masks.rows()[0].cells[str(s)].value, 3) for s in (1, 3, 5)] == [0.9, 0.7, 0.5]


def test_without_an_evaluation_there_is_no_table_and_a_way_to_one(store, farbench_cli):
    store.cell("baseline", 0.9, 0.8)
    assert build(store.folder, "robustness") == []
    outcome = farbench_cli("table", store.folder, "--kind", "robustness")
    assert outcome.code == 2
    assert "`farbench robustness DIR`" in outcome.err


def test_the_command_prints_it_without_torch(store, farbench_cli):
    evaluated(store.cell("baseline", 0.9, 0.8), (0.9, 0.8), FALLS)
    out = farbench_cli("table", store.folder, "--kind", "robustness", "--format", "csv").out
    assert "84.00" in out or "0.84" in out
