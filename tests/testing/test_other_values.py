"""Other values of an option: valid, different, and some for every usual type."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, NonNegativeInt, model_validator

from farbench import Method
from farbench.testing.other_values import variants


class Mode(StrEnum):
    FAST = "fast"
    SLOW = "slow"


class Many(Method):
    """An option of every usual type."""

    name: ClassVar[str] = "many"

    switch: bool = True
    choice: Literal["a", "b", "c"] = "a"
    count: int = Field(3, ge=1)
    number: int = Field(5, ge=5, le=6)
    share: float = Field(0.0, ge=0, lt=1)
    narrow: float = Field(0.5, ge=0.5, le=0.6)
    maybe: float | None = Field(None, gt=0)
    word: str = "x"
    path: str | None = "weights.pt"
    levels: tuple[Literal[3, 4, 5], ...] = Field((3, 4), min_length=1)
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = (8, 4)
    pair: tuple[NonNegativeInt, NonNegativeInt] = (1, 1)
    names: tuple[str, ...] = ("one",)
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    mode: Mode = Mode.FAST
    example: str = Field("x", examples=["y"])


EXPECTED: dict[str, list[Any]] = {
    "switch": [False],
    "choice": ["b", "c"],
    "count": [1, 6, 2, 4],
    "number": [6],
    "share": [0.4, 0.5],
    "narrow": [0.55, 0.6],
    "maybe": [1.0, 2.0, 0.5],
    "word": ["red", "blue"],
    "path": ["red", "blue", None],
    "levels": [(3,), (4,), (5, 4), (3, 5)],
    "sizes": [(8,), (4,), (8, 4, 2), (8, 2), (16, 4)],
    "pair": [(0, 1), (2, 1), (1, 0), (1, 2)],
    "names": [(), ("one", "red"), ("red",)],
    "weights": [{"red": 1.0}, {"blue": 2.0}],
    "mode": [Mode.SLOW],
    "example": ["y", "red"],
}


@pytest.mark.parametrize("option", EXPECTED)
def test_other_values_are_made_up_from_the_type(option: str) -> None:
    found = [getattr(one, option) for one in variants(Many(), option, ["red", "blue"])]
    assert getattr(Many(), option) not in found
    assert [value for value in EXPECTED[option] if value not in found] == []
    assert len(found) <= 8


def test_every_type_is_tried() -> None:
    assert set(EXPECTED) == set(Many.model_fields)


def test_nothing_is_made_up_for_a_text_without_words() -> None:
    assert variants(Many(), "word") == []


def test_values_that_the_whole_refuses_are_left_out() -> None:
    class Bound(Many):
        """Two options that go together."""

        @model_validator(mode="after")
        def _agree(self):
            if self.count % 2 == 0:
                raise ValueError("odd numbers only")
            return self

    assert [one.count for one in variants(Bound(), "count")] == [1]
