"""How many cases are tried, and what must hold of each: it is fine, or refused with its place."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

from farbench.errors import UserError

# Hypothesis keeps tables of characters in a folder; not in whatever folder the tests are run from.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "farbench-hypothesis")

PLUGINS = [f"--plugins={name}" for name in ("tiny_method.py", "tiny_dataset.py")]
"""What a command is given that works with the trained cells of ``results``."""


def cases(count: int) -> settings:
    """Return the settings for a number of cases: always the same ones, nothing kept, no clock."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def refusal(call: Callable[[], Any]) -> str:
    """Return why something is refused, empty if it is not; any other error is the test's."""
    try:
        call()
    except UserError as error:
        return str(error)
    return ""


def check_places(text: str, place: str) -> None:
    """Check that every line of a refusal begins with a place.

    Args:
        text: The refusal; empty if there was none.
        place: A regular expression of what a line may begin with.
    """
    for line in filter(None, text.split("\n")):
        assert re.match(place, line), f"no place in: {text[:500]!r}"
