"""Label statistics against small cases counted by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from inspected_sets import BROKEN, drawn, picture

from farbench.errors import UserError
from farbench.inspection.cooccurrence import (
    attribute_pairs,
    contingency,
    cramers_v,
    nearly_exclusive,
    strongest,
)
from farbench.inspection.stats import collect
from farbench.inspection.stats_text import statistics_lines

NA = pd.NA


def statistics(source, task):
    (one,) = [one for one in collect(source).tasks if one.task.name == task]
    return one


def test_phi_of_a_table_counted_by_hand():
    # both 3, first alone 1, second alone 2, neither 4: (3 * 4 - 1 * 2) / sqrt(4 * 6 * 5 * 5)
    table = [(1, 1)] * 3 + [(1, 0)] + [(0, 1)] * 2 + [(0, 0)] * 4
    (pair,) = attribute_pairs(np.array(table, np.int8), ("A", "B"))
    assert (pair.first, pair.second, pair.both, pair.images) == ("A", "B", 3, 10)
    assert pair.phi == pytest.approx(10 / math.sqrt(600))
    assert pair.expected == pytest.approx(4 * 5 / 10)


def test_pairs_count_images_where_both_are_known():
    known = np.array([(1, 1), (1, 0), (0, 1), (0, 0), (1, 1)], np.int8)
    unknown = np.array([(1, -1), (-1, 1), (-1, 0), (-1, -1)], np.int8)
    names = ("A", "B")
    assert attribute_pairs(np.concatenate((known, unknown)), names) == attribute_pairs(known, names)


def test_attributes_that_never_vary_have_no_correlation():
    labels = np.array([(1, 0, 1), (1, 1, 0), (1, 0, 0)], np.int8)
    assert [(p.first, p.second) for p in attribute_pairs(labels, "ABC")] == [("B", "C")]


def test_strongest_and_nearly_exclusive_pairs():
    # A and B: 40 images each of 100, 1 together (16 expected); C is A but for five images, B is
    # against C by 2 images of 14; D is rare: 2 of 100, never with A, which means nothing.
    a = np.arange(100) < 40
    b = (np.arange(100) >= 39) & (np.arange(100) < 79)
    c = np.arange(100) < 35
    d = np.arange(100) >= 98
    pairs = attribute_pairs(np.stack((a, b, c, d), 1).astype(np.int8), "ABCD")
    first = strongest(pairs)[0]
    assert (first.first, first.second) == ("A", "C")
    assert [p.phi for p in strongest(pairs)] == sorted((p.phi for p in pairs), key=abs)[::-1]
    exclusive = nearly_exclusive(pairs)
    assert [(p.first, p.second, p.both) for p in exclusive] == [("A", "B", 1), ("B", "C", 0)]
    assert exclusive[0].expected == pytest.approx(16)


def test_contingency_and_cramers_v_counted_by_hand():
    rows = np.array([0, 0, 0, 1, 1, -1, 1, 1], np.int16)
    columns = np.array([0, 0, 1, 1, 1, 1, -1, 0], np.int16)
    table = contingency(rows, columns, (3, 2))
    assert table.tolist() == [[2, 1], [1, 2], [0, 0]]
    # every cell is expected 1.5 times: chi2 = 4 * 0.25 / 1.5, V = sqrt(chi2 / 6)
    assert cramers_v(table) == pytest.approx(1 / 3)
    assert cramers_v(np.array([[5, 0], [0, 9]])) == pytest.approx(1)
    assert cramers_v(np.array([[5, 5], [9, 9]])) == pytest.approx(0)
    assert math.isnan(cramers_v(np.array([[5, 0], [9, 0]])))
    assert math.isnan(cramers_v(np.zeros((2, 2), np.int64)))


def test_attributes_are_shares_of_the_known():
    source = drawn(
        "rrrrvt",
        traits__Bald=[1, 0, 0, 0, 1, 0],
        traits__Bangs=[1, NA, 1, 0, NA, 1],
        traits__Young=[NA, NA, NA, NA, 1, 1],
    )
    one = statistics(source, "traits")
    assert dict(one.known) == {"train": 4, "valid": 1, "test": 1}
    assert one.splits["train"]["Bald"] == 0.25
    assert one.splits["train"]["Bangs"] == pytest.approx(2 / 3)
    assert math.isnan(one.splits["train"]["Young"])
    text = "\n".join(statistics_lines(collect(source), 5))
    # Of 18 labels 6 are unknown: 2 of Bangs, 4 of Young.
    said = "each image has a label; 33.3% of single labels are unknown"
    assert said in " ".join(text.split())
    assert "         train   valid    test\n  Bald   25.0%  100.0%    0.0%\n" in text
    assert "  Young      -  100.0%  100.0%\n" in text


def test_images_without_any_attribute_are_told_apart_from_single_labels():
    labels = [1, NA, 0, 1]
    rows = {"traits__Bald": labels, "traits__Bangs": labels}
    none = drawn("rrvt", **rows, traits__Young=labels)
    text = " ".join("\n".join(statistics_lines(collect(none), 5)).split())
    assert "share of yes among the known; without a label: train 1 (50.0%)" in text
    some = drawn("rrvt", **rows, traits__Young=[1, NA, 0, NA])
    text = " ".join("\n".join(statistics_lines(collect(some), 5)).split())
    assert (
        "without any label: train 1 (50.0%); 11.1% of single labels are unknown in the others"
    ) in text
    assert collect(some).as_json(5)["tasks"]["traits"]["unknown_single"] == pytest.approx(1 / 9)


def test_classes_are_counted():
    source = drawn("rrrvtt", gender=["Male", "Male", "Female", None, "Male", None])
    one = statistics(source, "gender")
    assert one.splits == {"train": {"Male": 2, "Female": 1}, "test": {"Male": 1, "Female": 0}}
    text = "\n".join(statistics_lines(collect(source), 5))
    assert "without a label: valid 1 (100.0%), test 1 (50.0%)\n" in text
    assert "  Male        2  66.7%     1  100.0%\n" in text


def test_a_scalar_is_summarised_and_binned_by_decades():
    ages = [1.0, 9.0, 10.0, 20.0, 35.0, np.nan, 39.0, 116.0]
    one = statistics(drawn("rrrrrrvt", age=ages), "age")
    train = one.splits["train"]
    assert train["mean"] == pytest.approx(15)
    assert train["std"] == pytest.approx(math.sqrt((14**2 + 6**2 + 5**2 + 5**2 + 20**2) / 5))
    assert (train["min"], train["median"], train["max"]) == (1, 10, 35)
    assert (train["lower quartile"], train["upper quartile"]) == (9, 20)
    assert [(low, high) for low, high, _ in one.histogram][:2] == [(0, 10), (10, 20)]
    assert [counts["train"] for _, _, counts in one.histogram[:4]] == [2, 1, 1, 1]
    assert one.histogram[3][2] == {"train": 1, "valid": 1, "test": 0}
    assert len(one.histogram) == 12
    lines = list(statistics_lines(collect(drawn("rrrrrrvt", age=ages)), 5))
    assert "  0-9      2  0  0  ##############################" in lines
    assert "  10-19    1  0  0  ###############" in lines


def test_points_are_measured_in_widths_of_the_image():
    points = np.array([[[10, 40], [34, 40]], [[10, 10], [40, 50]], [[np.nan] * 2, [5, 5]]] * 2)
    pictures = [picture(0), picture(1)[:, :50], *(picture(i) for i in range(2, 6))]
    source = drawn("rrrvtt", pictures, points=points.astype(np.float32))
    train = statistics(source, "points").splits["train"]
    assert train["known points"] == pytest.approx(5 / 6)
    assert train["measured images"] == 2
    assert train["interocular / width, mean"] == pytest.approx((24 / 96 + 50 / 50) / 2)
    assert train["interocular / width, std"] == pytest.approx(0.375)
    pictures[0] = BROKEN
    source = drawn("rrrvtt", pictures, points=points.astype(np.float32))
    assert statistics(source, "points").splits["train"]["interocular / width, mean"] == 1


def test_few_images_are_opened_for_points(monkeypatch):
    points = np.array([[[10, 40], [34, 40]]] * 300, np.float32)
    source = drawn("r" * 250 + "v" * 25 + "t" * 25, [picture(0)] * 300, points=points)
    measured = statistics(source, "points").splits
    assert 50 <= measured["train"]["measured images"] <= 100
    assert measured["test"]["measured images"] == 25


def test_identities_are_counted():
    people = pd.array(["a", "a", "a", "b", NA, "c", "d"], dtype="string")
    one = statistics(drawn("rrrrrvt", identity=people), "identity")
    assert one.splits["train"] == {
        "identities": 2,
        "images each, min": 1,
        "images each, median": 2,
        "images each, mean": 2,
        "images each, max": 3,
        "with one image": 1,
    }


def test_class_tables_and_notes_are_printed():
    source = drawn(
        "rrrvt",
        gender=["Male", "Male", "Female", "Female", "Male"],
        race=["White", "Black", "Asian", "White", None],
        notes=("a note.",),
    )
    text = "\n".join(statistics_lines(collect(source), 5))
    assert text.startswith("drawn: Drawn, 5 images (train 3, valid 1, test 1)\nnote: a note.\n")
    assert text.endswith(
        "race by gender, images (Cramer's V 0.707)\n"
        "         Male  Female  all\n"
        "  White     1       1    2\n"
        "  Black     1       0    1\n"
        "  Asian     0       1    1\n"
        "  all       2       2    4"
    )


def test_lists_of_pairs_have_as_many_rows_as_asked():
    rng = np.random.default_rng(0)
    columns = {f"traits__{n}": rng.integers(0, 2, 40) for n in ("Bald", "Bangs", "Young")}
    source = drawn("r" * 36 + "vvtt", [picture(0)] * 40, **columns)
    result = collect(source)
    text = "\n".join(statistics_lines(result, 2))
    assert "strongest correlations (phi), over all splits; 2 of 3\n" in text
    assert "correlations" not in "\n".join(statistics_lines(result, 0))
    record = json.loads(json.dumps(result.as_json(2), allow_nan=False))
    assert len(record["correlations"]["traits"]) == 2
    assert record["correlations"]["traits"][0].keys() == {
        *("first", "second", "phi", "both", "expected", "images")
    }


def test_json_has_no_nan():
    source = drawn(
        "rvt",
        points=np.full((3, 2, 2), np.nan, np.float32),
        traits__Bald=[NA, 1, 0],
        traits__Bangs=[1, 1, 0],
        traits__Young=[1, 1, 0],
        gender=["Male", "Male", "Male"],
        race=["White", "White", "White"],
        age=[1.0, 2.0, 3.0],
    )
    record = json.loads(json.dumps(collect(source).as_json(5), allow_nan=False))
    assert record["tasks"]["traits"]["splits"]["train"]["Bald"] is None
    assert record["class_tables"][0]["cramers_v"] is None
    assert record["tasks"]["points"]["splits"] == {}
    assert record["tasks"]["age"]["histogram"] == [
        {"from": 0, "below": 10, "images": {"train": 1, "valid": 1, "test": 1}}
    ]


def test_a_label_that_is_not_allowed_leads_to_verify():
    source = drawn("rvt", gender=["Male", "Man", "Female"])
    with pytest.raises(UserError, match=r"'Man'.*For all checks type: farbench data verify drawn"):
        collect(source)
