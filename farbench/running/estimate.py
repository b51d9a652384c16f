"""How long a plan will take: from stages trained before, else from a few steps tried now."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from farbench.errors import UserError
from farbench.running.plan import Plan, PlannedCell
from farbench.running.progress import counted, duration
from farbench.store.artifacts import DONE, ArtifactStore
from farbench.training.stage import StageRun

RateOf = Callable[[StageRun, PlannedCell], float]
PROBE_BATCH = 8
EVALUATION_SPEED = 3.0
"""Images are evaluated about three times as fast as they are trained on (no backward pass)."""
MASK_SPEED = 0.4
"""A U-Net step costs about 2.5 steps of its encoder's own kind (measured; rough)."""

DIFFERENCES = 3
"""What sets two stages apart is told by so many values at most."""


@dataclass(frozen=True)
class Work:
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


def work_of(plan: Plan, store: ArtifactStore, rate_of: RateOf) -> list[Work]:
    """List the artifacts of the cells that are still to run, each once.

    Args:
        plan: The plan.
        store: Tells what is there.
        rate_of: Training images a second of a stage.
    """
    found: dict[str, Work] = {}

    def add(
        kind: str,
        name: str,
        key: str,
        row: str,
        seconds: Callable[[], float],
        recipe: Mapping[str, Any],
    ) -> None:
        if key in found:
            old = found[key]
            rows = old.rows if row in old.rows else (*old.rows, row)
            found[key] = replace(old, rows=rows, cells=old.cells + 1)
            return
        made = store.meta(kind, key)
        taken = seconds() if made is None else 60 * made["minutes"]
        told = flat_recipe(recipe)
        found[key] = Work(kind, name, key, (row,), 1, made is not None, taken, told)

    for cell in plan.to_run():
        row = cell.row.row.id
        sizes = {s: len(cell.source.positions(s, cell.tasks)) for s in ("train", "valid", "test")}
        if cell.masks is not None:
            images = min(cell.masks.protocol.images or sizes["train"], sizes["train"])
            passes = images * cell.masks.protocol.epochs + len(cell.source) / EVALUATION_SPEED
            add(
                "masks",
                f"mask network ({cell.masks.keypoints.name})",
                cell.masks.network.key,
                row,
                lambda cell=cell, passes=passes: (  # type: ignore[misc]
                    passes / (rate_of(cell.stages[-1], cell) * MASK_SPEED)
                ),
                {},
            )
        for run in cell.stages:
            passes = run.epochs * (sizes["train"] + sizes["valid"] / EVALUATION_SPEED)
            add(
                "stages",
                f"{run.stage.name}, seed {run.seed}",
                run.identity.key,
                row,
                lambda cell=cell, run=run, passes=passes: (  # type: ignore[misc]
                    passes / rate_of(run, cell)
                ),
                run.identity.recipe,
            )
    return list(found.values())


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


class Rates:
    """Training images a second: what was measured on this device, else a probe of a few steps."""

    def __init__(self, store: ArtifactStore) -> None:
        """Read the rates of the stages in the cache."""
        self._known: dict[str, list[float]] = {}
        for path in (store.root / "stages").glob(f"*/{DONE}"):
            try:
                meta = json.loads(path.read_text(encoding="utf-8"))
                kind = _kind(meta["identity"]["recipe"], meta["identity"]["numerics"])
            except (OSError, ValueError, KeyError):
                continue
            self._known.setdefault(kind, []).append(meta["images_per_second"])

    def __call__(self, run: StageRun, cell: PlannedCell) -> float:
        """Return the rate of a stage."""
        kind = _kind(run.identity.recipe, run.identity.numerics)
        if kind not in self._known:
            try:
                self._known[kind] = [_probe(run, cell)]
            except UserError:
                raise
            except Exception:  # a broken method: the plan is printed, the run will say why
                self._known[kind] = [math.nan]
        return statistics.median(self._known[kind])


def _kind(recipe: dict[str, Any], numerics: dict[str, Any]) -> str:
    """Return what decides the speed of a stage, as a string."""
    options = recipe["method"]["options"]
    return json.dumps(
        [
            recipe["method"]["name"],
            len(recipe.get("tasks", ())),
            {key: options.get(key) for key in ("backbone", "levels", "attention")},
            recipe["frozen"],
            recipe["protocol"]["crop"],
            recipe["protocol"]["batch_size"],
            numerics,
        ],
        sort_keys=True,
    )


def _probe(run: StageRun, cell: PlannedCell, steps: int = 3) -> float:
    """Time a few training steps on random images, without pretrained weights."""
    import dataclasses

    import torch

    from farbench.data.batches import Batch
    from farbench.training.device import Forward
    from farbench.training.stage import freeze

    problem = dataclasses.replace(run.problem, pretrained=False)
    torch.set_num_threads(cell.compute.threads)
    network = cell.compute.place(run.stage.method.build(problem)).train()
    trained = freeze(network, run.stage.frozen)
    crop, side = run.protocol.crop, round(run.protocol.crop * run.protocol.mask_warp)
    masks = None
    if run.masked and cell.masks is not None:
        masks = torch.ones(PROBE_BATCH, len(cell.masks.groups), side, side, dtype=torch.uint8)
    batch = Batch(
        torch.randint(0, 256, (PROBE_BATCH, crop, crop, 3), dtype=torch.uint8),
        masks,
        {},
        cell.source.positions("train", cell.tasks)[:PROBE_BATCH],
    )
    forward = Forward(network, problem.tasks, cell.compute, run.masked)
    optimizer = torch.optim.Adam(trained)
    times = []
    for _ in range(steps):
        started = time.perf_counter()
        outputs = forward(batch)
        total = torch.stack([outputs[task.name].square().mean() for task in problem.tasks]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if cell.compute.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return PROBE_BATCH / min(times)


def describe_plan(plan: Plan, store: ArtifactStore, rate_of: RateOf) -> str:
    """Return the plan as text: cells, what is shared, what is there, and the time it will take."""
    words = {"finished": "finished", "started": "to go on", "new": "to run"}
    lines = [f"{plan.benchmark.loaded.benchmark.title or plan.folder.name}: {plan.folder}"]
    lines.append("")
    width = max((len(cell.name) for cell in plan.cells), default=3)
    for cell in plan.cells:
        lines.append(
            f"  {cell.name:<{width}}  {cell.source.dataset.name}  seed {cell.seed}  "
            f"{words[cell.status]:<8}  {cell.folder}"
        )
    work = work_of(plan, store, rate_of)
    if work:
        lines += ["", "What the cells to run are made of:"]
        wide = max(len(item.name) for item in work)
        for item in work:
            state = "there already" if item.done else _about(item.seconds)
            kind = item.kind.removesuffix("s") if item.kind == "stages" else item.kind
            lines.append(
                f"  {kind:<5}  {item.name:<{wide}}  {state:<20}  {_users(item)}{_apart(item, work)}"
            )
    waiting = len(plan.to_run())
    counts = f"{len(plan.cells) - waiting} finished, {waiting} to run"
    time_left = ""
    if waiting:
        left, alone = sum(item.left for item in work), sum(item.alone for item in work)
        time_left = f", {_about(left)} with sharing, {_about(alone)} without"
    lines += ["", f"{counted(len(plan.cells), 'cell')}: {counts}{time_left}."]
    there = sum(item.done for item in work)
    if there:
        lines.append(
            f"Of the {counted(len(work), 'part')} {there} need not be made again. Without sharing, "
            "each cell would make its own."
        )
    asked = plan.benchmark.robustness
    if asked is not None:
        lines.append(
            f"Each is then evaluated under {counted(len(asked.corruptions), 'corruption')} at "
            f"{counted(len(asked.settings.strengths), 'strength')}, from its weights; what that "
            "takes is not in the estimate."
        )
    lines += [f"note: {note}" for note in plan.notes]
    return "\n".join(lines)


def _users(item: Work) -> str:
    """Say who uses an artifact: ``g2ff_ca``, ``3 cells of g2ff_ca``, ``shared by 6 rows``."""
    if len(item.rows) > 1:
        cells = f", {item.cells} cells" if item.cells > len(item.rows) else ""
        return f"shared by {len(item.rows)} rows{cells}"
    return item.rows[0] if item.cells == 1 else f"shared by {item.cells} cells of {item.rows[0]}"


def _apart(item: Work, work: list[Work]) -> str:
    """Say what sets a stage apart from others that would look the same: ``: loss bce``."""
    alike = [one for one in work if (one.name, _looks(one)) == (item.name, _looks(item))]
    differing = [
        f"{key} {value}"
        for key, value in item.recipe.items()
        # An option that another stage lacks belongs to a plugin whose name differs.
        if any(one.recipe.get(key, value) != value for one in alike)
    ]
    return f": {', '.join(differing[:DIFFERENCES])}" if differing else ""


def _looks(item: Work) -> str:
    """Return by whom an artifact is used, as far as a reader can tell rows apart."""
    return "several" if len(item.rows) > 1 else item.rows[0]


def _about(seconds: float) -> str:
    return "unknown time" if math.isnan(seconds) else f"about {duration(seconds)}"
