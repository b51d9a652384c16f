"""Types in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from farbench.benchmark.explain import describe, user_error
from farbench.benchmark.places import Places


class Part(BaseModel):
    """A section."""


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "an integer"),
        (bool, "true or false"),
        (float | None, "a number or null"),
        (tuple[int, ...], "a list of integers"),
        (tuple[float, float], "a list of 2 values"),
        (list[Literal[3, 4, 5]], "a list of 3, 4 or 5"),
        (Sequence[list[str]], "a list of lists of strings"),
        (Literal["max", "avg"], "'max' or 'avg'"),
        (Annotated[int, Field(ge=1)] | None, "an integer >= 1 or null"),
        (list[Annotated[float, Field(gt=0, lt=1)]], "a list of numbers > 0 and < 1"),
        (str | dict[str, Any], "a string or a mapping"),
        (Part, "a mapping"),
        (Any, "any value"),
    ],
)
def test_describe(annotation, words):
    assert describe(annotation) == words


class Whole(BaseModel):
    """A model with an amount that is a number of things or a share of them."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    size: int = Field(8, ge=1)


def explained(data):
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(data)
    return str(user_error(caught.value, Whole, data, Places()))


@pytest.mark.parametrize("amount", [0, -2, 1.5, "x"])
def test_of_two_ranges_both_are_told(amount):
    assert explained({"amount": amount}) == (
        f"amount: expected an integer >= 1, a number > 0 and < 1 or null, got {amount!r}"
    )


def test_of_one_range_the_limit_is_told():
    assert explained({"size": 0}) == "size: must be at least 1, got 0"


def test_known_keys_are_listed_once():
    assert explained({"sise": 1, "b": 1, "amont": 1}).split("\n") == [
        "sise: unknown key. Did you mean 'size'?",
        "b: unknown key.",
        "amont: unknown key. Did you mean 'amount'? Known: amount, size.",
    ]


def test_a_long_value_is_cut():
    assert explained({"size": 100 * "x"}).endswith("xxx...")
