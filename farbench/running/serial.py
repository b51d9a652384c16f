"""Runs a benchmark in this process, one cell after the other."""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from farbench.benchmark.identity import Identity, code_identity
from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.places import KeyPath
from farbench.benchmark.resolve import ResolvedBenchmark, ResolvedRow
from farbench.data.pack import PackedImages, pack
from farbench.data.source import Source
from farbench.errors import CellFailed, UserError
from farbench.masks.network import MaskNetwork
from farbench.plugins.manager import Registry
from farbench.running.cell import CellRunner
from farbench.running.plan import Plan, PlannedCell, Planner, PrepareSource
from farbench.running.plan_file import Entry, PlanFile
from farbench.running.progress import Progress, counted, duration
from farbench.running.record import describe
from farbench.scoring.catalogue import HEADLINE, metric_info
from farbench.store import cells as files
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import sweep
from farbench.store.folders import locked, make_folder
from farbench.tasks.base import Task

ELSEWHERE = "Choose another with --results DIR."


class SerialRun:
    """One call of ``farbench run``."""

    def __init__(
        self,
        registry: Registry,
        store: ArtifactStore,
        results: Path,
        data_root: Path | None,
        device: str,
        progress: Progress,
        *,
        skip_broken: bool = False,
    ) -> None:
        """Bind where things are read and written; nothing is touched yet."""
        self.registry, self.store, self.results = registry, store, results
        self.data_root, self.device = data_root, device
        self.progress, self.skip_broken = progress, skip_broken
        self._packed: dict[tuple[str, int], PackedImages] = {}

    def plan(self, benchmark: ResolvedBenchmark) -> Plan:
        """Plan without opening an image.

        Raises:
            UserError: Something is wrong with what was asked.
        """
        self._check_folder(self.results / benchmark.loaded.benchmark.name)
        plan = self._planner(self._without_broken).plan(benchmark)
        self._try_networks(plan)
        return plan

    def _planner(self, prepare: PrepareSource) -> Planner:
        return Planner(
            self.registry, self.store, self.results, self.data_root, self.device, prepare
        )

    def execute(self, benchmark: ResolvedBenchmark) -> tuple[Plan, int]:
        """Pack the images, plan, and run every cell that is not finished.

        Returns:
            The plan and how many cells failed.

        Raises:
            UserError: Something is wrong with what was asked; nothing was written to the results.
        """
        self._check_folder(self.results / benchmark.loaded.benchmark.name)
        plan = self._planner(self._pack).plan(benchmark)
        self._try_networks(plan)
        make_folder(plan.folder, "results folder", ELSEWHERE)
        plan_file = PlanFile(plan, self._planner(self._without_broken), self.registry)
        for note in (*_notes_on_others(*plan_file.write()), *plan.notes):
            self.progress.line(f"note: {note}")
        waiting = plan.to_run()
        finished = len(plan.cells) - len(waiting)
        if finished:
            self.progress.line(
                f"{finished} of {counted(len(plan.cells), 'cell')} finished already."
            )
        runner = CellRunner(
            benchmark.loaded.benchmark.name, self.store, self.registry.hooks, self.progress
        )
        failed = 0
        try:
            for number, cell in enumerate(waiting, 1):
                failed += not self._run(runner, cell, plan.folder, f"[{number}/{len(waiting)}]")
                plan_file.write()
        finally:
            self.progress.close()
        return plan, failed

    def _pack(self, source: Source, side: int) -> Source:
        """Pack a source; return it without the images that do not decode."""
        identity = _packed_identity(source, side)
        if self.store.meta("packed", identity.key) is None:
            self.progress.line(
                f"packing {len(source)} images of {source.dataset.name} at {side} px"
            )
        packed = pack(
            self.store,
            identity.key,
            len(source),
            source.read,
            side,
            skip_broken=self.skip_broken,
            progress=lambda done, total: self.progress.step("packed", done, total),
        )
        if packed.broken:
            return self._pack(source.without(set(packed.broken)), side)
        self._packed[source.manifest, side] = packed
        return source

    def _without_broken(self, source: Source, side: int) -> Source:
        """Leave out what an earlier run found not to decode, so that plan and run agree."""
        meta = self.store.meta("packed", _packed_identity(source, side).key)
        if meta is None or not self.skip_broken:
            return source
        return source.without({int(position) for position in meta["broken"]})

    def _try_networks(self, plan: Plan) -> None:
        """Build what is to be trained once, so that a mistake in it is found before all else.

        A backbone without weights or of an unknown name is the user's to mend, and is told at
        once; anything else is a matter of the cell, which reports it without stopping the others.

        Raises:
            UserError: A network cannot be had.
        """
        tried: set[str] = set()
        for cell in plan.to_run():
            run = cell.stages[-1]
            what = repr((run.stage.method, cell.tasks, run.weighting, run.protocol))
            if what in tried or self.store.meta("stages", run.identity.key) is not None:
                continue
            tried.add(what)
            try:
                run.build_loss(run.build())
                masks = cell.masks
                if masks is not None and self.store.meta("masks", masks.network.key) is None:
                    MaskNetwork(len(masks.groups), masks.protocol, pretrained=masks.pretrained)
            except UserError as error:
                place = _place_of_network(plan.benchmark.loaded, cell.row, str(error))
                raise UserError(f"{place}: rows.{cell.row.row.id}: {error}") from error
            except Exception:
                continue

    def _run(self, runner: CellRunner, cell: PlannedCell, folder: Path, number: str) -> bool:
        """Run one cell; alone, for another run in the same folder may have it too."""
        target = folder / cell.folder
        name = f"{number} {cell.name}, {cell.source.dataset.name}, seed {cell.seed}"
        weights = cell.row.protocol.keep_weights
        make_folder(target, "results folder", ELSEWHERE)
        with locked(target, lambda: self.progress.line(f"{name}: another run is at it, waiting")):
            if files.cell_status(target, cell.identity.key, weights=weights) == "finished":
                self.progress.line(f"{name}: finished by another run")
                return True
            sweep(target)
            with self.progress.log_to(target / files.LOG):
                self.progress.line(name)
                return self._run_alone(runner, cell, target)

    def _run_alone(self, runner: CellRunner, cell: PlannedCell, target: Path) -> bool:
        """Run one cell; a failure is written into its folder and does not stop the others."""
        packed = self._packed[cell.source.manifest, cell.row.protocol.resize]
        started = time.perf_counter()
        try:
            metrics = runner.run(cell, packed, target)
        except Exception as error:
            self.progress.to_log(traceback.format_exc())
            reason = _reason(error)
            files.write_cell(target, {**describe(cell), "status": "failed", "error": reason})
            self.progress.line(f"  failed: {reason} (see {target / files.LOG})")
            return False
        shown = ", ".join(
            _shown(task, metric, metrics[task.name][metric], named=len(cell.tasks) > 1)
            for task in cell.tasks
            for metric in HEADLINE[task.kind]
        )
        taken = duration(time.perf_counter() - started)
        self.progress.line(f"  test {shown}, in {taken}")
        return True

    def _check_folder(self, folder: Path) -> None:
        """Tell that the results have no place before hours are spent, without making anything."""
        above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            state = "cannot be written" if above.is_dir() else "is a file"
            raise UserError(f"results folder {folder} cannot be made: {above} {state}. {ELSEWHERE}")


def _place_of_network(loaded: LoadedBenchmark, row: ResolvedRow, message: str) -> str:
    """Return where the backbone or encoder that an error names was written, else the row."""
    name, places = row.row.id, loaded.places
    backbone = getattr(row.method, "backbone", None)
    paths: list[KeyPath] = [
        ("protocol", "substitute", replaced)
        for replaced, by in row.protocol.substitute.items()
        if by == backbone
    ]
    paths += [
        ("method", "backbone"),
        ("rows", name, "options", "backbone"),
        ("rows", name, "protocol", "method", "backbone"),
        ("protocol", "method", "backbone"),
    ]
    if f"'{backbone}'" not in message:
        paths = [("rows", name, "protocol", "masks", "encoder"), ("protocol", "masks", "encoder")]
        paths = paths if f"'{row.protocol.masks.encoder}'" in message else []
    written = [places.lines[path] for path in paths if path in places.lines]
    return written[0] if written else places.at(("rows", name))


def _packed_identity(source: Source, side: int) -> Identity:
    return Identity(
        {
            "dataset": source.dataset.name,
            "options": source.dataset.options(),
            "manifest": source.manifest,
            "side": side,
        },
        code_identity(["farbench.data.pack", *source.dataset.modules()]),
        {},
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


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    if isinstance(error, CellFailed | UserError):
        return text
    return f"{type(error).__name__}: {text}"


def _shown(task: Task, metric: str, value: float | None, *, named: bool) -> str:
    """Write one metric: ``accuracy 88.12``, ``age mae 6.30``."""
    info = metric_info(task.kind, metric)
    number = "undefined" if value is None else f"{100 * value if info.percent else value:.2f}"
    return f"{task.name} {metric} {number}" if named else f"{metric} {number}"
