"""The work items of a plan: its cells, and what several of them need."""

from __future__ import annotations

from collections.abc import Iterator

from farbench.executors.contract import WorkItem
from farbench.running.plan import Plan, PlannedCell
from farbench.running.work import Todo
from farbench.store.artifacts import ArtifactStore

Artifact = tuple[str, str]
"""Its kind ("masks" or "stages") and its key."""


def cell_items(plan: Plan, *, evaluate: bool) -> list[WorkItem]:
    """Return an item for each cell that is not finished, in the order of the plan.

    Args:
        plan: The plan.
        evaluate: Finished cells are looked at as well, before the others.
    """
    waiting = plan.to_run()
    finished = [cell for cell in plan.cells if cell.status == "finished"] if evaluate else []
    names = {cell.folder: f"[{n}/{len(waiting)}] {cell.name}" for n, cell in enumerate(waiting, 1)}
    return [
        WorkItem(
            cell.folder, names.get(cell.folder, cell.name), Todo(cell.folder, cell.identity.key)
        )
        for cell in (*finished, *waiting)
    ]


def with_artifacts(items: list[WorkItem], plan: Plan, store: ArtifactStore) -> list[WorkItem]:
    """Put mask networks, and stages that two or more cells need, before the cells.

    Only those that are not there. So no worker waits for what another one is making: a cell
    begins when all that it shares is made, and cells that need nothing of it begin at once. A
    mask network is an item of its own even for a single cell, since no stage waits for it.

    Args:
        items: Of the cells.
        plan: The plan that they are of.
        store: Tells what is there.

    Returns:
        Artifacts, each before those that are made from it; then the cells.
    """
    cells = {cell.folder: cell for cell in plan.to_run()}
    users: dict[Artifact, list[PlannedCell]] = {}
    for cell in cells.values():
        for artifact in dict.fromkeys(_artifacts(cell)):
            if store.meta(*artifact) is None:
                users.setdefault(artifact, []).append(cell)
    first = {one: by for one, by in users.items() if one[0] == "masks" or len(by) > 1}
    made = [
        WorkItem(
            _item_key(artifact),
            f"[first {number}/{len(first)}] {_name(artifact, by[0])}",
            Todo(by[0].folder, by[0].identity.key, artifact),
            frozenset(_item_key(one) for one in _below(artifact, by[0]) if one in first),
        )
        for number, (artifact, by) in enumerate(first.items(), 1)
    ]
    after = {
        folder: frozenset(_item_key(one) for one in _artifacts(cell) if one in first)
        for folder, cell in cells.items()
    }
    return made + [
        WorkItem(item.key, item.name, item.payload, after.get(item.key, frozenset()))
        for item in items
    ]


def _artifacts(cell: PlannedCell) -> Iterator[Artifact]:
    """Yield what a cell is made from, in the order of making."""
    if cell.masks is not None:
        yield "masks", cell.masks.network.key
    for run in cell.stages:
        yield "stages", run.identity.key


def _below(artifact: Artifact, cell: PlannedCell) -> Iterator[Artifact]:
    """Yield what an artifact is made from: a stage of its parents, and of masks if it sees any."""
    kind, key = artifact
    if kind != "stages":
        return
    own = [run.identity.key for run in cell.stages].index(key)
    if cell.masks is not None and any(run.masked for run in cell.stages[: own + 1]):
        yield "masks", cell.masks.network.key
    for run in cell.stages[:own]:
        yield "stages", run.identity.key


def _item_key(artifact: Artifact) -> str:
    return "/".join(artifact)


def _name(artifact: Artifact, cell: PlannedCell) -> str:
    kind, key = artifact
    if kind == "masks":
        return "mask network"
    return next(run.stage.name for run in cell.stages if run.identity.key == key)
