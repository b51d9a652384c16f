"""``plan.json``: which cells are current, in a folder that several runs may share."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import farbench
from farbench.benchmark.identity import digest
from farbench.benchmark.resolve import resolve_benchmark
from farbench.benchmark.schema import Benchmark
from farbench.errors import DamagedFile, UserError
from farbench.plugins.registry import Registry
from farbench.running.plan import Plan, PlannedCell, Planner
from farbench.store import cells as files
from farbench.store.atomic import check_format, read_json, write_sealed
from farbench.store.folders import locked
from farbench.store.shapes import PLAN as PLAN_SHAPE
from farbench.store.shapes import check_shape

Entry = dict[str, Any]
Datasets = tuple[str | dict[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class OtherCell:
    """A cell of another run that is finished, and would come out of this run too.

    Attributes:
        entry: What ``plan.json`` says of it.
        cell: The same, planned by this run.
        datasets: The data sets under which it was planned.
    """

    entry: Entry
    cell: PlannedCell
    datasets: Datasets


class PlanFile:
    """The plan of a run on disk, together with what other runs finished in the same folder.

    A cell of another run stays if its row is still in the benchmark, this run does not plan that
    row on that data set with that seed, and it is finished as this run would make it: with the
    same recipe and code. So a table mixes no settings, ``--rows`` and ``--seeds`` add to what is
    there, and two runs at once lose none of one another's cells.
    """

    def __init__(self, plan: Plan, planner: Planner, registry: Registry) -> None:
        """Bind a plan.

        Args:
            plan: Of this run.
            planner: Plans the cells of others, to see what they would be today. It must need no
                images: those of others may not be there.
            registry: The plugins.
        """
        self.plan, self.planner, self.registry = plan, planner, registry
        self.damaged = ""
        """What was wrong with the file that was there; empty if nothing was."""
        self._planned_again: dict[str, PlannedCell | None] = {}

    def write(self) -> tuple[list[Entry], list[Entry]]:
        """Write ``plan.json``, to be called before the first cell and after each.

        Returns:
            The cells of other runs that stay, and those that go although this run has no cell in
            their place.

        Raises:
            UserError: The file that is there was written by a later farbench.
        """
        path = self.plan.folder / files.PLAN
        with locked(self.plan.folder):
            before = self._before(path)
            places = [_place(_entry(cell)) for cell in self.plan.cells]
            others = [entry for entry in before.get("cells", ()) if _place(entry) not in places]
            now = self.plan.benchmark.loaded.benchmark.datasets
            then = before.get("benchmark", {}).get("datasets") or ()
            choices = [now, *((spec,) for spec in then if spec not in now)]
            found = [self._if_current(entry, choices) for entry in others]
            stay = [other for other in found if other is not None]
            write_sealed(path, self._contents(stay, choices))
        gone = [entry for entry, other in zip(others, found, strict=True) if other is None]
        return [other.entry for other in stay], gone

    def _before(self, path: Path) -> dict[str, Any]:
        """Return what the file says; {} where there is none, or it is of no use."""
        try:
            before = read_json(path) if path.is_file() else {}
        except DamagedFile as error:
            self.damaged = error.damage  # it is written again here
            return {}
        except UserError as error:  # far larger than one can be
            self.damaged = str(error)
            return {}
        if isinstance(before, dict):
            check_format(path, before.get("schema"), files.SCHEMA)
            if before.get("schema") != files.SCHEMA:
                return {}
        try:
            check_shape(path, before, PLAN_SHAPE)
        except UserError as error:
            self.damaged = str(error).rstrip(".")
            return {}
        return dict(before)

    def _if_current(self, entry: Entry, choices: Sequence[Datasets]) -> OtherCell | None:
        """Return another run's cell if it is finished and current.

        The first choice of data sets that has a cell in its place decides: this run's own.
        """
        folder = self.plan.folder / entry["folder"]
        try:
            if files.cell_status(folder, entry.get("key") or "") != "finished":
                return None
            record = files.read_record(folder)["identity"]
        except (OSError, UserError):  # of a later farbench, or changed at this moment
            return None
        for datasets in choices:
            cell = self._plan_again(entry, datasets)
            if cell is not None:
                today = digest([cell.identity.recipe, cell.identity.code])
                same = today == digest([record.get("recipe"), record.get("code")])
                return OtherCell(entry, cell, datasets) if same else None
        return None

    def _plan_again(self, entry: Entry, datasets: Datasets) -> PlannedCell | None:
        """Plan the cell in the place of another run's; None if that cannot be done here and now."""
        key = repr((_place(entry), entry.get("tasks"), datasets))
        if key not in self._planned_again:
            loaded = self.plan.benchmark.loaded
            # The rows of this run stay in: they take the options of --set that this row lacks.
            rows = [*loaded.benchmark.rows, *(r for r in self._whole.rows if r.id == entry["row"])]
            changes = {"rows": tuple(rows), "datasets": datasets, "seeds": (entry["seed"],)}
            one = dataclasses.replace(loaded, benchmark=loaded.benchmark.model_copy(update=changes))
            try:
                resolved = resolve_benchmark(one, self.registry)
                last = dataclasses.replace(resolved, rows=resolved.rows[-1:])
                planned = [(_entry(cell), cell) for cell in self.planner.plan(last).cells]
            except Exception:  # a plugin that is broken, data that is not there: not this run's
                planned = []
            same = (
                cell
                for again, cell in planned
                if _place(again) == _place(entry) and again["tasks"] == entry.get("tasks")
            )
            self._planned_again[key] = next(same, None)
        return self._planned_again[key]

    def _command(self, cell: PlannedCell) -> str:
        """Return the command that makes one cell of this run; other runs' entries keep theirs."""
        words = [*self.plan.benchmark.loaded.command, "--rows", cell.row.row.id]
        words += ["--seeds", str(cell.seed)]
        words += ["--data-root", "DIR"] if cell.source.dataset.needs_root else []
        return shlex.join(words)

    @property
    def _whole(self) -> Benchmark:
        return self.plan.benchmark.loaded.whole

    def _contents(self, others: list[OtherCell], choices: Sequence[Datasets]) -> dict[str, Any]:
        """Return what the file says: rows in the order of the benchmark, seeds from the lowest.

        Args:
            others: The cells that stay.
            choices: This run's data sets, and others that cells may belong to.
        """
        ids = [row.id for row in self._whole.rows]
        every = [
            ({**_entry(cell), "command": self._command(cell)}, cell) for cell in self.plan.cells
        ]
        every += [(other.entry, other.cell) for other in others]
        datasets = list(dict.fromkeys(entry["dataset"] for entry, _ in every))
        every.sort(key=lambda pair: _order(pair[0], ids, datasets))
        entries = [entry for entry, _ in every]
        rows = {entry["row"] for entry in entries}
        used = [choices[0], *(c for c in choices[1:] if any(c == o.datasets for o in others))]
        benchmark = self._whole.model_copy(
            update={
                "rows": tuple(row for row in self._whole.rows if row.id in rows),
                "datasets": tuple(spec for datasets in used for spec in datasets),
                "seeds": tuple(sorted({entry["seed"] for entry in entries})),
                "compare": self._whole.compare if self._whole.compare in rows else None,
            }
        )
        together = dataclasses.replace(self.plan, cells=tuple(cell for _, cell in every))
        return {
            "schema": files.SCHEMA,
            "farbench": farbench.__version__,
            "benchmark": _portable(benchmark),
            "cells": entries,
            "tasks": {
                dataset: [task.record() for task in tasks]
                for dataset, tasks in together.tasks().items()
            },
            "left_out": [row for row in ids if row not in rows],
            "notes": list(self.plan.notes),
        }


def _entry(cell: PlannedCell) -> Entry:
    return {
        "row": cell.row.row.id,
        "dataset": cell.source.dataset.name,
        "seed": cell.seed,
        "folder": cell.folder,
        "key": cell.identity.key,
        "tasks": [task.name for task in cell.tasks],
    }


def _place(entry: Entry) -> tuple[Any, ...]:
    """Return where the tables show a cell."""
    return entry["row"], entry["dataset"], entry["seed"]


def _order(entry: Entry, rows: list[str], datasets: list[str]) -> tuple[int, ...]:
    """Return what a cell is sorted by, whichever run was the last to write."""
    return rows.index(entry["row"]), datasets.index(entry["dataset"]), entry["seed"]


def _portable(benchmark: Benchmark) -> dict[str, Any]:
    """Return a benchmark as stored: plugins by file name, for results travel between machines."""
    dumped = benchmark.model_dump(mode="json")
    return {**dumped, "plugins": [Path(plugin).name for plugin in benchmark.plugins]}
