"""Each line of a corruption's contract fails on what breaks it; one that keeps to it passes."""

from __future__ import annotations

import re
import time
from typing import Any, ClassVar

import numpy as np
import pytest
from broken import registry, told, tried
from pydantic import Field

from farbench import Corruption
from farbench.plugins.registry import Registry
from farbench.testing import CorruptionContract
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import run_check


class Darker(Corruption):
    """Takes light away."""

    name: ClassVar[str] = "darker"
    source: ClassVar[str] = "tests/testing"

    step: float = Field(0.1, gt=0, lt=0.2, description="Of the light, a strength.")

    def apply(self, image: Any, strength: int, random: np.random.Generator) -> Any:
        return (image * (1 - self.step * strength)).astype(np.uint8)


class TestDarker(CorruptionContract):
    plugin = Darker


class WritesIntoIt(Darker):
    """Changes the image that it is given."""

    def apply(self, image: Any, strength: int, random: np.random.Generator) -> Any:
        image[:strength] = 0
        return image


class AlwaysTheSame(Darker):
    """Knows no strengths."""

    def apply(self, image: Any, strength: int, random: np.random.Generator) -> Any:
        return super().apply(image, 1, random)


class WeakAtFirst(Darker):
    """Does nothing at strength 1."""

    def apply(self, image: Any, strength: int, random: np.random.Generator) -> Any:
        return super().apply(image, strength - 1, random)


class OwnNumbers(Darker):
    """Draws from a generator of its own."""

    def apply(self, image: Any, strength: int, random: np.random.Generator) -> Any:
        noise = np.random.default_rng(time.perf_counter_ns()).normal(0, strength, image.shape)
        return (super().apply(image, strength, random) + noise).clip(0, 255).astype(np.uint8)


class Idle(Darker):
    """Has an option that does nothing."""

    speed: int = Field(1, description="Of nothing.")


class SmallOnly(Darker):
    """Knows one size."""

    def apply(self, image: Any, strength: int, random: np.random.Generator) -> Any:
        return super().apply(image, strength, random)[:64, :64]


class Flat(Darker):
    """Turns a face into a line."""

    def matrix(self, side: int, strength: int, random: np.random.Generator) -> Any:
        return np.array([[1.0, 0, 0], [1.0, 0, 0]])


BROKEN: list[tuple[str, type[Corruption], str]] = [
    ("images", WritesIntoIt, "read-only"),
    ("images", SmallOnly, r"asks for uint8 \(227, 227, 3\)"),
    ("images", Flat, "has an inverse"),
    ("strengths_grow", AlwaysTheSame, "does not grow with strength"),
    ("strengths_grow", WeakAtFirst, "strength 1 changes nothing"),
    ("repeats", OwnNumbers, "come out otherwise -> Use the generator that is given"),
    ("options_change_something", Idle, "nothing changes with speed"),
]


@pytest.mark.parametrize(("check", "corruption", "words"), BROKEN)
def test_a_broken_corruption_fails_at_its_line(
    check: str, corruption: type[Corruption], words: str
) -> None:
    assert re.search(words, told(tried("corruptions", corruption, check)), re.DOTALL)


def test_every_line_of_its_own_has_a_corruption_that_breaks_it() -> None:
    shared = {"documented", "options_round_trip", "light_import"}
    expected = {check.name for check in checks_of("corruptions")} - shared
    assert {check for check, _, _ in BROKEN} == expected


def test_without_drawn_faces_noise_is_taken() -> None:
    subject = subject_of("corruptions", Darker, Registry(registry().hooks), {})
    assert subject.faces is None
    outcomes = [run_check(check, subject) for check in checks_of("corruptions")]
    assert {outcome.status for outcome in outcomes if outcome.check.name != "light_import"} == {
        "ok"
    }
