"""Reads a benchmark's folder of results: its plan, and the cells that the plan names."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from farbench.errors import UserError, unknown_name
from farbench.store.cells import CELL, PLAN, SCHEMA
from farbench.store.shapes import PLAN as PLAN_SHAPE
from farbench.store.shapes import check_shape
from farbench.tables.cells import CellResult, joined, read_cell, read_object
from farbench.tasks import from_record, recorded_tasks
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task


@dataclass(frozen=True)
class PlannedRow:
    """A row of the benchmark as the plan names it.

    Attributes:
        alone: Whether its tasks are trained alone, in a cell each (``single_task``).
    """

    id: str
    label: str
    marks: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    alone: bool = False


@dataclass(frozen=True)
class Results:
    """A benchmark's folder, read. Rows without a planned cell (``--rows``) are left out.

    Only the keys that tables need are read, so that results that were committed long ago stay
    readable when the schema of benchmark files grows.

    Attributes:
        attributes: The attributes that metrics are means over; empty for all (see
            :func:`farbench.tables.options.apply`).
        planned: The planned cells by the name of their folder, tasks trained alone apart.
        left_out: Ids of the benchmark's rows that have no planned cell (``--rows``).
    """

    folder: Path
    name: str
    title: str
    caption: str
    version: str
    metrics: tuple[str, ...]
    marks: tuple[str, ...]
    compare: str | None
    published: tuple[str, ...]
    protocol: dict[str, Any]
    rows: tuple[PlannedRow, ...]
    cells: tuple[CellResult, ...]
    notes: tuple[str, ...]
    tasks: dict[str, tuple[Task, ...]] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    planned: dict[str, CellResult] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def tasks_of(self, dataset: str) -> tuple[Task, ...]:
        """Return the tasks of a data set: of the plan, else the attributes that cells recorded."""
        if dataset in self.tasks:
            return self.tasks[dataset]
        names: dict[str, None] = {}
        for cell in self.cells:
            if cell.dataset == dataset:
                recorded = (cell.record.get("attributes") or {}).get("attributes")
                names |= dict.fromkeys(recorded or ())
        return (BinaryAttributes("attributes", tuple(names)),)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Data set names in the plan's order."""
        return tuple(dict.fromkeys(cell.dataset for cell in self.cells))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Planned seeds, sorted."""
        return tuple(sorted({cell.seed for cell in self.cells}))

    def of(self, row: str, dataset: str) -> list[CellResult]:
        """Return the planned cells of a row on a data set, by seed."""
        return list(self._by_place.get((row, dataset), ()))

    @functools.cached_property
    def _by_place(self) -> Mapping[tuple[str, str], list[CellResult]]:
        """Return the cells of each row and data set by seed; tables ask thousands of times."""
        found: dict[tuple[str, str], list[CellResult]] = {}
        for cell in sorted(self.cells, key=lambda cell: cell.seed):
            found.setdefault((cell.row, cell.dataset), []).append(cell)
        return found

    def label(self, row: str) -> str:
        """Return the label of a row by its id."""
        return next((one.label for one in self.rows if one.id == row), row)

    def finished(self, dataset: str | None = None) -> list[CellResult]:
        """Return the finished cells, of one data set if it is given."""
        return [c for c in self.cells if c.finished and dataset in (None, c.dataset)]

    def predicts(self, row: str, dataset: str, task: str) -> bool:
        """Whether a row predicts a task; one that is not finished is taken to."""
        cells = self.of(row, dataset)
        return not any(c.finished for c in cells) or any(task in c.scores for c in cells)

    def dataset_record(self, dataset: str) -> dict[str, Any]:
        """Return what the cells say of a data set: the most complete record of it."""
        return self._dataset_records.get(dataset, {})

    @functools.cached_property
    def _dataset_records(self) -> Mapping[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for cell in self.cells:
            record = cell.record.get("dataset") or {}
            if len(record) > len(found.get(cell.dataset, {})):
                found[cell.dataset] = record
        return found


def find_benchmark(folder: Path) -> Path:
    """Return the benchmark's folder for a results root or that folder itself.

    Raises:
        UserError: There is none, or a root holds several (they are listed).
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder. Give a results folder (`runs`, unless `farbench run "
            "--results` named another) or one benchmark's folder in it."
        )
    if (folder / PLAN).is_file():
        return folder
    found = sorted(path.parent for path in folder.glob(f"*/{PLAN}"))
    if not found:
        raise UserError(
            f"no benchmark results in {folder} (no {PLAN}). "
            "Run one first: `farbench run quickstart`."
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UserError(
            f"{folder} holds several benchmarks: {names}. "
            f"Give the folder of one: {folder / found[0].name}."
        )
    return found[0]


def read_results(folder: Path) -> Results:
    """Read a benchmark's folder; cell folders that the plan does not name are ignored.

    Raises:
        UserError: plan.json is absent, damaged, or of a schema that this version does not know.
    """
    path = folder / PLAN
    plan = read_object(path)
    if plan.get("schema") != SCHEMA:
        raise UserError(
            f"{path} has schema {plan.get('schema')!r}; this farbench reads schema {SCHEMA}. "
            "Install the farbench that wrote it, or run the benchmark again."
        )
    advice = "It is no plan of farbench: restore it, or run the benchmark again."
    check_shape(path, plan, PLAN_SHAPE, advice)
    try:
        benchmark = plan["benchmark"]
        rows = [_planned_row(row) for row in benchmark["rows"]]
        ids = {row.id for row in rows}
        for number, entry in enumerate(plan["cells"]):
            if entry["row"] not in ids:
                raise unknown_name("row", entry["row"], ids, f"{path}: cells[{number}].row")
        tasks = {
            dataset: tuple(map(from_record, records))
            for dataset, records in (plan.get("tasks") or {}).items()
        }
        planned = {
            entry["folder"]: _of_the_plan(read_cell(folder, entry), tasks.get(entry["dataset"], ()))
            for entry in plan["cells"]
        }
        cells = joined(planned.values())
        planned_rows = {cell.row for cell in cells}
        return Results(
            folder=folder,
            name=benchmark["name"],
            title=benchmark.get("title") or f"Benchmark {benchmark['name']}",
            caption=benchmark.get("caption") or "",
            version=str(plan.get("farbench", "")),
            metrics=tuple(benchmark.get("metrics") or ()),
            marks=tuple(benchmark.get("marks") or ()),
            compare=benchmark.get("compare"),
            published=tuple(benchmark.get("published") or ()),
            protocol=benchmark.get("protocol") or {},
            rows=tuple(row for row in rows if row.id in planned_rows),
            cells=cells,
            notes=tuple(plan.get("notes") or ()),
            tasks=tasks,
            planned=planned,
            left_out=tuple(plan.get("left_out") or ()),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no plan of farbench: {error!r} is wrong or absent.") from error


def _of_the_plan(cell: CellResult, tasks: Sequence[Task]) -> CellResult:
    """Return a cell; as unreadable where a task of a planned name is another one there."""
    known = {task.name: task for task in tasks}
    for task in recorded_tasks(cell.record, Path(CELL)) if cell.finished else ():
        if known.get(task.name, task) != task:
            reason = f"its task '{task.name}' is another one than that of {PLAN}"
            return replace(cell, missing="unreadable", reason=reason)
    return cell


def _planned_row(row: Mapping[str, Any]) -> PlannedRow:
    return PlannedRow(
        id=row["id"],
        label=row.get("label") or row["id"],
        marks=tuple(row.get("marks") or ()),
        options=row.get("options") or {},
        protocol=row.get("protocol") or {},
        alone=bool(row.get("alone")),
    )
