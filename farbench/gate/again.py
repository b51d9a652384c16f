"""Plans a cell again, as its benchmark would be run now."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from farbench.benchmark.loading import LoadedBenchmark, load_benchmark
from farbench.benchmark.places import Places
from farbench.benchmark.resolve import resolve_benchmark
from farbench.benchmark.schema import Benchmark
from farbench.errors import UserError, unknown_name
from farbench.plugins.registry import Registry
from farbench.running.plan import PlannedCell, Planner
from farbench.store.artifacts import ArtifactStore, default_cache
from farbench.store.atomic import read_json
from farbench.store.cells import CELL, PLAN
from farbench.store.shapes import Shape, check_shape

NEEDED: Shape = {"row!": str, "seed!": int, "dataset!": {"name!": str}}
"""What of ``cell.json`` says which cell of a benchmark it was."""


def load(
    folder: Path,
    benchmark: str | None,
    protocol: str | None,
    sets: Sequence[str],
    plugins: Sequence[Path],
) -> LoadedBenchmark:
    """Load the benchmark that a cell belongs to.

    Args:
        folder: The cell's folder.
        benchmark: A file or shipped name; None: what ``plan.json`` beside the cell says, which has
            the changes of the command line in it, but for ``--set method.OPTION``.
        protocol: In place of the benchmark's own.
        sets: As of ``farbench run``.
        plugins: More plugin files.

    Raises:
        UserError: There is no such benchmark or plan, or the plan cannot be followed.
    """
    if benchmark is not None:
        return load_benchmark(benchmark, protocol=protocol, sets=sets, plugins=plugins)
    if protocol is not None or sets:
        raise UserError("--protocol and --set change a benchmark: say which with --benchmark.")
    path = folder.parent / PLAN
    advice = "Say which benchmark it is of: --benchmark FILE|NAME."
    if not path.is_file():
        raise UserError(f"{path} does not exist. {advice}")
    try:
        plan = read_json(path)
        planned = Benchmark.model_validate(plan["benchmark"])
    except (ValidationError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not of this version of farbench. {advice}") from error
    # A plan has its plugins by their files' names, for results travel between machines.
    gone = set(planned.plugins) - {Path(plugin).name for plugin in plugins}
    if gone and not os.environ.get("FARBENCH_PLUGINS"):
        named = ", ".join(sorted(gone))
        where = "where it lies" if len(gone) == 1 else "where they lie"
        raise UserError(
            f"{path} needs {named}, and does not say {where}. The benchmark does: add "
            f"--benchmark {_file_of(plan)}. Or add --plugins PATH."
        )
    whole = planned.model_copy(update={"plugins": tuple(str(p.resolve()) for p in plugins)})
    return LoadedBenchmark(whole, Places({(): str(path)}), (path,), whole)


def _file_of(plan: dict[str, Any]) -> str:
    """Return the benchmark file that was run, as it was typed then."""
    try:
        return shlex.split(plan["cells"][0]["command"])[2]  # farbench run FILE ...
    except (LookupError, TypeError, AttributeError, ValueError):  # an older plan, or a changed one
        return "FILE|NAME"


def plan_again(
    record: dict[str, Any],
    folder: Path,
    loaded: LoadedBenchmark,
    registry: Registry,
    data_root: Path | None,
    device: str,
) -> PlannedCell:
    """Plan the cell that would now be in a cell's place.

    Args:
        record: The cell's ``cell.json``.
        folder: The cell's folder.
        loaded: Its benchmark.
        registry: The plugins.
        data_root: Where data sets are.
        device: As of ``farbench run``.

    Raises:
        UserError: The benchmark has no such cell, or it cannot be planned here.
    """
    check_shape(folder / CELL, record, NEEDED)
    whole = loaded.benchmark
    rows = {row.id: row for row in whole.rows}
    if record["row"] not in rows:
        where = f"benchmark '{whole.name}' has it no longer"
        raise unknown_name("row", record["row"], rows, where)
    name = record["dataset"]["name"]
    # The other data sets need not be there; of joined ones each is needed.
    own = [spec for spec in whole.datasets if _name(spec) == name]
    changed = {
        "rows": (rows[record["row"]],),
        "seeds": (record["seed"],),
        "datasets": tuple(own) if own and not whole.join else whole.datasets,
    }
    one = dataclasses.replace(loaded, benchmark=whole.model_copy(update=changed))
    store = ArtifactStore(default_cache())
    planner = Planner(registry, store, folder.parent.parent, data_root, device)
    tasks = [task["name"] for task in record.get("tasks") or ()]
    planned = planner.plan(resolve_benchmark(one, registry)).cells
    for cell in planned:
        if cell.source.dataset.name == name and (
            len(planned) == 1 or [task.name for task in cell.tasks] == tasks
        ):
            return cell
    raise UserError(
        f"benchmark '{whole.name}' has no cell of row '{record['row']}' on data set '{name}' "
        f"with tasks {', '.join(tasks) or 'as recorded'} any more."
    )


def _name(spec: str | dict[str, Any]) -> str:
    return spec if isinstance(spec, str) else str(spec["name"])
