"""The parts that the cells of a plan are made of, each once, and how long each takes to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from farbench.benchmark.identity import Identity
from farbench.running.plan import Plan, PlannedCell
from farbench.store.artifacts import ArtifactStore
from farbench.training.stage import StageRun

RateOf = Callable[[StageRun, PlannedCell], float]
"""Training images a second of a stage."""

EVALUATION_SPEED = 3.0
"""Images are evaluated about three times as fast as they are trained on (no backward pass)."""
MASK_SPEED = 0.4
"""A U-Net step costs about 2.5 steps of its encoder's own kind (measured; rough)."""


@dataclass(frozen=True)
class Part:
    """One artifact that a plan needs.

    Attributes:
        kind: "stages" or "masks", as in the store.
        name: What it is, for people.
        key: Its identity.
        rows: The rows that use it.
        cells: How many of the cells to run use it.
        done: Whether it is there already.
        seconds: To make it from nothing: what it took where it is there, else an estimate; NaN if
            that cannot be told.
        recipe: Of a stage: what it is made by, ``{"method.hidden": "512", ...}``.
    """

    kind: str
    name: str
    key: str
    rows: tuple[str, ...]
    cells: int
    done: bool
    seconds: float
    recipe: Mapping[str, str]

    @property
    def left(self) -> float:
        """Seconds that are still to be spent on it."""
        return 0.0 if self.done else self.seconds

    @property
    def alone(self) -> float:
        """Seconds that it would take if each cell made its own."""
        return self.seconds * self.cells


def planned_parts(plan: Plan, store: ArtifactStore, rate_of: RateOf) -> list[Part]:
    """List the artifacts of the cells that are still to run, each once.

    Args:
        plan: The plan.
        store: Tells what is there.
        rate_of: Training images a second of a stage; asked only where a stage is not there.
    """
    found: dict[str, Part] = {}
    for cell in plan.to_run():
        row = cell.row.row.id
        for kind, name, identity, seconds in _made_from(cell, rate_of):
            old = found.get(identity.key)
            if old is not None:
                rows = old.rows if row in old.rows else (*old.rows, row)
                found[identity.key] = replace(old, rows=rows, cells=old.cells + 1)
                continue
            made = store.meta(kind, identity.key)
            taken = seconds() if made is None else 60 * made["minutes"]
            recipe = flat_recipe(identity.recipe) if kind == "stages" else {}
            done = made is not None
            found[identity.key] = Part(kind, name, identity.key, (row,), 1, done, taken, recipe)
    return list(found.values())


def _made_from(
    cell: PlannedCell, rate_of: RateOf
) -> Iterator[tuple[str, str, Identity, Callable[[], float]]]:
    """Yield kind, name and identity of what a cell is made from, and the seconds it will take."""
    if cell.masks is not None:
        name = f"mask network ({cell.masks.keypoints.name})"
        yield "masks", name, cell.masks.network, partial(_mask_seconds, cell, rate_of)
    for run in cell.stages:
        name = f"{run.stage.name}, seed {run.seed}"
        yield "stages", name, run.identity, partial(_stage_seconds, run, cell, rate_of)


def _mask_seconds(cell: PlannedCell, rate_of: RateOf) -> float:
    """Return how long a cell's mask network takes to train, and to predict all masks once."""
    assert cell.masks is not None
    protocol = cell.masks.protocol
    train = len(cell.source.positions("train", cell.tasks))
    trained_on = min(protocol.images or train, train) * protocol.epochs
    passes = trained_on + len(cell.source) / EVALUATION_SPEED
    return passes / (rate_of(cell.stages[-1], cell) * MASK_SPEED)


def _stage_seconds(run: StageRun, cell: PlannedCell, rate_of: RateOf) -> float:
    """Return how long a stage takes, its valid split after each epoch among it."""
    train, valid = (len(cell.source.positions(s, cell.tasks)) for s in ("train", "valid"))
    return run.epochs * (train + valid / EVALUATION_SPEED) / rate_of(run, cell)


def flat_recipe(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return what a stage is made by as lines of one value, as a benchmark file would name them.

    Left out is what a reader could not have written: the stage before, digests, groups.
    """
    found: dict[str, str] = {}

    def walk(path: tuple[str, ...], value: Any) -> None:
        if path and path[-1] in ("parent", "masks", "manifest", "groups", "pretrained", "stage"):
            return
        if isinstance(value, dict):
            for key, below in value.items():
                walk(path if key in ("name", "options") else (*path, key), below)
            return
        if isinstance(value, list):
            value = ", ".join(str(one["name"] if isinstance(one, dict) else one) for one in value)
        found[".".join(path)] = str(value)

    walk((), {key: value for key, value in recipe.items() if key != "losses"})
    losses = recipe.get("losses", {})
    for task, loss in losses.items():
        walk(("loss",) if len(losses) == 1 else ("losses", task), loss)
    return found
