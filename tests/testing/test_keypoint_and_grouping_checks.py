"""Each line of a keypoint model's and a grouping's contract fails on what breaks it."""

from __future__ import annotations

import dataclasses
import re
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from broken import registry, told, tried
from good_plugins import GOOD_GROUPS, GoodPoints

from farbench import CELEBA_ATTRIBUTES, FaceIndex, Grouping, KeypointModel
from farbench.plugins.registry import Registry
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import run_check


def pointed(change: Callable[[np.ndarray], Any]) -> type[KeypointModel]:
    class Pointed(GoodPoints):
        """Broken."""

        def points(self, index, read):
            return change(super().points(index, read))

    return Pointed


class NoText(GoodPoints):
    """Says nothing instead of an empty text."""

    def unavailable(self, index: FaceIndex) -> str:
        return None  # type: ignore[return-value]


class Slow(GoodPoints):
    """Works while it is asked."""

    def unavailable(self, index: FaceIndex) -> str:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
        return super().unavailable(index)


class Chooses(GoodPoints):
    """Chooses a model that cannot serve."""

    def unavailable(self, index: FaceIndex) -> str:
        return ""

    def resolve(self, index: FaceIndex) -> KeypointModel:
        return GoodPoints()


class NoteIsNone(GoodPoints):
    """Has nothing to note, and says None."""

    def note(self, index: FaceIndex) -> str:
        return None  # type: ignore[return-value]


class FirstOnly(GoodPoints):
    """Counts on the first image of the data set."""

    def points(self, index: FaceIndex, read: Callable[[int], np.ndarray]) -> np.ndarray:
        return super().points(index, read) + np.float32(read(0)[60:160].mean() / 64)


def partly(points: np.ndarray) -> np.ndarray:
    points[:, 5] = np.nan
    return points


BROKEN: list[tuple[str, type[KeypointModel], str]] = [
    ("unavailable", NoText, "gives None, not a text"),
    ("unavailable", Slow, r"unavailable takes 0\.\d s -> .*find_spec"),
    ("resolve", Chooses, "which cannot serve"),
    ("resolve", NoteIsNone, 'note gives None -> .*return "" from note'),
    ("points", pointed(lambda p: p[:, :68]), r"float32 \(4, 68, 2\), not float32 \(4, 98, 2\)"),
    ("points", pointed(lambda p: p.astype(float)), "gives float64"),
    ("points", pointed(partly), "some points that are not finite"),
    ("points", pointed(lambda p: p[..., ::-1].copy()), "points are off by .* x first"),
    ("points", pointed(lambda p: p[:, np.random.permutation(98)]), "off by|other points"),
    (
        "points",
        pointed(lambda p: p + np.float32(time.perf_counter_ns() % 97 / 97)),
        "other points at the second call",
    ),
    (
        "image_by_image",
        pointed(lambda p: np.float32(0.9) * p + np.float32(0.1) * p.mean(0)),
        r"without the first 2 images the others' points are \S+ px away -> Look at one image",
    ),
    ("image_by_image", FirstOnly, r"are \S+ px away"),
]


@pytest.mark.parametrize(
    ("check", "model", "words"),
    BROKEN,
    ids=[f"{check}{n}" for n, (check, _, _) in enumerate(BROKEN)],
)
def test_a_broken_keypoint_model_fails_at_its_line(
    check: str, model: type[KeypointModel], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if model is Slow:
        monkeypatch.setattr("farbench.testing.keypoint_checks.CHEAP", 0.05)
    assert re.search(words, told(tried("keypoints", model, check)), re.DOTALL)


def lines_of_its_own(kind: str) -> set[str]:
    shared = {"documented", "options_round_trip", "light_import"}
    return {check.name for check in checks_of(kind)} - shared


def test_every_line_of_its_own_has_something_that_breaks_it() -> None:
    assert {check for check, _, _ in BROKEN} == lines_of_its_own("keypoints")
    assert {check for check, _, _ in BROKEN_GROUPINGS} == lines_of_its_own("groupings")


def test_a_model_that_loads_torch_to_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = sys.modules.get("torch") or types.ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)  # as it was, afterwards
    del sys.modules["torch"]

    class Loads(GoodPoints):
        """Loads torch, here what stands in for it."""

        def unavailable(self, index: FaceIndex) -> str:
            sys.modules["torch"] = torch
            return super().unavailable(index)

    assert "unavailable imports torch -> Look at" in told(tried("keypoints", Loads, "unavailable"))


def test_a_model_that_cannot_serve_says_why() -> None:
    class Never(GoodPoints):
        """Lacks a package."""

        def unavailable(self, index: FaceIndex) -> str:
            return "the package nobody is not installed."

    outcome = tried("keypoints", Never, "points")
    assert (outcome.status, "the package nobody" in outcome.seen) == ("skipped", True)


def test_without_a_data_set_of_drawn_faces_the_average_face_is_taken() -> None:
    subject = subject_of("keypoints", GoodPoints, Registry(registry().hooks), {})
    assert subject.faces is None
    (check,) = [check for check in checks_of("keypoints") if check.name == "points"]
    outcome = run_check(check, subject)
    assert outcome.status == "ok"
    assert "4 of 4 faces found, off by 0.01" in outcome.seen


def grouped(**changes: Any) -> Grouping:
    return dataclasses.replace(GOOD_GROUPS, **changes)


FIRST, SECOND = GOOD_GROUPS.groups["First"], GOOD_GROUPS.groups["Second"]

BROKEN_GROUPINGS: list[tuple[str, Grouping, str]] = [
    ("described", grouped(source=""), "`source` is empty"),
    (
        "described",
        grouped(groups={"First": CELEBA_ATTRIBUTES, "None": ()}),
        "group 'None' is empty",
    ),
    (
        "covers_once",
        grouped(groups={"First": FIRST, "Second": (*SECOND[:-1], "Yong")}),
        "no group has Young. There is 'Yong'. Did you mean 'Young'",
    ),
    (
        "covers_once",
        grouped(groups={"First": (*FIRST, "Young"), "Second": SECOND}),
        "Young in several groups",
    ),
    (
        "regions",
        grouped(regions={"First": "eye", "Second": "mouth"}),
        "there is no region 'eye'. Did you mean 'eyes'.*Choose of",
    ),
    ("regions", grouped(regions={"First": "eyes"}), "no region of group 'Second'"),
    (
        "regions",
        grouped(regions={"First": "eyes", "Second": "mouth", "Third": "nose"}),
        "no group 'Third'",
    ),
]


@pytest.mark.parametrize(
    ("check", "grouping", "words"),
    BROKEN_GROUPINGS,
    ids=[f"{check}{n}" for n, (check, _, _) in enumerate(BROKEN_GROUPINGS)],
)
def test_a_broken_grouping_fails_at_its_line(check: str, grouping: Grouping, words: str) -> None:
    assert re.search(words, told(tried("groupings", grouping, check)), re.DOTALL)


def test_a_grouping_of_other_attributes_need_not_cover_celeba() -> None:
    colours = grouped(groups={"Warm": ("Red",), "Cold": ("Blue", "Green")}, regions={})
    outcome = tried("groupings", colours, "covers_once")
    assert (outcome.status, outcome.seen) == ("ok", "3 attributes, none of them CelebA's")
