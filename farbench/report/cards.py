"""The card of each cell: how it was made, how training went, how well it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from farbench.report import parts
from farbench.report.parts import Part
from farbench.report.pool import Pool
from farbench.store.atomic import read_json
from farbench.store.cells import LOG, PLAN
from farbench.tables.caption import dataset_title
from farbench.tables.cells import CellResult
from farbench.tables.results import PlannedRow, Results

Card = dict[str, Any]
"""What the page's script shows of a cell: see :func:`read_cards`."""

LINES, LINES_FAILED = 12, 40
"""Lines of the log's end that a card shows; of a failed cell, whose traceback is there, more."""

TAIL_BYTES = 20_000

Faces = Callable[[CellResult, Path], Part | None]
"""Gives the part with the faces that a cell got most wrong, or None."""


def read_cards(results: Results, pool: Pool, faces: Faces) -> list[Card]:
    """Return a card for each planned cell, in the plan's order.

    Args:
        results: The benchmark's folder, read.
        pool: Takes what cards share.
        faces: Shows faces.

    Returns:
        Of each cell ``id`` ("ablation/aml-celeba-s0-1ff7ab4b"), ``label`` and ``dataset`` as
        tables have them, ``seed``, ``state`` ("finished", "failed", "not run", "unreadable"),
        ``reason``, ``minutes`` or None, ``scores`` (pairs of name and number, as printed) and
        ``parts``: kind, title, whether it is open, and the place of its content in the pool.
    """
    entries = {entry["folder"]: entry for entry in read_json(results.folder / PLAN)["cells"]}
    rows = {row.id: row for row in results.rows}
    tasks = {dataset: len(results.tasks_of(dataset)) for dataset in results.datasets}
    titles = {dataset: dataset_title(results, dataset) for dataset in results.datasets}
    cards = []
    for name, cell in results.planned.items():
        folder = results.folder / name
        command = _command(results, cell, str(entries[name].get("command") or ""))
        made = [
            *_outcome(cell, folder),
            command,
            *(parts.details(cell, pool) if cell.finished else ()),
            faces(cell, folder) if cell.finished else None,
            *parts.recipe(cell.record),
            _log(folder, cell),
        ]
        cards.append(
            {
                "id": f"{results.name}/{name}",
                "label": _label(rows[cell.row], entries[name]),
                "dataset": titles[cell.dataset],
                "seed": cell.seed,
                "state": cell.missing or "finished",
                "reason": cell.reason,
                "minutes": cell.record.get("minutes"),
                "scores": parts.headline(cell, bare=tasks[cell.dataset] == 1),
                "parts": [
                    [part.kind, part.title, int(part.open), pool.add(part.content)]
                    for part in made
                    if part is not None
                ],
            }
        )
    return cards


def _label(row: PlannedRow, entry: Mapping[str, Any]) -> str:
    """Return the row's label, with the tasks of a cell that is one of several."""
    tasks = ", ".join(entry.get("tasks") or ()) if row.alone else ""
    return f"{row.label}: {tasks}" if tasks else row.label


def _outcome(cell: CellResult, folder: Path) -> list[Part | None]:
    return [parts.scores(cell), parts.curves(cell, folder)] if cell.finished else []


def _command(results: Results, cell: CellResult, recorded: str) -> Part:
    """Return the command that makes the cell again; of earlier plans what can be told of it."""
    if recorded:
        return Part("command", "Make it again", {"text": recorded, "note": ""})
    protocol = str(results.protocol.get("name", ""))
    base = protocol.partition(" (")[0]
    words = ["farbench run", results.name, *(["--protocol", base] if base else [])]
    words += ["--dataset", cell.dataset, "--rows", cell.row, "--seeds", str(cell.seed)]
    note = "Its command was not recorded; this is what the plan tells."
    if base != protocol:
        note += f" Its protocol is {protocol}: give the changes with --set."
    return Part("command", "Make it again", {"text": " ".join(words), "note": note})


def _log(folder: Path, cell: CellResult) -> Part | None:
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    failed = not cell.finished
    kept = lines[-(LINES_FAILED if failed else LINES) :]
    return Part("log", "End of the log", {"text": "\n".join(kept)}, open=failed) if kept else None
