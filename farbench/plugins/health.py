"""The contract of checks for `farbench doctor`: a machine goes in, diagnoses come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry

State = Literal["ok", "warning", "problem"]
"""*Warning*: it works, but not as well as it could. *Problem*: something does not work."""


@dataclass(frozen=True)
class Diagnosis:
    """What a check found of one thing.

    Attributes:
        about: The thing, in a few words ("cache folder").
        state: How it is.
        text: What was found, in a sentence.
        advice: What to type or to change; empty where nothing need be done.
    """

    about: str
    state: State
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Machine:
    """What is looked at, as the user would run farbench.

    Attributes:
        registry: The plugins, and those that are broken.
        cache: The folder of artifacts; it need not be there.
        results: The results root; it need not be there.
        data_root: Where data sets are, or None.
        device: As of ``--device``.
        method: Whose speed is measured.
        protocol: What it is measured under.
    """

    registry: Registry
    cache: Path
    results: Path
    data_root: Path | None
    device: str = "auto"
    method: str = "baseline"
    protocol: str = "quick"


HealthCheck = Callable[[Machine], Iterable[Diagnosis]]
"""Looks at one thing, in seconds, and changes nothing. What it raises is told as a problem."""
