"""What a run will do: its cells, the stages behind them, and which of it is there already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from farbench.benchmark.identity import Identity
from farbench.benchmark.resolve import ResolvedBenchmark
from farbench.benchmark.resolved_row import ResolvedRow
from farbench.benchmark.schema import Protocol
from farbench.data.source import Source, open_source
from farbench.data.targets import planned_statistics
from farbench.errors import UserError
from farbench.masks.plan import MaskPlan, plan_masks
from farbench.plugins.dataset import Dataset
from farbench.plugins.method import Problem
from farbench.plugins.registry import Registry
from farbench.running.stages import epochs_of, plan_stage
from farbench.store.artifacts import ArtifactStore
from farbench.store.cells import cell_status
from farbench.tasks.base import Task
from farbench.training.device import Compute, choose_compute
from farbench.training.stage import StageRun

PrepareSource = Callable[[Source, int], Source]


@dataclass(frozen=True)
class PlannedCell:
    """One training run: a row, or one task of a row whose tasks are alone, on a data set.

    Attributes:
        row: The row, with its protocol, method and losses.
        source: The images.
        tasks: What is predicted.
        seed: The seed.
        stages: The stages in order; the last one is the cell's own.
        masks: How the masks are made, if the method asks for them.
        area: Area of the masks relative to the prediction.
        compute: Device and precision.
        identity: What the cell is.
        folder: Its folder's name.
        status: "finished", "started" or "new".
    """

    row: ResolvedRow
    source: Source
    tasks: tuple[Task, ...]
    seed: int
    stages: tuple[StageRun, ...]
    masks: MaskPlan | None
    area: float
    compute: Compute
    identity: Identity
    folder: str
    status: str

    @property
    def name(self) -> str:
        """The row, with the task where each is trained alone."""
        return _name(self.row, self.tasks)


@dataclass(frozen=True)
class Plan:
    """All cells of a run.

    Attributes:
        benchmark: The resolved benchmark.
        folder: ``<results>/<benchmark>``.
        cells: In the order of the rows, data sets and seeds.
        notes: What the user should know before it starts.
    """

    benchmark: ResolvedBenchmark
    folder: Path
    cells: tuple[PlannedCell, ...]
    notes: tuple[str, ...] = ()

    def tasks(self) -> dict[str, tuple[Task, ...]]:
        """Return the tasks of all cells by data set, each once, in the order of the rows."""
        found: dict[str, dict[Task, None]] = {}
        for cell in self.cells:
            found.setdefault(cell.source.dataset.name, {}).update(dict.fromkeys(cell.tasks))
        return {dataset: tuple(tasks) for dataset, tasks in found.items()}

    def to_run(self) -> list[PlannedCell]:
        """Return the cells that are not finished."""
        return [cell for cell in self.cells if cell.status != "finished"]


@dataclass
class Planner:
    """Builds plans; holds what several cells share.

    Attributes:
        registry: The plugins.
        store: Where artifacts live.
        results: The results root.
        data_root: What the user gave, or None.
        device: "auto", "cpu", "cuda" or "cuda:N".
        prepare: Called once a source and packed size before cells are planned; may return a
            source with fewer images (those that decode).
    """

    registry: Registry
    store: ArtifactStore
    results: Path
    data_root: Path | None
    device: str
    prepare: PrepareSource = lambda source, side: source
    _sources: dict[str, Source] = field(default_factory=dict)

    def plan(self, benchmark: ResolvedBenchmark) -> Plan:
        """Work out every cell of a benchmark, reading labels but no image.

        Raises:
            UserError: The data is not there, or a method cannot be had on it.
        """
        folder = self.results / benchmark.loaded.benchmark.name
        cells = [
            self._cell(row, dataset, tasks, seed, folder)
            for row in benchmark.rows
            for dataset in benchmark.datasets
            for seed in benchmark.loaded.benchmark.seeds
            for tasks in _trainings(row, benchmark.tasks(row.row, dataset))
        ]
        if benchmark.robustness is not None:
            _check_robustness(cells)
        sources = {id(cell.source): cell.source for cell in cells}
        notes = [f"{s.dataset.name}: {note}" for s in sources.values() for note in s.index.notes]
        return Plan(benchmark, folder, tuple(cells), (*notes, *_same_training(cells)))

    def _source(self, dataset: Dataset, protocol: Protocol) -> Source:
        key = repr((dataset, protocol.images, protocol.resize))
        if key not in self._sources:
            source = open_source(dataset, self.data_root, protocol.images)
            self._sources[key] = self.prepare(source, protocol.resize)
        return self._sources[key]

    def _cell(
        self,
        row: ResolvedRow,
        dataset: Dataset,
        tasks: tuple[Task, ...],
        seed: int,
        folder: Path,
    ) -> PlannedCell:
        protocol = row.protocol
        compute = choose_compute(self.device, protocol.precision, protocol.threads, protocol.warp)
        source = self._source(dataset, protocol)
        problem = Problem(
            tasks=tasks,
            image_size=protocol.crop,
            statistics=planned_statistics(source, tasks),
            start_at_prior=protocol.start_at_prior,
            pretrained=protocol.pretrained,
            groupings=self.registry.grouping_records(),
        )
        request = row.method.mask_request()
        masks = self._masks(row, source, problem, compute)
        chain: list[StageRun] = []
        stages = row.method.stages()
        for stage in stages:
            epochs = protocol.epochs if stage is stages[-1] else epochs_of(stage, protocol)
            if epochs:
                parent = chain[-1] if chain else None
                chain.append(
                    plan_stage(row, stage, epochs, problem, source, masks, seed, compute, parent)
                )
        last = chain[-1].identity
        identity = Identity({"training": last.recipe, "seed": seed}, last.code, last.numerics)
        name = re.sub(r"[^A-Za-z0-9_.+=-]", "_", _name(row, tasks))
        cell = f"{name}-{dataset.name}-s{seed}-{identity.key[:8]}"
        return PlannedCell(
            row=row,
            source=source,
            tasks=tasks,
            seed=seed,
            stages=tuple(chain),
            masks=masks,
            area=request.area if request else 1.0,
            compute=compute,
            identity=identity,
            folder=cell,
            status=cell_status(folder / cell, identity.key, weights=protocol.keep_weights),
        )

    def _masks(
        self, row: ResolvedRow, source: Source, problem: Problem, compute: Compute
    ) -> MaskPlan | None:
        request = row.method.mask_request()
        if request is None:
            return None
        if row.keypoints is None:
            raise UserError(
                f"row '{row.row.id}' needs masks, but no plugin provides keypoint model 'auto'. "
                "See `farbench list keypoints`."
            )
        if row.protocol.masks.online and request.area != 1:
            raise UserError(
                f"row '{row.row.id}' asks for masks of area {request.area:g}, and masks.online "
                "makes none: masks are scaled part by part (connected components), which is done "
                "once, where they are stored. Use --set protocol.masks.online=false, or an area of "
                "1."
            )
        return plan_masks(
            source,
            row.protocol.resize,
            request.grouping,
            problem.groups(request.grouping),
            row.keypoints,
            row.protocol.masks,
            compute,
            pretrained=row.protocol.pretrained,
        )


def _name(row: ResolvedRow, tasks: tuple[Task, ...]) -> str:
    return f"{row.row.id}.{tasks[0].name}" if row.row.alone else row.row.id


def _trainings(row: ResolvedRow, tasks: tuple[Task, ...]) -> list[tuple[Task, ...]]:
    """Return the tasks of each training that a row takes: all at once, or each alone."""
    return [(task,) for task in tasks] if row.row.alone else [tasks]


def _check_robustness(cells: Iterable[PlannedCell]) -> None:
    """Refuse what would only fail after the training.

    Raises:
        UserError: Masks are predicted in every step.
    """
    for cell in cells:
        if cell.masks is not None and cell.masks.protocol.online:
            raise UserError(
                f"row '{cell.row.row.id}' predicts its masks in every step (masks.online), and "
                "robustness moves stored masks with the face. Use "
                "--set protocol.masks.online=false, or leave `robustness` out."
            )


def _same_training(cells: Iterable[PlannedCell]) -> list[str]:
    """Say which rows ask for the very same training, so that equal numbers surprise nobody."""
    rows: dict[str, list[str]] = {}
    for cell in cells:
        names = rows.setdefault(cell.identity.key, [])
        if cell.row.row.id not in names:
            names.append(cell.row.row.id)
    return [
        f"rows {' and '.join(names)} are the same training (same method, options and data)."
        for names in rows.values()
        if len(names) > 1
    ]
