"""Training images a second: as measured on this device before, else tried in a few steps."""

from __future__ import annotations

import json
import math
import statistics
import time
from dataclasses import replace
from typing import Any

from farbench.errors import UserError
from farbench.running.plan import PlannedCell
from farbench.store.artifacts import DONE, ArtifactStore
from farbench.training.stage import StageRun

PROBE_BATCH, PROBE_STEPS = 8, 3
"""Images of a step that is tried, and how many steps are: the quickest counts."""


class Rates:
    """The rate of each stage that is asked for."""

    def __init__(self, store: ArtifactStore) -> None:
        """Read the rates of the stages in the cache."""
        self._known: dict[str, list[float]] = {}
        for path in (store.root / "stages").glob(f"*/{DONE}"):
            try:
                meta = store.meta("stages", path.parent.name) or {}
                kind = _kind(meta["identity"]["recipe"], meta["identity"]["numerics"])
                rate = float(meta["images_per_second"])
            except (UserError, KeyError, TypeError, ValueError, AttributeError):
                continue  # of another farbench, or damaged: what it took is not known
            self._known.setdefault(kind, []).append(rate)

    def __call__(self, run: StageRun, cell: PlannedCell) -> float:
        """Return the rate of a stage."""
        kind = _kind(run.identity.recipe, run.identity.numerics)
        if kind not in self._known:
            try:
                self._known[kind] = [_probe(run, cell)]
            except UserError:
                raise
            except (Exception, SystemExit):
                # A broken method: the plan is printed, and the run will say why.
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


def _probe(run: StageRun, cell: PlannedCell) -> float:
    """Time a few training steps on random images, without pretrained weights."""
    import torch

    from farbench.data.batches import Batch
    from farbench.running.costs import wait_for
    from farbench.training.device import Forward
    from farbench.training.weights import freeze

    problem = replace(run.problem, pretrained=False)
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
    for _ in range(PROBE_STEPS):
        started = time.perf_counter()
        outputs = forward(batch)
        total = torch.stack([outputs[task.name].square().mean() for task in problem.tasks]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        wait_for(cell.compute)
        times.append(time.perf_counter() - started)
    return PROBE_BATCH / min(times)
