"""Each fault that a data set can have is told, and a sound one passes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from inspected_sets import BROKEN, drawn, picture

from farbench.data.source import Source
from farbench.inspection.findings import Finding
from farbench.inspection.stats import collect
from farbench.inspection.stats_text import statistics_lines
from farbench.inspection.verify import verify
from farbench.inspection.verify_text import verification_lines

NA = pd.NA


def finding(source: Source, check: str, level: str | None = None) -> Finding:
    """Return the one finding of a check (and level)."""
    found = [
        one for one in verify(source).findings if one.check == check and level in (None, one.level)
    ]
    assert len(found) == 1, found
    return found[0]


def people(*names: Any) -> Any:
    return pd.array(list(names), dtype="string")


def test_a_sound_data_set_passes():
    source = drawn(
        "rrvvtt",
        gender=["Male", "Female"] * 3,
        age=[1.0, 20, 30, 40, 50, 60],
        identity=people("a", "a", "b", "b", "c", "c"),
        expected={"train": 2, "valid": 2, "test": 2},
    )
    result = verify(source)
    assert {one.level for one in result.findings} == {"ok"}
    assert result.is_sound(strict=True)
    checks = [one.check for one in result.findings]
    assert checks == [
        *("counts", "images", "sizes", "colour", "identities"),
        *("labels gender", "labels age", "labels identity", "equal images", "near duplicates"),
    ]
    text = "\n".join(verification_lines(result, 10))
    assert text.startswith("drawn: Drawn\n6 images (train 2, valid 2, test 2); read in ")
    assert "ok  sizes            all are 96 x 96 (width x height).\n" in text
    assert text.endswith("\n\nnothing is wrong, 0 warnings.")


@pytest.mark.parametrize(
    ("expected", "level", "text"),
    [
        ((2, 1, 1), "ok", "as released: train 2 of 2, valid 1 of 1, test 1 of 1."),
        ((9, 1, 1), "note", "a subset of the release: train 2 of 9, valid 1 of 1, test 1 of 1."),
        ((1, 2, 1), "note", "as many images as released, split otherwise: train 2 of 1, "),
        ((1, 1, 1), "warning", "more images than were released: train 2 of 1, "),
        ((1, 1, 9), "warning", "fewer images than were released, but more in a split: "),
    ],
)
def test_counts_are_compared_with_the_official_ones(expected, level, text):
    official = dict(zip(("train", "valid", "test"), expected, strict=True))
    found = finding(drawn("rrvt", expected=official), "counts")
    assert (found.level, found.text[: len(text)]) == (level, text)
    assert found.data["found"] == {"train": 2, "valid": 1, "test": 1}


def test_images_that_do_not_open_are_named_and_wrong():
    source = drawn("rrvt", [picture(0), BROKEN, picture(2), picture(3)])
    found = finding(source, "images")
    assert found.level == "wrong"
    assert found.text == "1 image does not open."
    assert found.items == ("image_1: image broken.jpg does not decode.",)
    assert not verify(source).is_sound()


def test_no_image_opens():
    found = verify(drawn("rvt", [BROKEN, BROKEN, BROKEN])).findings
    assert [one.text for one in found if one.level == "wrong"] == ["3 images do not open."]


def test_sizes_and_grey_images():
    grey = np.repeat(picture(0)[:, :, :1], 3, axis=2)
    source = drawn("rrvt", [grey, picture(1)[:40], picture(2)[:, :20], picture(3)])
    assert finding(source, "sizes").text == (
        "3 sizes; width 20 to 96, median 96; height 40 to 96, median 96."
    )
    colour = finding(source, "colour")
    assert colour.text == "1 image is grey (25.0%): train 1, valid 0, test 0."
    assert colour.data == {"grey": {"train": 1, "valid": 0, "test": 0}}
    everything = finding(drawn("rvt", [grey, grey.T.swapaxes(0, 2), grey[9:]]), "colour")
    assert everything.text == "all images are grey."


def test_a_person_in_two_splits_is_wrong():
    source = drawn("rrvtt", identity=people("a", "b", "a", "a", NA))
    found = finding(source, "identities")
    assert found.level == "wrong"
    assert found.text == "1 of 2 persons is in two splits or more; 1 image without one."
    assert found.items == ("a: train 1, valid 1, test 1",)
    assert found.data["shared"] == {"a": {"train": 1, "valid": 1, "test": 1}}


def test_unknown_identities_are_told():
    assert finding(drawn("rvt"), "identities").level == "note"
    assert finding(drawn("rvt", identity=people(NA, NA, NA)), "identities").level == "note"


def test_notes_of_the_index_are_told():
    assert finding(drawn("rvt", notes=("2 rows are left out.",)), "index").text == (
        "2 rows are left out."
    )


def test_tasks_that_joined_data_sets_mean_otherwise_are_told(monkeypatch):
    source = drawn("rvt", age=[1, 2, 3])
    refused = {"race": "a and b cannot be joined: a has 7 races, b has 5."}
    monkeypatch.setattr(type(source.dataset), "refused_tasks", lambda self: refused)
    assert finding(source, "labels race", "note").text == refused["race"]
    result = collect(source)
    assert f"note: {refused['race']}" in list(statistics_lines(result, 5))
    assert result.as_json(5)["refused_tasks"] == refused


def test_labels_that_are_not_allowed_are_wrong_but_stop_nothing():
    source = drawn("rvt", age=[5.0, 300.0, 7.0], gender=["Male", "Female", "Male"])
    found = finding(source, "labels age")
    assert found.level == "wrong"
    assert found.text.startswith("age has the label ")
    assert "300.0" in found.text
    assert found.text.endswith("; allowed are 0 to 116 (years), and NA for unknown.")
    assert finding(source, "labels gender", "ok").text == "known in all 3 images."


def test_unknown_labels_are_counted():
    source = drawn(
        "rrvt",
        gender=["Male", None, "Female", "Male"],
        traits__Bald=[1, 0, 1, 0],
        traits__Bangs=[1, NA, 0, 1],
        traits__Young=[0, NA, 0, 1],
    )
    gender = finding(source, "labels gender", "note")
    assert gender.text == "unknown in train 50.0% of the images."
    assert gender.data["unknown"] == {"train": 1, "valid": 0, "test": 0}
    assert finding(source, "labels traits", "note").text == ("16.7% of single labels are unknown.")


def test_a_split_without_labels_is_wrong_where_the_task_is_a_default(monkeypatch):
    source = drawn("rrvt", gender=["Male", "Female", None, "Male"], age=[1.0, 2.0, 3.0, 4.0])
    found = finding(source, "labels gender", "wrong")
    assert found.text == (
        "no image of valid has a label: a run with the data set's default tasks stops."
    )
    monkeypatch.setattr(type(source.dataset), "default_tasks", ("age",))
    assert finding(source, "labels gender", "note").text == "no image of valid has a label."


def test_classes_and_attributes_that_nobody_has_are_told():
    source = drawn(
        "rrvtt",
        race=["White", "Black", "Asian", "White", "Black"],
        traits__Bald=[0, 0, 1, 1, 0],
        traits__Bangs=[0, 1, 0, 0, 1],
        traits__Young=[1, NA, 0, 1, 0],
    )
    texts = [f.text for f in verify(source).findings if f.level == "warning"]
    assert texts == [
        "2 attributes have one value only in train: Bald, Young.",
        "1 class never appears in train: Asian.",
        "1 class never appears in test: Asian.",
    ]


def test_points_outside_their_images_are_told():
    inside = [[30.0, 40.0], [60.0, 40.0]]
    points = np.array([inside] * 5, np.float32)
    points[1, 1] = [96.4, 20]  # the last pixel's middle is 95, its edge 95.5
    points[2, 0] = [-0.5, 95.5]  # both on the edge
    points[3] = np.nan
    source = drawn("rrrvt", points=points)
    found = finding(source, "points points")
    assert found.level == "note"
    assert found.text == "1 image with points outside (1 points; by at most 0.9% of the width)."
    assert found.items == ("image_1: 1 point, by 0.9%",)
    points[1, 1] = [150, 20]
    assert finding(drawn("rrrvt", points=points), "points points").level == "warning"
    points[1, 1] = [10, 20]  # eyes the wrong way round
    found = finding(drawn("rrrvt", points=points), "points points", "warning")
    assert found.items == ("image_1",)


def test_duplicates_across_splits_come_first_then_contradictions():
    base = [picture(seed) for seed in range(4)]
    bright = [(p * 0.85 + 10).astype(np.uint8) for p in base]
    pictures = [base[0], base[0], base[1], base[1], base[2], bright[3], base[3], base[2]]
    #             train     train    train    train    train    train      test    valid
    source = drawn(
        "rrrrrrtv",
        pictures,
        age=[1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 4.0],
        gender=["Male", "Male", "Male", "Female", "Male", None, "Female", "Male"],
        traits__Bald=[0, 0, 1, 0, 0, 1, 0, NA],
        traits__Bangs=[1] * 4 + [0] * 4,
        traits__Young=[0, 1] * 4,
        identity=people("a", "a", "b", "c", NA, "d", "e", "f"),
    )
    found = finding(source, "equal images")
    assert found.level == "warning"
    assert found.text == (
        "6 images in 3 groups are equal; 1 of 1 valid images (100.0%) in train; "
        "3 groups with contradicting labels."
    )
    assert found.items == (
        "train: image_4 | valid: image_7 | traits: Young",
        "train: image_0, image_1 | traits: Young",
        "train: image_2, image_3 | traits: Bald / Young | gender: Male / Female | age: 2 / 3 | "
        "identity: b / c",
    )
    near = finding(source, "near duplicates")
    assert near.text == (
        "2 images in 1 group are nearly equal; 1 of 1 test images (100.0%) in train; "
        "1 group with contradicting labels."
    )
    (group,) = near.data["groups"]
    assert group["images"] == [
        {"split": "train", "image": "image_5"},
        {"split": "test", "image": "image_6"},
    ]
    assert 0.9 < group["similarity"] < 1
    assert group["contradictions"]["age"] == ["5", "9"]
    result = verify(source)
    assert result.is_sound()
    assert not result.is_sound(strict=True)


def test_duplicates_within_train_are_a_note():
    source = drawn("rrvt", [picture(0), picture(0), picture(1), picture(2)])
    found = finding(source, "equal images")
    assert (found.level, found.text) == ("note", "2 images in 1 group are equal.")


def test_a_copy_in_valid_and_test_is_told():
    source = drawn("rvt", [picture(0), picture(1), picture(1)])
    assert finding(source, "equal images").text == (
        "2 images in 1 group are equal; 1 group in valid and test."
    )


def test_long_groups_and_lists_are_shortened_in_text_alone():
    source = drawn("r" * 12 + "vt", [picture(0)] * 12 + [picture(0), picture(1)])
    result = verify(source)
    text = "\n".join(verification_lines(result, 10))
    assert "train: image_0, image_1, image_2 and 9 more | valid: image_12\n" in text
    group = next(f for f in result.findings if f.check == "equal images").data["groups"][0]
    assert len(group["images"]) == 13
    broken = verify(drawn("r" * 5 + "vt", [BROKEN] * 5 + [picture(0), picture(1)]))
    text = "\n".join(verification_lines(broken, 2))
    assert "  image_1: image broken.jpg does not decode.\n  ... and 3 more (--top, or" in text
    assert "image_2:" not in text
    assert text.endswith("1 check is wrong, 0 warnings.")
    assert "image_1:" not in "\n".join(verification_lines(broken, 0))


def test_json_holds_everything():
    source = drawn("rrvt", [BROKEN, picture(1), picture(2), picture(2)], age=[1.0, 2, 3, 300])
    record = json.loads(json.dumps(verify(source).as_json(), allow_nan=False))
    assert record["images"] == {"train": 2, "valid": 1, "test": 1}
    assert record["wrong"] == 2
    assert record["warnings"] == 1
    by_check = {one["check"]: one for one in record["findings"]}
    assert by_check["images"]["data"]["broken"] == {"image_0": "image broken.jpg does not decode."}
    assert by_check["equal images"]["data"]["across_splits"] == 1
    assert record["manifest"] == source.manifest
