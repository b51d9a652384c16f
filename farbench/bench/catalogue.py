"""The benches by name: what each compares, what must hold, and how it is run. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What a figure must be.

    Attributes:
        at_most: The largest that will do; None asks for none.
        at_least: The smallest that will do.
    """

    at_most: float | None = None
    at_least: float | None = None

    def met(self, value: float) -> bool:
        """Whether a median meets the goal."""
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    def __str__(self) -> str:
        """Return ``at most 1.02``."""
        if self.at_least is None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}"


@dataclass(frozen=True)
class Bench:
    """A comparison: the module ``farbench.bench.<name>`` with ``measure(...) -> figures by name``.

    A figure is a ratio of seconds, or seconds where its name ends in ``seconds``, or megabytes
    where it ends in ``mb``; less is better, but where a goal says ``at_least``.

    Attributes:
        says: What is compared, in a line.
        goals: By figure, what must hold.
        tiny: Arguments of ``measure`` that make it quick; its figures then mean nothing.
        minutes: It takes about so long on two cores.
    """

    says: str
    goals: Mapping[str, Goal] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    minutes: float = 1


TINY_RUN = (
    "protocol.crop=32",
    "protocol.resize=36",
    "protocol.stage_epochs.global=1",
    "protocol.epochs=1",
)

BENCHES: dict[str, Bench] = {
    "overhead": Bench(
        "farbench's training loop / a bare loop over the same tensors",
        {"cpu": Goal(at_most=1.02)},
        {"side": 32, "batch_size": 4, "steps": 2, "rounds": 1},
    ),
    "plain": Bench(
        "the plain loop as it is usually written / farbench's baseline, end to end",
        {"later_epochs": Goal(at_least=1)},
        {"images": 24, "batch_size": 4, "rounds": 1, "backbone": "resnet10t", "side": 32},
        minutes=4,
    ),
    "start": Bench(
        "seconds until `--help`, `list` and the first training step",
        {
            "help_seconds": Goal(at_most=0.1),
            "list_seconds": Goal(at_most=0.4),
            "first_step_seconds": Goal(at_most=10),
        },
        {"rounds": 1, "first_step": False},
        minutes=2,
    ),
    "growth": Bench(
        "memory and time with 1,000 / 4,000 / 16,000 images, 64 / 128 / 224 px, 1 / 4 / 16 cells",
        {"memory_16000_over_1000_images": Goal(at_most=1.1)},
        {"images": (40, 80), "sides": (32, 64), "cells": (), "rounds": 1},
        minutes=6,
    ),
    "loader": Bench(
        "PIL and torchvision / farbench's input, processor time for the same output",
        {"later_epochs": Goal(at_least=5)},
        {"images": 16, "batch_size": 8, "rounds": 1},
        minutes=3,
    ),
    "masks": Bench(
        "a step of g2ff_ca less its own layers / of baseline; masks in every step / stored",
        {
            "tf_efficientnet_lite0_offline": Goal(at_most=1.15),
            "resnet50_offline": Goal(at_most=1.15),
        },
        {
            "backbones": ("resnet10t",),
            "side": 32,
            "batch_size": 2,
            "steps": 1,
            "rounds": 1,
        },
        minutes=4,
    ),
    "sharing": Bench(
        "ablation and mask_scale with one cache / each row by itself from an empty one",
        {"cpu": Goal(at_most=0.5)},
        {"benchmarks": ("ablation",), "rows": ("baseline",), "images": 8, "sets": TINY_RUN},
        minutes=5,
    ),
    "jobs": Bench(
        "`farbench run --jobs 2`, and two workers of Ray, / serial, four cells of one thread each",
        tiny={"cells": 2, "images": 24, "epochs": 1, "rounds": 1},
        minutes=5,
    ),
}
"""In the order in which they are run."""
