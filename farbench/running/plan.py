"""What a run will do: its cells, the stages behind them, and which of it is there already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farbench.benchmark.identity import Identity, code_identity, digest
from farbench.benchmark.resolve import ResolvedBenchmark, ResolvedRow
from farbench.benchmark.schema import Protocol
from farbench.data.source import Source, open_source
from farbench.errors import UserError
from farbench.masks.artifact import MaskPlan, plan_masks
from farbench.plugins.dataset import Dataset
from farbench.plugins.manager import Registry
from farbench.plugins.method import Problem, Stage
from farbench.scoring.metrics import METRIC_VERSION
from farbench.store.artifacts import ArtifactStore
from farbench.store.cells import cell_status
from farbench.training.device import Compute, choose_compute
from farbench.training.stage import StageRun

STAGE_PROTOCOL = (
    "crop",
    "augmentation",
    "pretrained",
    "start_at_prior",
    "optimizer",
    "weight_decay",
    "momentum",
    "schedule",
    "batch_size",
    "selection",
)
"""The keys of a protocol that change what a stage learns, beside its epochs, rate and loss."""

PrepareSource = Callable[[Source, int], Source]


@dataclass(frozen=True)
class PlannedCell:
    """One training run: a row on a data set with a seed.

    Attributes:
        row: The row, with its protocol, method and loss.
        source: The images.
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
    seed: int
    stages: tuple[StageRun, ...]
    masks: MaskPlan | None
    area: float
    compute: Compute
    identity: Identity
    folder: str
    status: str


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
            self._cell(row, dataset, seed, folder)
            for row in benchmark.rows
            for dataset in benchmark.datasets
            for seed in benchmark.loaded.benchmark.seeds
        ]
        sources = {id(cell.source): cell.source for cell in cells}
        notes = [f"{s.dataset.name}: {note}" for s in sources.values() for note in s.index.notes]
        return Plan(benchmark, folder, tuple(cells), (*notes, *_same_training(cells)))

    def _source(self, dataset: Dataset, protocol: Protocol) -> Source:
        key = repr((dataset, protocol.images, protocol.resize))
        if key not in self._sources:
            source = open_source(dataset, self.data_root, protocol.images)
            self._sources[key] = self.prepare(source, protocol.resize)
        return self._sources[key]

    def _cell(self, row: ResolvedRow, dataset: Dataset, seed: int, folder: Path) -> PlannedCell:
        protocol = row.protocol
        if protocol.crop > protocol.resize:
            raise UserError(
                f"protocol.crop ({protocol.crop}) is larger than protocol.resize "
                f"({protocol.resize}): a crop cannot be larger than the image."
            )
        compute = choose_compute(self.device, protocol.precision, protocol.threads)
        source = self._source(dataset, protocol)
        problem = Problem(
            tasks=(source.task,),
            image_size=protocol.crop,
            prevalence={source.task.name: source.prevalence()},
            start_at_prior=protocol.start_at_prior,
            pretrained=protocol.pretrained,
            groupings=self.registry.grouping_records(),
        )
        request = row.method.mask_request()
        masks = self._masks(row, source, problem, compute)
        chain: list[StageRun] = []
        stages = row.method.stages()
        for stage in stages:
            epochs = protocol.epochs if stage is stages[-1] else _epochs_of(stage, protocol)
            if epochs:
                parent = chain[-1] if chain else None
                chain.append(
                    _stage_run(row, stage, epochs, problem, source, masks, seed, compute, parent)
                )
        last = chain[-1].identity
        identity = Identity({"training": last.recipe, "seed": seed}, last.code, last.numerics)
        name = re.sub(r"[^A-Za-z0-9_.+=-]", "_", row.row.id)
        cell = f"{name}-{dataset.name}-s{seed}-{identity.key[:8]}"
        return PlannedCell(
            row=row,
            source=source,
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


def _epochs_of(stage: Stage, protocol: Protocol) -> int:
    if stage.name not in protocol.stage_epochs:
        known = ", ".join(protocol.stage_epochs) or "none"
        raise UserError(
            f"method '{stage.method.name}' has a stage '{stage.name}', and the protocol does not "
            f"say how long it lasts (it knows: {known}). "
            f"Add it with --set protocol.stage_epochs.{stage.name}=1 (0 leaves the stage out)."
        )
    return protocol.stage_epochs[stage.name]


def _stage_run(
    row: ResolvedRow,
    stage: Stage,
    epochs: int,
    problem: Problem,
    source: Source,
    masks: MaskPlan | None,
    seed: int,
    compute: Compute,
    parent: StageRun | None,
) -> StageRun:
    """Build a stage with its identity, which never mentions the row."""
    protocol, method = row.protocol, stage.method
    request = method.mask_request()
    learning_rate = protocol.stage_learning_rate.get(stage.name, protocol.learning_rate)
    dumped = protocol.model_dump(mode="json")
    recipe: dict[str, Any] = {
        "stage": stage.name,
        "method": {"name": method.name, "options": method.options()},
        "frozen": list(stage.frozen),
        "epochs": epochs,
        "learning_rate": learning_rate,
        "loss": {"name": row.loss.name, "options": row.loss.options()},
        "protocol": {key: dumped[key] for key in STAGE_PROTOCOL},
        "seed": seed,
        "data": {
            "dataset": source.dataset.name,
            "options": source.dataset.options(),
            "manifest": source.manifest,
            "resize": protocol.resize,
        },
        "parent": parent.identity.recipe if parent else None,
    }
    modules = [
        "farbench.data.pack",
        "farbench.training.stage",
        type(method).__module__,
        type(row.loss).__module__,
        type(source.dataset).__module__,
    ]
    if protocol.selection == "best_valid":
        # Here a score decides which weights are kept, so its definition is part of the recipe.
        recipe["metric_version"] = METRIC_VERSION
    grouping = getattr(method, "grouping", None)
    if grouping is not None:
        groups = problem.groups(grouping)
        recipe["groups"] = [[group.name, list(group.columns)] for group in groups]
    if request is not None and masks is not None:
        recipe["masks"] = {
            "made": masks.at(request.area).recipe,
            "warp": protocol.mask_warp,
        }
    code = code_identity(modules)
    if request is not None and masks is not None:
        code["masks"] = masks.network.code
    if parent is not None:
        code["parent"] = digest(parent.identity.code)
    identity = Identity(recipe, code, compute.numerics())
    return StageRun(
        stage, problem, protocol, row.loss, epochs, learning_rate, seed, identity, parent
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
