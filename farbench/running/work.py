"""Does one work item of a run: a cell in its folder, or an artifact that several cells need."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from farbench.benchmark.resolve import ResolvedBenchmark
from farbench.data.pack import PackedImages
from farbench.errors import CellFailed, NoSpace, UserError
from farbench.executors.contract import WorkItem
from farbench.plugins.registry import Registry
from farbench.running.cell import CellRunner
from farbench.running.plan import Plan, PlannedCell
from farbench.running.prepare import ELSEWHERE, Preparation
from farbench.running.progress import Progress, told_score
from farbench.running.record import planned_record
from farbench.scoring.catalogue import HEADLINE
from farbench.store import cells as files
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import sweep
from farbench.store.folders import locked, make_folder
from farbench.training.assist import Assignment
from farbench.training.distributed import LostRank
from farbench.wording import duration

Evaluate = Callable[[PlannedCell, PackedImages, Path], None]
"""Looks at a finished cell, its images and its folder; what it finds, it stores there."""

Evaluator = Callable[[ResolvedBenchmark, Registry, ArtifactStore, str, Progress], Evaluate | None]
"""Makes the evaluation that a benchmark asks for, on a device; None if it asks for none.

A function of a module: worker processes find it by its name.
"""


@dataclass(frozen=True)
class Todo:
    """The payload of a work item.

    Attributes:
        folder: Name of the cell's folder.
        key: Identity of the cell, to notice that a worker sees other code or data.
        artifact: Make this artifact of the cell alone: "masks" or "stages", and its key.
    """

    folder: str
    key: str
    artifact: tuple[str, str] | None = None


class CellWork:
    """Does the items of one plan, in this process."""

    def __init__(
        self, plan: Plan, preparation: Preparation, at_once: int, evaluate: Evaluate | None
    ) -> None:
        """Bind a plan.

        Args:
            plan: Whose cells are asked for.
            preparation: That made the plan.
            at_once: The most cells that share a machine, for the record.
            evaluate: Is called with every finished cell, also those that were finished before.
        """
        self.plan, self.preparation, self.evaluate = plan, preparation, evaluate
        self.progress = preparation.progress
        name = plan.benchmark.loaded.benchmark.name
        registry, store = preparation.registry, preparation.store
        self._runner = CellRunner(name, store, registry.hooks, self.progress, at_once)
        self._cells: Mapping[str, PlannedCell] = {cell.folder: cell for cell in plan.cells}

    def __call__(self, item: WorkItem) -> str | None:
        """Do an item; a failure is written into the cell's folder and stops nobody.

        Returns:
            Why it failed; None if it is finished.

        Raises:
            CellFailed: It is not what was planned.
        """
        todo: Todo = item.payload
        cell = self._cells.get(todo.folder)
        if cell is None or cell.identity.key != todo.key:
            raise CellFailed(
                "code, data or kind of device have changed since the run began; begin it again"
            )
        try:
            if todo.artifact is not None:
                return self._make(cell, item.name, *todo.artifact)
            if cell.status == "finished":
                return self._evaluate_finished(cell)
            return self._run(cell, item.name)
        finally:
            gc.collect()  # the traceback of a cell that failed holds its tensors
            if cell.compute.device.type == "cuda":  # it may be another worker's turn there
                torch.cuda.empty_cache()

    def assist(self, assignment: Assignment) -> None:
        """Help another process to train a stage of a cell."""
        cell = self._cells[assignment.cell]
        self._runner.assist(cell, self.preparation.packed(cell), assignment)

    def _make(self, cell: PlannedCell, name: str, kind: str, key: str) -> str | None:
        """Make an artifact; what is said goes into the log of the first cell that needs it."""
        target = self.plan.folder / cell.folder
        make_folder(target, "results folder", ELSEWHERE)
        with self.progress.log_to(target / files.LOG):
            self.progress.line(f"{name}, {cell.source.dataset.name}, seed {cell.seed}")
            try:
                self._runner.make(cell, self.preparation.packed(cell), kind, key)
            except LostRank:
                raise
            except (Exception, SystemExit) as error:
                self.progress.to_log(traceback.format_exc())
                self.progress.line(f"  failed: {_reason(error)}; who needs it tries again")
                return _reason(error)
        return None

    def _run(self, cell: PlannedCell, name: str) -> str | None:
        """Run one cell; alone, for another run in the same folder may have it too."""
        target = self.plan.folder / cell.folder
        name = f"{name}, {cell.source.dataset.name}, seed {cell.seed}"
        weights = cell.row.protocol.keep_weights
        make_folder(target, "results folder", ELSEWHERE)
        with locked(target, lambda: self.progress.line(f"{name}: another run is at it, waiting")):
            if files.cell_status(target, cell.identity.key, weights=weights) == "finished":
                self.progress.line(f"{name}: finished by another run")
                return None
            sweep(target)
            with self.progress.log_to(target / files.LOG):
                self.progress.line(name)
                return self._run_alone(cell, target)

    def _run_alone(self, cell: PlannedCell, target: Path) -> str | None:
        started = time.perf_counter()
        try:
            metrics = self._runner.run(cell, self.preparation.packed(cell), target)
        except NoSpace:
            raise  # every cell would end so, after hours; what is finished stays
        except LostRank:
            raise
        except (Exception, SystemExit) as error:  # a plugin may exit where it should raise
            self.progress.to_log(traceback.format_exc())
            reason = _reason(error)
            write_failed(cell, target, reason)
            self.progress.line(f"  failed: {reason} (see {target / files.LOG})")
            self._runner.failed(cell, target, reason)
            return reason
        scores = ", ".join(
            told_score(task, metric, metrics[task.name][metric], named=len(cell.tasks) > 1)
            for task in cell.tasks
            for metric in HEADLINE[task.kind]
        )
        taken = duration(time.perf_counter() - started)
        self.progress.line(f"  test {scores}, in {taken}")
        return self._evaluated(cell, target)

    def _evaluate_finished(self, cell: PlannedCell) -> str | None:
        target = self.plan.folder / cell.folder
        with locked(target), self.progress.log_to(target / files.LOG):
            return self._evaluated(cell, target)

    def _evaluated(self, cell: PlannedCell, target: Path) -> str | None:
        """Evaluate a finished cell; a failure costs neither its scores nor the other cells."""
        if self.evaluate is None:
            return None
        try:
            self.evaluate(cell, self.preparation.packed(cell), target)
        except (Exception, SystemExit) as error:  # as above; no other process takes part
            self.progress.to_log(traceback.format_exc())
            self.progress.line(
                f"  trained, but not evaluated: {_reason(error)} (see {target / files.LOG})"
            )
            return _reason(error)
        return None


def write_failed(cell: PlannedCell, target: Path, reason: str) -> None:
    """Write into a cell's folder that it failed, and why."""
    files.write_cell(target, {**planned_record(cell), "status": "failed", "error": reason})


def _reason(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    if isinstance(error, CellFailed | UserError):
        return text
    return f"{type(error).__name__}: {text}"
