"""Each line of a data set's contract fails on one that breaks it, and says how to mend it."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from broken import registry, told, tried
from good_plugins import GoodFaces, write_tree

from farbench import BinaryAttributes, Dataset, DatasetInfo, FaceIndex, UserError
from farbench.testing.catalogue import checks_of, outcomes, subject_of


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("good"))


def indexed(change: Callable[[FaceIndex], Any]) -> type[Dataset]:
    """Return the good data set with a change in its index."""

    class Indexed(GoodFaces):
        """Broken."""

        def index(self, root: Path | None) -> FaceIndex:
            index = super().index(root)
            return change(index) or index

    return Indexed


def set_at(column: str, row: int, value: Any) -> type[Dataset]:
    """Return the good data set with one entry changed."""

    def change(index: FaceIndex) -> None:
        column_values = index.frame[column].astype(object)
        column_values[row] = value
        index.frame[column] = column_values

    return indexed(change)


def without(column: str) -> type[Dataset]:
    return indexed(lambda index: FaceIndex(index.frame.drop(columns=column), index.points))


def pointed(change: Callable[[np.ndarray], np.ndarray]) -> type[Dataset]:
    return indexed(
        lambda index: FaceIndex(index.frame, {"landmarks5": change(index.points["landmarks5"])})
    )


def informed(**changes: Any) -> type[Dataset]:
    class Informed(GoodFaces):
        """Broken."""

        info: ClassVar[DatasetInfo] = dataclasses.replace(GoodFaces.info, **changes)

    return Informed


def reading(change: Callable[[np.ndarray], Any]) -> type[Dataset]:
    class Reading(GoodFaces):
        """Broken."""

        def read(self, root: Path | None, row: Any) -> Any:
            return change(super().read(root, row))

    return Reading


class SameNames(GoodFaces):
    """Two tasks of one name."""

    def tasks(self):
        return (BinaryAttributes("traits", ("Left",)), BinaryAttributes("traits", ("Right",)))


class OtherTasks(GoodFaces):
    """Gives other tasks at each call."""

    def tasks(self):
        return (BinaryAttributes(f"traits{time.perf_counter_ns()}", ("Left",)),)


class Gone(GoodFaces):
    """Finds a folder that is not there."""

    def locate(self, data_root: Path) -> Path | None:
        return data_root / "gone"


class NoSuchDefault(GoodFaces):
    """Trains by default what it has not."""

    default_tasks: ClassVar[tuple[str, ...]] = ("moods",)


class NoMessage(GoodFaces):
    """Runs into what is missing."""

    def index(self, root: Path | None) -> FaceIndex:
        (root / "labels.txt").read_text()
        return super().index(root)


class Patient(GoodFaces):
    """Sees nothing wrong in an empty folder."""

    def index(self, root: Path | None) -> FaceIndex:
        try:
            return super().index(root)
        except UserError:
            return FaceIndex(None)


class Elsewhere(GoodFaces):
    """Looks for another folder."""

    name: ClassVar[str] = "other_faces"


class FewSizes(GoodFaces):
    """Forgets an image."""

    def sizes(self, root, images):
        return super().sizes(root, images)[1:]


NO_MARKS = indexed(lambda index: FaceIndex(index.frame))

BROKEN: list[tuple[str, type[Dataset], str]] = [
    ("metadata", informed(licence="", homepage=""), "info lacks licence, homepage -> Fill in"),
    (
        "metadata",
        informed(expected_counts={"val": 3}),
        "the split 'val' -> Splits are called train",
    ),
    ("tasks", SameNames, "tasks.. gives"),
    ("tasks", OtherTasks, "something else at the second call"),
    ("tasks", NoSuchDefault, "default_tasks names 'moods', and the tasks are traits, mood"),
    ("missing_files_are_told", NoMessage, "FileNotFoundError.*raise farbench.UserError"),
    ("missing_files_are_told", Patient, "index raises nothing"),
    ("located", Elsewhere, "locate.. does not find 'other_faces' in .*override locate"),
    ("located", Gone, r"locate\(\) gives \S+gone, which does not exist"),
    ("index_columns", indexed(lambda index: FaceIndex(index.frame[:0])), "index gives no rows"),
    ("index_columns", without("traits.Left"), "the index lacks traits.Left -> Name label columns"),
    ("unique_ids", set_at("image", 0, "1.png"), "1 ids are there twice, such as 1.png"),
    ("unique_ids", set_at("image", 0, "/data/1.png"), "the id /data/1.png is no path below"),
    ("unique_ids", set_at("image", 0, 7), "an id is 7, not a text"),
    ("splits", set_at("split", 0, "val"), "there is a split 'val'"),
    (
        "splits",
        indexed(lambda index: FaceIndex(index.frame[index.frame["split"] != "valid"])),
        "there is no image in valid -> Take valid out of train",
    ),
    (
        "identities",
        set_at("identity", 11, "good_faces/0"),
        "1 identities are in several splits, such as good_faces/0",
    ),
    ("identities", set_at("identity", 5, "7"), "an identity is '7' -> .*self.name"),
    ("labels", set_at("traits.Left", 3, -1), "traits.Left has the label -1.*NA"),
    ("labels", set_at("mood", 3, "Glad"), "Did you mean 'glad'"),
    ("labels", set_at("years", 3, 200.0), "years has the label 200"),
    ("labels", NO_MARKS, "reads the point set 'landmarks5', and the index has none"),
    (
        "labels",
        indexed(lambda index: index.frame.loc.__setitem__((slice(8, None), "mood"), None)),
        "task 'mood' has no known label in the test split",
    ),
    ("points", pointed(lambda points: points[:, :4]), r"\(12, 4, 2\), not float32 \(12, 5, 2\)"),
    ("points", pointed(lambda points: points.astype(np.float64)), "is float64"),
    ("points", pointed(lambda points: points * np.inf), "holds infinite numbers"),
    (
        "points",
        pointed(lambda points: points / 32),
        r"\(0.5, 0.5\), 0.5 wide, in an image of 32 x 32 -> .*multiply fractions",
    ),
    ("points", pointed(lambda points: points + 100), r"lies about \(116, 116\)"),
    ("images", reading(lambda image: image / 255), "is read as float64, not as uint8"),
    ("images", reading(lambda image: image[..., 0]), r"is read as \(32, 32\), not as"),
    (
        "images",
        reading(lambda image: image + np.uint8(time.perf_counter_ns() % 251)),
        "is another image when it is read again",
    ),
    ("sizes", FewSizes, "11 sizes for 12 images"),
    ("sizes", set_at("image", 3, "gone.png"), "1 images have no size, such as gone.png"),
    (
        "index_repeats",
        indexed(lambda index: FaceIndex(index.frame.sample(frac=1), index.points)),
        "the frame is another one",
    ),
    (
        "index_repeats",
        pointed(lambda points: points + np.float32(time.perf_counter_ns() % 97)),
        "the points are others",
    ),
    ("counts", informed(expected_counts={"train": 3}), "more images than expected: train 4 of 3"),
]


@pytest.mark.parametrize(
    ("check", "dataset", "words"),
    BROKEN,
    ids=[f"{check}{n}" for n, (check, _, _) in enumerate(BROKEN)],
)
def test_a_broken_data_set_fails_at_its_line(
    check: str, dataset: type[Dataset], words: str, tree: Path
) -> None:
    assert re.search(words, told(tried("datasets", dataset, check, data_root=tree)), re.DOTALL)


def test_every_line_of_its_own_has_a_data_set_that_breaks_it() -> None:
    shared = {"documented", "options_round_trip", "light_import"}
    expected = {check.name for check in checks_of("datasets")} - shared
    assert {check for check, _, _ in BROKEN} == expected


def test_without_files_what_needs_them_is_skipped_with_a_reason() -> None:
    subject = subject_of("datasets", GoodFaces, registry(), {})
    found = {outcome.check.name: outcome for outcome in outcomes("datasets", subject)}
    assert found["located"].status == "skipped"
    assert "give --data-root DIR" in found["located"].seen
    assert found["images"].status == "skipped"
    assert found["metadata"].status == found["missing_files_are_told"].status == "ok"


def test_what_is_there_is_told_beside_what_is_expected(tree: Path) -> None:
    outcome = tried("datasets", GoodFaces, "counts", data_root=tree)
    assert (outcome.status, outcome.seen) == ("ok", "train 4 of 10, valid 4 of 4, test 4 of 4")


def test_a_task_beside_the_default_ones_may_lack_its_files(tree: Path) -> None:
    class Optional(NO_MARKS):
        """Has landmarks for those who have the file."""

        default_tasks: ClassVar[tuple[str, ...]] = ("traits",)

    outcome = tried("datasets", Optional, "labels", data_root=tree)
    assert outcome.status == "ok"
    assert "traits 100%" in outcome.seen
    assert "marks 0%" in outcome.seen


def test_single_labels_that_are_unknown_are_told(tree: Path) -> None:
    seen = tried("datasets", set_at("traits.Left", 3, pd.NA), "labels", data_root=tree).seen
    assert "traits 95.8% of single labels (each image has one), " in seen
