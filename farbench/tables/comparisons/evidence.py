"""What a benchmark's folder keeps of comparisons, for tables without predictions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from farbench.errors import UserError
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.scoring.compare import METHOD_VERSION, Compared, Line
from farbench.scoring.paired import LEVEL, RESAMPLES
from farbench.store import atomic
from farbench.store.shapes import Shape, misfit
from farbench.tables.cells import CellResult
from farbench.tables.measures import Measure
from farbench.tables.results import Results

SCHEMA = 1
FILE = "evidence.json"
DIGITS = 7
"""Significant digits that are kept: more than any table prints."""

COLUMNS = [one.name for one in fields(Line)]

HEAD: dict[str, Any] = {
    "schema": SCHEMA,
    "method": METHOD_VERSION,
    "metrics": METRIC_VERSION,
    "resamples": RESAMPLES,
    "level": LEVEL,
    "columns": COLUMNS,
}
"""What is kept under another head is computed again."""

SHAPE: Shape = {
    "predictions!": {...: {...: str}},
    "comparisons!": [
        {
            "row!": str,
            "other!": str,
            "dataset!": str,
            "task!": str,
            "metric!": str,
            "seeds!": [int],
            "cells!": [str],
            "clustered!": bool,
            "images!": int,
            "units!": int,
            "whole": [object],
            "details!": {...: [object]},
        }
    ],
}
"""What is of another shape was not written by farbench, and is computed again as well."""


class Place(NamedTuple):
    """What a comparison is of."""

    row: str
    other: str
    dataset: str
    task: str
    metric: str

    def is_of(self, dataset: str, measure: Measure) -> bool:
        """Whether it is of a data set and metric."""
        return (self.dataset, self.task, self.metric) == (dataset, measure.task, measure.info.name)


@dataclass(frozen=True)
class Finding:
    """One row compared with another, on one task by one metric.

    Attributes:
        place: What it is of.
        seeds: Those that both rows finished.
        cells: Whose predictions were compared: of the row, then of the other, one a seed.
        clustered: Whether identities were drawn, not images.
        compared: The outcome.
    """

    place: Place
    seeds: tuple[int, ...]
    cells: tuple[str, ...]
    clustered: bool
    compared: Compared


@dataclass
class Evidence:
    """What is known of a folder's comparisons.

    Attributes:
        findings: By what they are of.
        digests: Cell to task to a digest of what it predicted.
    """

    findings: dict[Place, Finding] = field(default_factory=dict)
    digests: dict[str, dict[str, str]] = field(default_factory=dict)


def cell_name(results: Results, cell: CellResult, task: str) -> str:
    """Name the training that predicted a task, so that its repetition has another name.

    A folder's name ends in the key of what the cell is; when it was finished tells a cell that
    was deleted and run again, whose last bits may differ on a GPU.
    """
    folder = cell.folders[task].name
    return f"{folder} {results.planned[folder].record.get('finished') or ''}".rstrip()


def read_evidence(folder: Path) -> Evidence:
    """Return what is kept in a benchmark's folder; nothing where the file is of no use."""
    try:
        held = atomic.read_json(folder / FILE)
        if {key: held[key] for key in HEAD} != HEAD or misfit(held, SHAPE):
            return Evidence()
        findings = [_from_json(one) for one in held["comparisons"]]
        digests = {str(cell): dict(tasks) for cell, tasks in held["predictions"].items()}
    except (OSError, UserError, ValueError, KeyError, TypeError, AttributeError):
        return Evidence()
    return Evidence({one.place: one for one in findings}, digests)


def write_evidence(folder: Path, evidence: Evidence, current: Iterable[str]) -> None:
    """Keep evidence in a benchmark's folder, one comparison a line.

    A folder that cannot be written keeps nothing: tables are printed all the same.

    Args:
        folder: The benchmark's folder.
        evidence: All that is known.
        current: Names of the cells that are there; what is of others is dropped.
    """
    cells = set(current)
    digests = {name: evidence.digests[name] for name in sorted(cells & evidence.digests.keys())}
    comparisons = [
        _to_json(one)
        for place, one in sorted(evidence.findings.items())
        if cells.issuperset(one.cells)
    ]
    whole = json.loads(json.dumps({**HEAD, "predictions": digests, "comparisons": comparisons}))
    sealed = {**HEAD, atomic.CHECKSUM: atomic.seal(whole), "predictions": digests}
    head = json.dumps(sealed, indent=1, ensure_ascii=False)
    body = ",\n".join(json.dumps(one, ensure_ascii=False) for one in comparisons)
    text = f'{head.rstrip("}").rstrip()},\n "comparisons": [\n{body}\n ]\n}}\n'
    try:
        atomic.write_text(folder / FILE, text)
    except (OSError, UserError):
        return


def rounded(finding: Finding) -> Finding:
    """Return a finding as it is kept, so that a table does not depend on whether it was."""
    compared = finding.compared
    details = {name: _rounded(line) for name, line in compared.details.items()}
    whole = replace(compared, whole=_rounded(compared.whole), details=details)
    return replace(finding, compared=whole)


def _rounded(line: Line | None) -> Line | None:
    if line is None:
        return None
    return Line(**{name: _short(value) for name, value in asdict(line).items()})


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def _to_json(finding: Finding) -> dict[str, Any]:
    compared = finding.compared
    return {
        **finding.place._asdict(),
        "seeds": finding.seeds,
        "cells": finding.cells,
        "clustered": finding.clustered,
        "images": compared.images,
        "units": compared.units,
        "whole": _values(compared.whole),
        "details": {name: _values(line) for name, line in compared.details.items()},
    }


def _values(line: Line | None) -> list[Any] | None:
    return None if line is None else list(asdict(line).values())


def _from_json(held: dict[str, Any]) -> Finding:
    def line(values: list[Any] | None) -> Line | None:
        if values is None:
            return None
        named = dict(zip(COLUMNS, values, strict=True))
        read = Line(**named)
        needed = (read.own, read.other, read.difference, read.units)
        if None in needed or misfit(named, {...: float}):
            raise ValueError("a comparison without its numbers")
        return read

    return Finding(
        Place(*(held[name] for name in Place._fields)),
        tuple(held["seeds"]),
        tuple(held["cells"]),
        held["clustered"],
        Compared(
            held["images"],
            held["units"],
            line(held["whole"]),
            {name: line(values) for name, values in held["details"].items()},
        ),
    )
