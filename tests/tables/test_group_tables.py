"""Tables of groups: means by hand, rows without groups, and groupings that are asked for."""

import pytest
from fake_store import FakeStore
from predicted_store import TWO, printed, remarks

from farbench.plugins.grouping import Grouping
from farbench.tables.from_store import build
from farbench.tables.options import TableOptions

GROUPS = {"Head": [0, 2], "Mouth": [1]}
METHOD = {"name": "aml", "options": {"grouping": "parts"}}


def store_of(tmp_path, **per_attribute):
    store = FakeStore(tmp_path, rows=TWO)
    values = {"Bald": 0.9, "Smiling": 0.7, "Wearing_Hat": 0.8, **per_attribute}
    store.cell("baseline", 0.8, 0.8, per_attribute=values)
    store.cell("aml", 0.85, 0.8, per_attribute=values, groups=GROUPS, method=METHOD)
    return store


def test_means_over_the_groups_that_a_row_recorded(tmp_path):
    accuracy, mA = build(store_of(tmp_path).folder, "groups")
    assert [c.title for c in accuracy.columns] == ["Method", "Head (2)", "Mouth (1)", "All (3)"]
    rows = printed(accuracy)
    # The baseline knows no groups, and is asked the same.
    for row, whole in (("baseline", 0.8), ("aml", 0.85)):
        assert rows[row]["group/Head"].value == pytest.approx(0.85)
        assert rows[row]["group/Mouth"].value == pytest.approx(0.7)
        assert rows[row]["mean"].value == pytest.approx(whole)
    assert (rows["aml"]["mean"].best, rows["baseline"]["mean"].second) == (True, True)
    assert not rows["aml"]["group/Head"].best  # both print the same
    majority = printed(accuracy, "reference")["majority"]
    assert majority["group/Head"].value == pytest.approx((0.9 + 0.8) / 2)
    assert "Grouping parts: Used by + AML." in remarks(accuracy)
    assert "Grouping parts" in mA.caption[0]


def test_what_a_split_does_not_define_is_left_out_and_told(tmp_path):
    (table,) = build(
        store_of(tmp_path, Wearing_Hat=None).folder, "groups", TableOptions(metrics=("accuracy",))
    )
    assert printed(table)["aml"]["group/Head"].value == pytest.approx(0.9)
    assert "Accuracy leaves out what this split does not define: Wearing_Hat." in remarks(table)


def test_a_grouping_that_is_asked_for(tmp_path):
    halves = Grouping("halves", "a paper.", {"One": ("Smiling",), "None": ("Goatee",)}, {})
    options = TableOptions(grouping=halves, metrics=("accuracy",))
    (table,) = build(store_of(tmp_path).folder, "groups", options)
    assert [c.title for c in table.columns] == ["Method", "One (1)", "All (3)"]
    assert "Grouping halves: a paper." in remarks(table)
    assert "In no group, and in the mean of all alone: Bald, Wearing_Hat." in remarks(table)


def test_each_grouping_that_rows_recorded_has_a_table(tmp_path):
    store = FakeStore(tmp_path, rows=(*TWO, ("third", "Third", ())))
    store.cell("baseline", 0.8, 0.8, groups={"All": [0, 1, 2]})  # the mean
    store.cell("aml", 0.8, 0.8, groups=GROUPS, method=METHOD)
    other = {"name": "third", "options": {"grouping": "other"}}
    store.cell("third", 0.8, 0.8, groups={"A": [0], "B": [1, 2]}, method=other)
    tables = build(store.folder, "groups", TableOptions(metrics=("accuracy",)))
    assert [table.caption[0].split(";")[0] for table in tables] == [
        "Grouping parts",
        "Grouping other",
    ]


def test_attributes_that_are_asked_for_alone(tmp_path):
    options = TableOptions(attributes=("Bald", "Smiling"), metrics=("accuracy",))
    (table,) = build(store_of(tmp_path).folder, "groups", options)
    assert [c.title for c in table.columns] == ["Method", "Head (1)", "Mouth (1)", "All (2)"]
    assert printed(table)["aml"]["mean"].value == pytest.approx(0.8)


def test_published_attributes_are_averaged_over_whole_groups(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    groups = {"Known": [0], "Mixed": [1, 2]}
    for row, _, _ in TWO:
        store.cell(
            row, 0.8, 0.8, dataset="celeba", groups=groups, method=METHOD,
            attributes={"attributes": ["Bald", "Smiling", "Own"]},
        )  # fmt: skip
    (table,) = build(store.folder, "groups", TableOptions(metrics=("accuracy",)))
    moon = printed(table, "published")["published-0"]
    assert moon["group/Known"].value == pytest.approx(0.9877)
    assert moon["group/Mixed"].missing == "–"  # nobody has published the other half
    assert moon["mean"].value == 0.9094


def test_without_groups_there_is_no_table(tmp_path):
    store = FakeStore(tmp_path, rows=TWO)
    store.cell("baseline", 0.8, 0.8)
    assert build(store.folder, "groups") == []
