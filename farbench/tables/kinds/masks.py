"""Builds the table of the mask networks: F1 of each group."""

from __future__ import annotations

from farbench.tables.caption import dataset_title, masks_caption, table_title
from farbench.tables.cells import CellResult
from farbench.tables.model import Block, Cell, Column, Row, Table
from farbench.tables.options import TableOptions
from farbench.tables.results import Results


def mask_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build the table of the mask networks: pixel F1 a group on the test split, if there is one."""
    found: dict[tuple[str, str], list[CellResult]] = {}
    for cell in results.finished():
        masks = cell.record.get("masks") or {}
        if masks.get("f1"):
            found.setdefault((cell.dataset, str(masks.get("key"))), []).append(cell)
    if not found:
        return []
    groups: dict[str, None] = {}
    block = Block("measured")
    for (dataset, _), cells in found.items():
        users = ", ".join(dict.fromkeys(results.label(cell.row) for cell in cells))
        alone = sum(name == dataset for name, _ in found) == 1
        title = dataset_title(results, dataset)
        printed = Row(dataset, {"label": Cell(text=title if alone else f"{title}: {users}")})
        for group, value in cells[0].record["masks"]["f1"].items():
            groups[group] = None
            printed.cells[group] = Cell(
                value, n=1, missing="–" if value is None else "", folders=cells[0].folder_names
            )
        block.rows.append(printed)
    order = [
        *(group for group in groups if group != "mean"),
        *(["mean"] if "mean" in groups else []),
    ]
    columns = [
        Column(group, group, higher_is_better=True, arrow=False, metric="mask_f1")
        for group in order
    ]
    table = Table(
        name=f"{results.name}-masks",
        benchmark=results.name,
        title=table_title(results, "F1 of predicted masks (higher is better)"),
        caption=[
            "Pixel F1 against the rectangles around the keypoints, on the test split; the pixels "
            "of all images of a group are pooled, images without a found face are left out.",
            *masks_caption(results, list(dict.fromkeys(dataset for dataset, _ in found))),
        ],
        columns=[Column("label", "Masks on", kind="label"), *columns],
        blocks=[block],
    )
    for note in results.notes:
        table.remark(note)
    return [table]
