"""Builds tables of comparisons: one row against another, the whole task, then each detail."""

from __future__ import annotations

from collections.abc import Sequence

from farbench.scoring.compare import Line
from farbench.scoring.paired import holm
from farbench.scoring.per_detail import DETAILS
from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.comparisons.evidence import Finding, Place
from farbench.tables.comparisons.find import SAME, Found, Missing
from farbench.tables.comparisons.tested import details_elsewhere, tested, untested_remark
from farbench.tables.comparisons.wording import ALPHA, PLURALS, Wording, how_to_read
from farbench.tables.measures import Measure
from farbench.tables.model import Block, Cell, Column, Row, Table
from farbench.tables.remarks import add_remarks
from farbench.tables.results import Results
from farbench.tasks.base import Task

NONE_SHOWN = "none shown"
TOO_FEW = "too few"


def deciding_p(finding: Finding, line: Line) -> float | None:
    """Return the p that a verdict is given by, before adjustment.

    With one seed it is McNemar's where the metric counts right answers. With several it is the
    bootstrap's, which draws seeds as well: McNemar's test knows nothing of training.
    """
    return line.p if line.mcnemar is None or len(finding.seeds) > 1 else line.mcnemar


def verdict_of(difference: float, p: float, *, higher_is_better: bool) -> int:
    """Return 1 for a gain, -1 for a loss and 0 where none is shown.

    Args:
        difference: Own - other.
        p: After adjustment.
        higher_is_better: The metric's direction.
    """
    if p >= ALPHA or not difference:
        return 0
    return 1 if (difference > 0) == higher_is_better else -1


def adjusted(findings: Sequence[Finding]) -> dict[Place, float]:
    """Adjust the p of whole tasks for their number, by Holm's procedure: one family."""
    raw = {
        one.place: p
        for one in findings
        if one.compared.whole and (p := deciding_p(one, one.compared.whole)) is not None
    }
    return dict(zip(raw, holm(list(raw.values())), strict=True))


def adjusted_details(findings: Sequence[Finding]) -> dict[tuple[Place, str], float]:
    """Adjust the p of the details of all rows for their number: one family."""
    raw = {
        (one.place, name): p
        for one in findings
        for name, line in one.compared.details.items()
        if line and (p := deciding_p(one, line)) is not None
    }
    return dict(zip(raw, holm(list(raw.values())), strict=True))


def line_tables(
    results: Results, places: Sequence[Place], found: Found, wording: Wording
) -> list[Table]:
    """Build a table a data set, task and metric; none of those that have no comparison.

    Args:
        results: The benchmark's folder.
        places: The comparisons.
        found: What is known of them.
        wording: How to speak of them.
    """
    tables = []
    for dataset in results.datasets:
        chosen = tested(results, dataset)
        for task, measure in chosen:
            own = [place for place in places if place.is_of(dataset, measure)]
            short = details_elsewhere(measure, task, chosen)
            tables.append(line_table(results, task, measure, own, found, wording, short=short))
    return [table for table in tables if table.rows()]


def line_table(
    results: Results,
    task: Task,
    measure: Measure,
    places: Sequence[Place],
    found: Found,
    wording: Wording,
    *,
    short: bool = False,
) -> Table:
    """Build one table.

    Args:
        results: The benchmark's folder.
        task: What was predicted.
        measure: The metric.
        places: The comparisons, all of one data set and this metric.
        found: What is known of them.
        wording: How to speak of them.
        short: Leave out the details, which another table has.
    """
    dataset, detail, info = places[0].dataset, DETAILS[task.kind], measure.info
    shown = [found.findings[place] for place in places if place in found.findings]
    wholes, details = adjusted(shown), {} if short else adjusted_details(shown)
    lines = [line for one in shown for line in (one.compared.whole, *one.compared.details.values())]
    table = Table(
        name=f"{results.name}-{wording.kind}-{dataset}-{measure.key}",
        benchmark=results.name,
        title=table_title(
            results, f"{wording.kind}, {measure.title} on {dataset_title(results, dataset)}"
        ),
        caption=[
            info.doc,
            *how_to_read(shown, measure, detail, len(wholes), len(details), wording),
            *caption(results, [dataset]),
        ],
        columns=_columns(dataset, measure, detail, wording, [line for line in lines if line]),
        blocks=[Block("measured", "The whole task")],
    )
    for place in places:
        label = Cell(text=results.label(place.row))
        finding = found.findings.get(place)
        if finding is None:
            if found.missing[place].state:
                row = _missing_row(table, place, label, found.missing[place])
                table.blocks[0].rows.append(row)
            continue
        planned = len(results.of(place.row, dataset))
        if len(finding.seeds) < planned:
            seeds = ", ".join(map(str, finding.seeds))
            label.note = table.note(
                f"{label.text}: of {planned} seeds, those both finished: {seeds}"
            )
        whole = finding.compared.whole
        table.blocks[0].rows.append(
            _row(place.row, label, finding, whole, wholes.get(place), measure, wording)
        )
        if short or not finding.compared.details:
            continue
        block = Block("measured", f"{label.text}: each {detail}")
        for name, line in finding.compared.details.items():
            cell, p = Cell(text=_detail_title(task, name)), details.get((place, name))
            block.rows.append(_row(f"{place.row}/{name}", cell, finding, line, p, measure, wording))
        table.blocks.append(block)
        table.remark(_counted(label.text, block, PLURALS[detail], wording))
    if remark := untested_remark(results, dataset, task):
        table.remark(remark)
    add_remarks(table, results)
    return table


def _missing_row(table: Table, place: Place, label: Cell, why: Missing) -> Row:
    """Return the line of a row without a comparison; its note says why there is none."""
    said = f"{label.text}: {why.state}" + (f" ({why.reason})" if why.reason else "")
    said += " as that of the compared row, by design" if why.state == SAME else ""
    label.note = table.note(said) if why.reason or why.state == SAME else ""
    return Row(place.row, {"label": label, "difference": Cell(missing=why.state)})


def _detail_title(task: Task, name: str) -> str:
    if task.kind == "landmarks":
        return f"point {name}"
    return name.replace("_", " ") if task.kind in ("attributes", "classes") else name


def _columns(
    dataset: str, measure: Measure, detail: str, wording: Wording, lines: Sequence[Line]
) -> list[Column]:
    def number(key: str, title: str, *, over: str = "", signed: bool = False) -> Column:
        return measure.column(
            dataset,
            key=key,
            title=title,
            over=over,
            arrow=not over and not signed,
            signed=signed,
            metric=f"{measure.key}_{key}",
        )

    def plain(key: str, title: str, decimals: int, least: float | None = None) -> Column:
        return Column(
            key=key,
            title=title,
            percent=False,
            decimals=decimals,
            least=least,
            dataset=dataset,
            metric=f"{measure.key}_{key}",
        )

    columns = [Column("label", f"Method, {detail}", kind="label")]
    if len({line.units for line in lines}) > 1:
        columns.append(plain("units", "n", 0))
    columns += [number("other", wording.other)] if wording.other else []
    columns += [
        number("own", wording.own),
        number("difference", "Δ", signed=True),
        number("low", "from", over="95% interval", signed=True),
        number("high", "to", over="95% interval", signed=True),
    ]
    if wording.only_own and any(line.own_only is not None for line in lines):
        columns += [
            plain("own_only", wording.only_own, 0),
            plain("other_only", wording.only_other, 0),
        ]
    columns += [plain("p", "p", 4, 0.0001), plain("adjusted_p", "p (Holm)", 4, 0.0001)]
    return [*columns, Column("verdict", wording.verdict, kind="text")]


def _row(
    id: str,
    label: Cell,
    finding: Finding,
    line: Line | None,
    p: float | None,
    measure: Measure,
    wording: Wording,
) -> Row:
    """Return one line of the table, its verdict by the adjusted ``p``."""
    if line is None:
        return Row(id, {"label": label, "difference": Cell(missing="–")})
    values = {
        "units": line.units,
        "other": line.other,
        "own": line.own,
        "difference": line.difference,
        "low": line.low,
        "high": line.high,
        "own_only": line.own_only,
        "other_only": line.other_only,
        "p": deciding_p(finding, line),
        "adjusted_p": p,
    }
    cells = {key: Cell(value=value, n=len(finding.seeds)) for key, value in values.items()}
    for cell in cells.values():
        cell.missing = "–" if cell.value is None else ""
    cells["difference"].std = line.std
    verdict = Cell(text=TOO_FEW)
    if p is not None:
        told = verdict_of(line.difference, p, higher_is_better=measure.info.higher_is_better)
        verdict.text = {1: wording.better, -1: wording.worse, 0: NONE_SHOWN}[told]
    return Row(id, {"label": label, **cells, "verdict": verdict})


def _counted(label: str, block: Block, plural: str, wording: Wording) -> str:
    verdicts = [row.cell(Column("verdict", "")).text for row in block.rows]
    words = [wording.better, wording.worse, NONE_SHOWN]
    words += [TOO_FEW] if TOO_FEW in verdicts else []
    counts = [f"{word} {verdicts.count(word)}" for word in words]
    counts += [f"undefined {verdicts.count('')}"] if "" in verdicts else []
    return f"{label}: of {len(verdicts)} {plural}, {', '.join(counts)}."
