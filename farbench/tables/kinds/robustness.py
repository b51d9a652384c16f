"""Builds the tables of corrupted test images: rows by corruptions, and how masks fare."""

from __future__ import annotations

from dataclasses import replace

from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.cells import CellResult
from farbench.tables.measures import Measure, measures
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.remarks import add_remarks
from farbench.tables.results import PlannedRow, Results
from farbench.tables.robustness_scores import RobustnessScores, read_scores
from farbench.tables.values import average, known_cell

CLEAN = "/clean"
"""Ends the id of a line whose masks are clean ones."""


def robustness_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set and metric, and one of predicted masks where there are any.

    Hendrycks and Dietterich (ICLR 2019) report the mean over five strengths of each corruption,
    and what is lost relative to clean images; so do these.
    """
    scores = read_scores(results)
    if scores is None:
        return []
    tables = []
    for dataset in results.datasets:
        for measure in measures(results, dataset):
            if measure.task:
                tables.append(_table(results, scores, dataset, measure))
        masks = _mask_table(results, scores, dataset)
        tables += [masks] if masks else []
    return tables


def _table(results: Results, scores: RobustnessScores, dataset: str, measure: Measure) -> Table:
    table = Table(
        name=f"{results.name}-robustness-{dataset}-{measure.key}",
        benchmark=results.name,
        title=table_title(
            results,
            f"{measure.title} on corrupted test images, {dataset_title(results, dataset)}",
            measure.info,
        ),
        caption=[*_asked(scores), *caption(results, [dataset])],
        columns=_columns(scores, dataset, measure),
        blocks=[Block("measured")],
    )
    for row in results.rows:
        if not results.predicts(row.id, dataset, measure.task):
            continue
        for masks in scores.ways(results, row, dataset):
            table.blocks[0].rows.append(_row(table, results, scores, row, dataset, measure, masks))
    # Clean masks are what nobody has in use: such lines explain, and take part in no ranking.
    ranked = [row for row in table.blocks[0].rows if not row.id.endswith(CLEAN)]
    for column in table.columns[1:]:
        rank((column, row.cell(column)) for row in ranked)
    constant = scores.constant(results, dataset, measure)
    if constant is not None:
        printed = {column.key: Cell(constant, n=1) for column in table.columns[1:-1]}
        label = Cell(text="constant (reference)")
        table.blocks.append(Block("reference", rows=[Row("constant", {"label": label, **printed})]))
        table.remark("Constant: what a predictor that sees no image scores on these.")
    table.remark(
        "Lost: of the clean value, what the mean over corruptions loses, in per cent, seed by seed."
    )
    add_remarks(table, results)
    return table


def _columns(scores: RobustnessScores, dataset: str, measure: Measure) -> list[Column]:
    """Return label, clean, a column a corruption, their mean, and what is lost of clean."""
    plain = measure.column(dataset, key="clean", title="Clean", arrow=False)
    each = [replace(plain, key=name, title=name.capitalize()) for name in scores.corruptions]
    mean = [replace(plain, key="mean", title="Mean")] if len(each) > 1 else []
    lost = replace(
        plain,
        key="lost",
        title="Lost (%)",
        higher_is_better=False,
        percent=True,
        decimals=2,
        metric=f"{measure.key}_lost",
    )
    return [Column("label", "Method", kind="label"), plain, *each, *mean, lost]


def _row(
    table: Table,
    results: Results,
    scores: RobustnessScores,
    row: PlannedRow,
    dataset: str,
    measure: Measure,
    masks: str | None,
) -> Row:
    cells = results.of(row.id, dataset)

    def lost(cell: CellResult) -> float | None:
        clean = scores.value(cell, measure)
        mean = scores.mean_of_all(cell, measure, masks)
        if not clean or mean is None:
            return None
        return (clean - mean if measure.info.higher_is_better else mean - clean) / abs(clean)

    def under(corruption: str) -> Cell:
        return average(cells, lambda cell: scores.mean(cell, measure, corruption, masks))

    printed = {
        "label": Cell(text=row.label + (", clean masks" if masks == "clean" else "")),
        "clean": average(cells, lambda cell: scores.value(cell, measure)),
        **{name: under(name) for name in scores.corruptions},
        "mean": average(cells, lambda cell: scores.mean_of_all(cell, measure, masks)),
        "lost": average(cells, lost),
    }
    numbers = [cell for key, cell in printed.items() if key != "label"]
    unfinished = [cell for cell in cells if not cell.finished]
    for cell in numbers:
        if cell.value is None:
            cell.missing = unfinished[0].missing if unfinished else "not run"
    finished = len(cells) - len(unfinished)
    for cell in numbers:
        if cell.n < finished:
            count = f"{cell.n} of {finished} seeds" if cell.n else "not"
            cell.note = table.note(
                f"{count} evaluated under all of these corruptions: `farbench robustness DIR` does "
                "it, and trains nothing"
            )
    return Row(row.id + (CLEAN if masks == "clean" else ""), printed)


def _asked(scores: RobustnessScores) -> list[str]:
    """Return what the caption says of the evaluation."""
    strengths = ", ".join(map(str, scores.strengths))
    sentences = [f"{_images(scores)}, of each corruption the mean over strengths {strengths}."]
    if "predicted" in scores.masks:
        sentences.append("Masks are predicted on the corrupted images.")
    if "clean" in scores.masks:
        sentences.append(
            "Clean masks: predicted on the image before it was corrupted, moved with the face."
        )
    return sentences


def _images(scores: RobustnessScores) -> str:
    return "All test images" if scores.images is None else f"{scores.images:,} test images"


def _mask_table(results: Results, scores: RobustnessScores, dataset: str) -> Table | None:
    """Build the table of how far masks of corrupted images agree with clean ones."""
    found: dict[str, CellResult] = {}
    for cell in results.finished(dataset):
        key = str((cell.record.get("masks") or {}).get("key", ""))
        first = scores.entries(cell, scores.corruptions[0], scores.strengths[0], "predicted")
        if key and first:
            found.setdefault(key, cell)
    if not found:
        return None
    block = Block("measured")
    for cell in found.values():
        of = f", masks of {results.label(cell.row)}" if len(found) > 1 else ""
        for name in scores.corruptions:
            printed = Row(f"{cell.row}/{name}", {"label": Cell(text=name + of)})
            for strength in scores.strengths:
                entries = scores.entries(cell, name, strength, "predicted")
                f1 = next((entry["mask_agreement"].get("mean") for entry in entries.values()), None)
                printed.cells[str(strength)] = known_cell(f1)
            block.rows.append(printed)
    return Table(
        name=f"{results.name}-robustness-{dataset}-masks",
        benchmark=results.name,
        title=table_title(
            results,
            "predicted masks on corrupted test images, "
            f"{dataset_title(results, dataset)} (higher is better)",
        ),
        caption=[
            "Pixel F1, mean over groups, of the masks predicted on corrupted images to those "
            "predicted on clean ones and moved with the face: 100 on clean images.",
            f"{_images(scores)}.",
        ],
        columns=[
            Column("label", "Corruption", kind="label"),
            *(
                Column(str(s), str(s), over="Strength", arrow=False, higher_is_better=True)
                for s in scores.strengths
            ),
        ],
        blocks=[block],
    )
