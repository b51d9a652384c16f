"""One cell for a test: trained if it is not finished yet, and compared with a baseline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.errors import CellFailed, UserError
from farbench.gate.check import check
from farbench.gate.report import terminal
from farbench.plugins.manager import load_plugins
from farbench.running.prepare import Preparation
from farbench.running.progress import Progress
from farbench.running.run import BenchmarkRun
from farbench.store.artifacts import ArtifactStore, default_cache
from farbench.store.atomic import read_json
from farbench.store.cells import CELL, METRICS


@dataclass(frozen=True)
class FinishedCell:
    """A finished cell.

    Attributes:
        row: The row's id.
        folder: Its folder, with ``predictions.npz``, ``history.csv`` and the rest.
        metrics: Task to metric to value: the contents of ``metrics.json``, shares as fractions.
        record: The contents of ``cell.json``.
        home: Where baselines are looked for: the folder of the test's file.
    """

    row: str
    folder: Path
    metrics: dict[str, dict[str, Any]]
    record: dict[str, Any]
    home: Path

    def check(
        self,
        baseline: str | Path,
        tolerance: str | Sequence[str] = (),
        speed: float | None = None,
    ) -> None:
        """Fail where the row is worse than in a baseline, or cannot be compared with it.

        Args:
            baseline: A file of ``farbench baseline``, relative to the test's file.
            tolerance: As of ``farbench check --tolerance``: ``"mA=1"``, or several of them.
            speed: How many times slower training may be; None: it is not judged.

        Raises:
            AssertionError: Says what is worse, as ``farbench check`` does.
            UserError: There is no such baseline, or it does not have the row.
        """
        tolerances = (tolerance,) if isinstance(tolerance, str) else tolerance
        benchmark = self.folder.parent
        path = self.home / baseline
        if not path.exists():
            raise UserError(
                f"baseline {path} does not exist. Make it of several seeds: `farbench run ... "
                f"--seeds 0,1,2`, then `farbench baseline runs/{benchmark.name} -o {baseline}`."
            )
        # The baseline may have more seeds; those are not missed here.
        verdict = check(
            benchmark,
            path,
            tolerances,
            speed,
            rows=(self.row,),
            allow_missing=True,
            all_comparable=True,
        )
        if not verdict.holds:
            raise AssertionError(terminal(replace(verdict, judgements=tuple(verdict.failing()))))
        if all(one.tolerance is None for one in verdict.judgements):
            raise UserError(f"baseline {path} has no numbers of row '{self.row}'. Make it again.")


def finished_cell(
    benchmark: str | Path,
    row: str | None,
    seed: int,
    results: Path,
    home: Path,
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    sets: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
    data_root: Path | None = None,
    device: str = "auto",
) -> FinishedCell:
    """Return a cell of a benchmark; it is trained where it is not finished or has changed.

    Args:
        benchmark: A file, or a shipped benchmark's name.
        row: The row's id; None where there is one row.
        seed: The seed.
        results: The results root.
        home: See :class:`FinishedCell`.
        dataset: In place of the benchmark's own; needed where it has several.
        protocol: As of ``farbench run``, like the others.
        sets: Changes, ``dotted.key=value``.
        plugins: More plugin files.
        data_root: Where data sets are; None: what ``FARBENCH_DATA`` says.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        UserError: Something is wrong with what was asked, or it is more than one cell.
        CellFailed: The cell failed.
    """
    loaded = load_benchmark(
        benchmark,
        protocol=protocol,
        dataset=dataset,
        rows=None if row is None else [row],
        seeds=[seed],
        sets=sets,
        plugins=plugins,
    )
    registry = load_plugins(loaded.benchmark.plugins)
    resolved = resolve_benchmark(loaded, registry)
    rows = [one.row.id for one in resolved.rows]
    if len(rows) != 1:
        raise UserError(f"benchmark '{benchmark}' has rows {', '.join(rows)}: say which, row=...")
    if len(resolved.datasets) != 1:
        names = ", ".join(one.name for one in resolved.datasets)
        raise UserError(f"benchmark '{benchmark}' has data sets {names}: say which, dataset=...")
    if resolved.rows[0].row.alone:
        raise UserError(f"row '{rows[0]}' trains each task alone: it is several cells, not one.")
    if data_root is None and os.environ.get("FARBENCH_DATA"):
        data_root = Path(os.environ["FARBENCH_DATA"])
    store = ArtifactStore(default_cache())
    preparation = Preparation(registry, store, results, data_root, device, Progress())
    plan, _ = BenchmarkRun(preparation).execute(resolved)
    folder = plan.folder / plan.cells[0].folder
    record = read_json(folder / CELL)
    if record["status"] != "finished":
        raise CellFailed(f"row '{rows[0]}' failed: {record['error']} (see {folder}/log.txt)")
    return FinishedCell(rows[0], folder, read_json(folder / METRICS), record, home)
