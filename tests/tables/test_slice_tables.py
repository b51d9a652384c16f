"""Tables of slices against counts by hand: sides, gaps, what is left out, and what is marked."""

import numpy as np
import pytest
from predicted_store import PredictedStore, answered, attributes, printed, remarks

from farbench.errors import UserError
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions
from farbench.tables.stored import NoPredictions
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar

NAMES = ("Male", "Young", "Goatee", "Smiling")
RACE = Classes("race", ("a", "b", "c"))
ONE = (("baseline", "Baseline", ()),)
ACCURACY = ("accuracy",)


def small(tmp_path, **store):
    """Store six images: four men, of whom three smile, and two women."""
    labels = np.array(
        [[1, 0, 1, 1], [1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    )
    said = labels.copy()
    said[0, 3] = 0  # wrong of a man
    said[4, 3] = 0  # and of a woman
    said[:, 0] = 0  # Male is always wrong of men, and does not count by Male
    made = PredictedStore(tmp_path, [attributes(*NAMES)], rows=ONE, **store)
    made.predicted(
        "baseline",
        {"attributes": answered(said)},
        {"attributes": labels},
        train_prevalence={"attributes": [0.6, 0.4, 0.1, 0.7]},
    )
    return made


def test_sides_and_gap_by_hand(tmp_path):
    options = TableOptions(slices=("Male",), metrics=ACCURACY)
    (table,) = build(small(tmp_path).folder, "slices", options)
    titles = [(c.over, c.title) for c in table.columns[1:]]
    assert titles == [("Male", "no (2)"), ("Male", "yes (4)"), ("Male", "gap")]
    # In CSV nothing stands above a column, so its metric says whose side it is.
    metrics = [c.metric for c in table.columns[1:]]
    assert metrics == ["accuracy@Male=no", "accuracy@Male=yes", "accuracy@Male=gap"]
    row = printed(table)["baseline"]
    women, men = (1 + 1 + 0.5) / 3, (1 + 1 + 0.75) / 3  # Young, Goatee, Smiling
    assert row["Male/side/0"].value == pytest.approx(women)
    assert row["Male/side/1"].value == pytest.approx(men)
    assert row["Male/gap"].value == pytest.approx(men - women)
    assert "Means leave out the attributes that images are parted by." in remarks(table)
    majority = printed(table, "reference")["majority"]  # no, no, yes
    assert majority["Male/side/0"].value == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert majority["Male/side/1"].value == pytest.approx((0.5 + 0.5 + 0.75) / 3)


def test_the_mean_is_over_what_every_side_defines(tmp_path):
    options = TableOptions(slices=("Male",), metrics=("mA",))
    (table,) = build(small(tmp_path).folder, "slices", options)
    row = printed(table)["baseline"]
    # No woman has a goatee: its mA is defined for men alone, and left out for them too.
    assert row["Male/side/0"].value == pytest.approx((1 + (0 + 1) / 2) / 2)
    assert row["Male/side/1"].value == pytest.approx((1 + (2 / 3 + 1) / 2) / 2)
    assert "By Male they leave out on all sides what one of them does not define: Goatee." in (
        remarks(table)
    )


def test_labels_that_are_combined(tmp_path):
    options = TableOptions(slices=("Male+Young",), metrics=ACCURACY)
    (table,) = build(small(tmp_path).folder, "slices", options)
    assert [c.title for c in table.columns[1:]] == [
        "not Male, not Young (1)", "not Male, Young (1)", "Male, not Young (2)", "Male, Young (2)",
        "worst", "gap",
    ]  # fmt: skip
    row = printed(table)["baseline"]
    assert row["Male+Young/side/1"].value == pytest.approx(0.5)  # Goatee right, Smiling wrong
    assert row["Male+Young/worst"].value == pytest.approx(0.5)
    assert row["Male+Young/gap"].value == pytest.approx(0.5)


def test_few_images_are_marked_with_what_depends_on_them(tmp_path):
    labels = np.ones((120, 2), int)
    labels[:49, 0] = 0
    labels[:60, 1] = 0
    store = PredictedStore(tmp_path, [attributes("Male", "Young")], rows=ONE)
    store.predicted("baseline", {"attributes": answered(labels)}, {"attributes": labels})
    (table,) = build(store.folder, "slices", TableOptions(metrics=ACCURACY))
    row = printed(table)["baseline"]
    notes = {key: cell.note for key, cell in row.items() if key != "label"}
    assert notes == {
        "Male/side/0": "a", "Male/side/1": "", "Male/gap": "a",
        "Young/side/0": "", "Young/side/1": "", "Young/gap": "",
    }  # fmt: skip
    assert "(a) of a side with fewer than 50 images" in remarks(table)


def test_gaps_are_those_of_each_seed(tmp_path):
    labels = np.tile([[0, 0], [1, 1]], (4, 1))
    store = PredictedStore(tmp_path, [attributes("Male", "Smiling")], rows=ONE, seeds=(0, 1))
    for seed, wrong in ((0, [0, 2]), (1, [1])):
        said = labels.copy()
        said[wrong, 1] = 1 - said[wrong, 1]
        store.predicted(
            "baseline", {"attributes": answered(said)}, {"attributes": labels}, seed=seed
        )
    (table,) = build(store.folder, "slices", TableOptions(metrics=ACCURACY))
    gap = printed(table)["baseline"]["Male/gap"]
    # Women are worse in one seed, men in the other: the mean of the gaps, not the gap of the means.
    assert (gap.value, gap.n) == (pytest.approx((0.5 + 0.25) / 2), 2)
    assert gap.std == pytest.approx(np.std([0.5, 0.25], ddof=1))


def test_a_task_of_classes_parts_other_tasks_and_not_itself(tmp_path):
    age = Scalar("age", "years", 0, 116)
    store = PredictedStore(tmp_path, [RACE, age], rows=ONE)
    race = np.array([0, 0, 1, 1, 2, -1])
    logits = np.eye(3, dtype=np.float16)[[0, 1, 1, 1, 2, 0]]
    years = np.array([30, 30, 30, 30, np.nan, 30.0])
    said = np.array([31, 33, 34, 34, 90, 99.0])
    store.predicted(
        "baseline", {"race": logits, "age": said.astype(np.float32)}, {"race": race, "age": years}
    )
    (table,) = build(store.folder, "slices")
    # Class c has no age, so it is no side; the image of unknown race is on none.
    assert [c.title for c in table.columns[1:]] == ["a (2)", "b (2)", "gap"]
    row = printed(table)["baseline"]
    assert row["race/side/0"].value == pytest.approx(2)
    assert row["race/gap"].value == pytest.approx(2)  # of an error, the largest is the worst
    assert "majority" not in printed(table, "reference")


def test_labels_come_from_whichever_cell_has_them(tmp_path):
    rows = (("baseline", "Baseline", ()), ("other", "Other", ()))
    store = PredictedStore(tmp_path, [attributes("Smiling", "Bald"), RACE], rows=rows)
    smiling = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    images = ["d.jpg", "c.jpg", "b.jpg", "a.jpg"]
    said = smiling.copy()
    said[0] = 1 - said[0]
    store.predicted(
        "baseline", {"attributes": answered(said)}, {"attributes": smiling}, images=images
    )
    race = np.array([1, 0, 0])  # of d, b and one that the other cell has not
    store.predicted(
        "other", {"race": np.eye(3)[race]}, {"race": race}, images=["d.jpg", "b.jpg", "z.jpg"]
    )
    options = TableOptions(slices=("race",), metrics=("attributes.accuracy",))
    (table,) = build(store.folder, "slices", options)
    assert [c.title for c in table.columns[1:]] == ["a (1)", "b (1)", "gap"]
    row = printed(table)["baseline"]
    assert (row["race/side/0"].value, row["race/side/1"].value) == (1.0, 0.0)
    assert list(printed(table)) == ["baseline"]


def test_absent_predictions_are_told(tmp_path):
    store = small(tmp_path, seeds=(0, 1))
    labels = np.ones((6, 4), int)
    gone = store.predicted(
        "baseline", {"attributes": answered(labels)}, {"attributes": labels}, seed=1
    )
    (gone / "predictions.npz").unlink()
    (table,) = build(store.folder, "slices", TableOptions(slices=("Male",), metrics=ACCURACY))
    row = printed(table)["baseline"]
    assert (row["Male/gap"].n, row["label"].note) == (1, "a")
    assert "(a) no predictions are stored of seed 1: `farbench run` makes them again" in (
        remarks(table)
    )
    for path in store.folder.glob("*/predictions.npz"):
        path.unlink()
    for kind in ("slices", "cooccurrence"):
        with pytest.raises(NoPredictions, match="committed results carry none"):
            build(store.folder, kind)


def test_slices_that_nobody_has(tmp_path):
    store = small(tmp_path)
    with pytest.raises(UserError, match="Did you mean 'Male'"):
        build(store.folder, "slices", TableOptions(slices=("Mle",)))
    with pytest.raises(UserError, match=r"'Yung'\. Did you mean 'Young'"):
        build(store.folder, "slices", TableOptions(slices=("Male+Yung",)))
    plain = PredictedStore(tmp_path / "plain", [attributes("Bald", "Smiling")], rows=ONE)
    labels = np.array([[1, 0], [0, 1]])
    plain.predicted("baseline", {"attributes": answered(labels)}, {"attributes": labels})
    assert build(plain.folder, "slices") == []
