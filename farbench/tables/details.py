"""Builds the tables beside the main one: mask F1 of each group, and each attribute."""

from __future__ import annotations

from farbench.tables.caption import caption, dataset_title, masks_caption
from farbench.tables.measures import ATTRIBUTES, Measure, measures
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.results import CellResult, PlannedRow, Results
from farbench.tables.values import add_remarks, attribute_names, average, majority, mean_over_seeds


def attribute_tables(results: Results) -> list[Table]:
    """Build one table a data set and attribute metric: attributes by rows of the benchmark."""
    tables = []
    for dataset in results.datasets:
        names = attribute_names(results, dataset)
        for measure in measures(results, dataset):
            if measure.task != ATTRIBUTES:
                continue
            info = measure.info
            direction = "higher" if info.higher_is_better else "lower"
            title = f"{results.title.rstrip('.')}: {info.label} of each attribute, "
            rows = [row for row in results.rows if _carries(results, row, dataset)]
            table = Table(
                name=f"{results.name}-attributes-{dataset}-{info.name}",
                benchmark=results.name,
                title=title + f"{dataset_title(results, dataset)} ({direction} is better).",
                caption=[info.doc, *caption(results, [dataset])],
                columns=[Column("label", "Attribute", kind="label")],
                blocks=[],
                ranked="row",
            )
            table.columns += [
                Column(
                    key=f"row/{row.id}",
                    title=row.label,
                    higher_is_better=info.higher_is_better,
                    arrow=False,
                    percent=info.percent,
                    dataset=dataset,
                    metric=info.name,
                )
                for row in rows
            ]
            means = Row("mean", {"label": Cell(text="Mean")})
            for row in rows:
                means.cells[f"row/{row.id}"] = mean_over_seeds(
                    table, results, row, dataset, measure
                )
            block = Block("measured")
            for name in names:
                printed = Row(name, {"label": Cell(text=name.replace("_", " "))})
                for row in rows:
                    cell = _attribute(results, row, dataset, measure, name)
                    printed.cells[f"row/{row.id}"] = cell
                block.rows.append(printed)
            table.blocks += [block, Block("mean", rows=[means])]
            for printed in (*block.rows, means):
                rank((column, printed.cell(column)) for column in table.columns[1:])
            _add_attribute_majority(table, results, dataset, measure)
            add_remarks(table, results)
            tables.append(table)
    return tables


def _carries(results: Results, row: PlannedRow, dataset: str) -> bool:
    """Whether a row predicts attributes; one that is not finished is taken to."""
    cells = results.of(row.id, dataset)
    return not any(c.finished for c in cells) or any(ATTRIBUTES in c.scores for c in cells)


def _attribute(
    results: Results, row: PlannedRow, dataset: str, measure: Measure, name: str
) -> Cell:
    key = f"{measure.info.name}_per_attribute"
    cell = average(results.of(row.id, dataset), lambda c: (measure.detail(c, key) or {}).get(name))
    cell.missing = "" if cell.value is not None else "–"
    return cell


def _add_attribute_majority(table: Table, results: Results, dataset: str, measure: Measure) -> None:
    """Add the constant predictor's column, which is never ranked."""
    scores = majority(results, dataset)
    if scores is None:
        return
    metric = measure.info.name
    table.columns.append(
        Column("majority", "majority", percent=measure.info.percent, dataset=dataset, metric=metric)
    )
    values = scores[f"{metric}_per_attribute"]
    for block in table.blocks:
        for row in block.rows:
            value = scores[metric] if block.kind == "mean" else values[row.id]
            known = value is not None
            row.cells["majority"] = Cell(value, n=1) if known else Cell(missing="–")
    table.remark("Majority: every image is given the majority class of the train split.")


def masks_table(results: Results) -> list[Table]:
    """Build the table of the mask networks: pixel F1 a group on the test split, if there is one."""
    found: dict[tuple[str, str], list[CellResult]] = {}
    for cell in results.finished():
        masks = cell.record.get("masks") or {}
        if masks.get("f1"):
            found.setdefault((cell.dataset, str(masks.get("key"))), []).append(cell)
    if not found:
        return []
    labels = {row.id: row.label for row in results.rows}
    groups: dict[str, None] = {}
    block = Block("measured")
    for (dataset, _), cells in found.items():
        users = ", ".join(dict.fromkeys(labels.get(cell.row, cell.row) for cell in cells))
        alone = sum(name == dataset for name, _ in found) == 1
        title = dataset_title(results, dataset)
        printed = Row(dataset, {"label": Cell(text=title if alone else f"{title}: {users}")})
        for group, value in cells[0].record["masks"]["f1"].items():
            groups[group] = None
            printed.cells[group] = Cell(value, n=1) if value is not None else Cell(missing="–")
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
        title=f"{results.title.rstrip('.')}: F1 of predicted masks (higher is better).",
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
