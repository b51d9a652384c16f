"""A plan as text, for ``--dry-run``: cells, what they share, what is there, how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from farbench.running.parts import Part, RateOf, planned_parts
from farbench.running.plan import Plan
from farbench.store.artifacts import ArtifactStore
from farbench.wording import counted, duration

DIFFERENCES = 3
"""What sets two stages apart is told by so many values at most."""


def describe_plan(plan: Plan, store: ArtifactStore, rate_of: RateOf) -> str:
    """Return the plan as text: cells, what is shared, what is there, and the time it will take."""
    parts = planned_parts(plan, store, rate_of)
    waiting = len(plan.to_run())
    counts = f"{len(plan.cells) - waiting} finished, {waiting} to run"
    if waiting:
        left, alone = sum(part.left for part in parts), sum(part.alone for part in parts)
        counts += f", {_about(left)} with sharing, {_about(alone)} without"
    lines = [
        f"{plan.benchmark.loaded.benchmark.title or plan.folder.name}: {plan.folder}",
        "",
        *_cell_lines(plan),
        *_part_lines(parts),
        "",
        f"{counted(len(plan.cells), 'cell')}: {counts}.",
    ]
    there = sum(part.done for part in parts)
    if there:
        lines.append(
            f"Of the {counted(len(parts), 'part')} {there} need not be made again. Without "
            "sharing, each cell would make its own."
        )
    asked = plan.benchmark.robustness
    if asked is not None:
        lines.append(
            f"Each is then evaluated under {counted(len(asked.corruptions), 'corruption')} at "
            f"{counted(len(asked.settings.strengths), 'strength')}, from its weights; what that "
            "takes is not in the estimate."
        )
    return "\n".join([*lines, *(f"note: {note}" for note in plan.notes)])


def _cell_lines(plan: Plan) -> Iterator[str]:
    words = {"finished": "finished", "started": "to go on", "new": "to run"}
    width = max((len(cell.name) for cell in plan.cells), default=0)
    for cell in plan.cells:
        yield (
            f"  {cell.name:<{width}}  {cell.source.dataset.name}  seed {cell.seed}  "
            f"{words[cell.status]:<8}  {cell.folder}"
        )


def _part_lines(parts: list[Part]) -> Iterator[str]:
    if parts:
        yield from ("", "What the cells to run are made of:")
    width = max((len(part.name) for part in parts), default=0)
    for part in parts:
        state = "there already" if part.done else _about(part.seconds)
        kind = "stage" if part.kind == "stages" else part.kind
        used = f"{_users(part)}{_apart(part, parts)}"
        yield f"  {kind:<5}  {part.name:<{width}}  {state:<20}  {used}"


def _users(part: Part) -> str:
    """Say who uses an artifact: ``g2ff_ca``, ``3 cells of g2ff_ca``, ``shared by 6 rows``."""
    if len(part.rows) > 1:
        cells = f", {part.cells} cells" if part.cells > len(part.rows) else ""
        return f"shared by {len(part.rows)} rows{cells}"
    return part.rows[0] if part.cells == 1 else f"shared by {part.cells} cells of {part.rows[0]}"


def _apart(part: Part, parts: list[Part]) -> str:
    """Say what sets a stage apart from others that would look the same: ``: loss bce``."""
    alike = [one for one in parts if (one.name, _looks(one)) == (part.name, _looks(part))]
    differing = [
        f"{key} {value}"
        for key, value in part.recipe.items()
        # An option that another stage lacks belongs to a plugin whose name differs.
        if any(one.recipe.get(key, value) != value for one in alike)
    ]
    return f": {', '.join(differing[:DIFFERENCES])}" if differing else ""


def _looks(part: Part) -> str:
    """Return by whom an artifact is used, as far as a reader can tell rows apart."""
    return "several" if len(part.rows) > 1 else part.rows[0]


def _about(seconds: float) -> str:
    return "unknown time" if math.isnan(seconds) else f"about {duration(seconds)}"
