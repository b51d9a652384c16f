"""Runs a benchmark: prepares it, gives its cells to an executor, keeps the plan on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from farbench.benchmark.resolve import ResolvedBenchmark
from farbench.data.workers import usable_cores
from farbench.executors.contract import Executor, Outcome
from farbench.executors.dispatch import dispatch
from farbench.executors.serial import SerialExecutor
from farbench.running.items import cell_items, with_artifacts
from farbench.running.job import RunJob
from farbench.running.life_cycle import cell_event, tell
from farbench.running.plan import Plan
from farbench.running.plan_file import Entry, PlanFile
from farbench.running.prepare import ELSEWHERE, Preparation
from farbench.running.progress import SideBySide
from farbench.running.ranks import share_job
from farbench.running.work import CellWork, Evaluator, Todo, write_failed
from farbench.store.atomic import sweep_old
from farbench.store.cells import LOG, cell_damage, cell_status
from farbench.store.folders import make_folder
from farbench.wording import counted


class BenchmarkRun:
    """One call of ``farbench run``."""

    def __init__(
        self,
        preparation: Preparation,
        *,
        evaluator: Evaluator | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Bind where things are read and written; nothing is touched yet.

        Args:
            preparation: Plans the run, and opens its images.
            evaluator: Makes what looks at finished cells, also at those finished before.
            executor: Where the cells run; in this process, one after the other, if None.
        """
        self.preparation, self.progress = preparation, preparation.progress
        self.evaluator, self.executor = evaluator, executor or SerialExecutor()

    def execute(self, benchmark: ResolvedBenchmark) -> tuple[Plan, int]:
        """Pack the images, plan, and run every cell that is not finished.

        Returns:
            The plan and how many cells failed.

        Raises:
            UserError: Something is wrong with what was asked; nothing was written to the results.
        """
        try:
            self.executor.connect()
            return self._execute(benchmark)
        finally:
            self.executor.stop()
            self.progress.close()

    def _execute(self, benchmark: ResolvedBenchmark) -> tuple[Plan, int]:
        preparation = self.preparation
        plan = preparation.pack_and_plan(benchmark)
        make_folder(plan.folder, "results folder", ELSEWHERE)
        for place in (plan.folder, plan.folder / "tables"):
            sweep_old(place)
        plan_file = PlanFile(plan, preparation.planner_without_images(), preparation.registry)
        self._announce(plan, plan_file)
        job = self._job(plan)
        items = cell_items(plan, evaluate=self.evaluator is not None)
        if self.executor.at_once > 1:
            items = with_artifacts(items, plan, preparation.store)
        shown = SideBySide(self.progress, len(plan.to_run()))
        failed = 0
        share_job(job)
        self.executor.start(job, shown.hear)
        for outcome in dispatch(self.executor, items):
            shown.ended(outcome.item)
            if outcome.state == "lost":
                self._keep_record(plan, outcome)
            if outcome.item.payload.artifact is None:
                failed += outcome.state != "finished"
                plan_file.write()
        return plan, failed

    def _announce(self, plan: Plan, plan_file: PlanFile) -> None:
        """Write ``plan.json``, and say what a user should know before the first cell."""
        others = _notes_on_others(*plan_file.write())
        if plan_file.damaged:
            self.progress.line(
                f"warning: {plan_file.damaged}. It is written again; finished cells of other runs "
                "are shown again when these runs are started again."
            )
        for note in (*others, *plan.notes, *self._notes(plan)):
            self.progress.line(f"note: {note}")
        waiting = plan.to_run()
        for cell in waiting:
            weights = cell.row.protocol.keep_weights
            wrong = cell_damage(plan.folder / cell.folder, cell.identity.key, weights=weights)
            if wrong is not None:
                self.progress.line(f"warning: {cell.folder} was finished, but {wrong}: run again")
        if len(waiting) < len(plan.cells):
            number = len(plan.cells) - len(waiting)
            self.progress.line(f"{number} of {counted(len(plan.cells), 'cell')} finished already.")

    def _job(self, plan: Plan) -> RunJob:
        preparation, benchmark = self.preparation, plan.benchmark
        evaluate = None
        if self.evaluator is not None:
            evaluate = self.evaluator(
                benchmark,
                preparation.registry,
                preparation.store,
                preparation.device,
                self.progress,
            )
        at_once = self.executor.on_one_machine
        return RunJob(
            loaded=benchmark.loaded,
            results=preparation.results,
            data_root=preparation.data_root,
            cache=preparation.store.root,
            device=preparation.device,
            skip_broken=preparation.skip_broken,
            evaluator=self.evaluator,
            at_once=at_once,
            live=self.progress.live,
            here=CellWork(plan, preparation, at_once, evaluate),
            loggers=preparation.registry.loggers,
        )

    def _keep_record(self, plan: Plan, outcome: Outcome) -> None:
        """Write down that a cell failed whose worker could not."""
        todo: Todo = outcome.item.payload
        if todo.artifact is not None:
            self.progress.line(f"{outcome.item.name}: {outcome.reason}; who needs it tries again")
            return
        cell = next(cell for cell in plan.cells if cell.folder == todo.folder)
        target = plan.folder / cell.folder
        make_folder(target, "results folder", ELSEWHERE)
        with self.progress.log_to(target / LOG):
            self.progress.line(f"{outcome.item.name}: failed: {outcome.reason}")
        # Another run in this folder may have taken the cell over: what it finishes stays.
        weights = cell.row.protocol.keep_weights
        if cell_status(target, cell.identity.key, weights=weights) != "finished":
            write_failed(cell, target, outcome.reason)
            event = cell_event(plan.benchmark.loaded.benchmark.name, cell, target)
            hooks = self.preparation.registry.hooks
            tell(hooks, self.progress, "farbench_cell_failed", cell=event, reason=outcome.reason)

    def _notes(self, plan: Plan) -> Iterator[str]:
        """Say that workers share cores, where they do."""
        at_once = min(self.executor.on_one_machine, len(plan.to_run()))
        on_cpu = [cell for cell in plan.to_run() if cell.compute.device.type == "cpu"]
        threads = max((cell.compute.threads for cell in on_cpu), default=0)
        cores = usable_cores()
        if at_once > 1 and at_once * threads > cores:
            yield (
                f"{at_once} cells at once with {counted(threads, 'thread')} each share "
                f"{counted(cores, 'core')}. Threads are part of a cell's numerics, so they stay as "
                "the protocol has them (protocol.threads)."
            )


def _notes_on_others(stay: list[Entry], go: list[Entry]) -> Iterator[str]:
    """Say which cells of other runs the tables show beside this run's, and which no longer."""
    if stay:
        yield f"the tables keep what other runs finished here: {_counted_by_row(stay)}."
    if go:
        yield (
            f"the tables leave out {_counted_by_row(go)} of other runs: not finished, not in the "
            "benchmark any more, or made with other settings or code. Their files stay."
        )


def _counted_by_row(entries: list[Entry]) -> str:
    rows = Counter(entry["row"] for entry in entries)
    return ", ".join(f"{row} ({counted(number, 'cell')})" for row, number in rows.items())
