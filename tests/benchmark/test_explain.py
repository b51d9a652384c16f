"""Types in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from farbench.benchmark.explain import describe


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
        (Annotated[int, Field(ge=1)] | None, "an integer or null"),
        (str | dict[str, Any], "a string or a mapping"),
        (Part, "a mapping"),
        (Any, "any value"),
    ],
)
def test_describe(annotation, words):
    assert describe(annotation) == words
