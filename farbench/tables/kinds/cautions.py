"""Warns of what a reader of a table may not think of: rows that are one, seeds that are few."""

from __future__ import annotations

from collections.abc import Mapping

from farbench.scoring.masks import NOT_LEARNED
from farbench.tables.caption import dataset_title, listed
from farbench.tables.comparisons.evidence import cell_name, read_evidence
from farbench.tables.comparisons.find import key_of
from farbench.tables.model import Table
from farbench.tables.results import Results


def add_cautions(table: Table, results: Results) -> None:
    """Add remarks on rows with the same predictions, on a single seed, and on masks not learned."""
    for remark in (*_alike(results), *_one_seed(results), *_masks_not_learned(results)):
        table.remark(remark)


def _masks_not_learned(results: Results) -> list[str]:
    """Name groups whose masks are empty or elsewhere: what rows with masks say of them is void."""
    remarks = []
    for dataset in results.datasets:
        lost: dict[str, float] = {}
        for cell in results.finished(dataset):
            for group, f1 in ((cell.record.get("masks") or {}).get("f1") or {}).items():
                if f1 is not None and f1 < NOT_LEARNED:
                    lost[group] = min(f1, lost.get(group, f1))
        if lost:
            named = ", ".join(f"{group} (F1 {100 * f1:.1f})" for group, f1 in lost.items())
            remarks.append(
                f"{dataset_title(results, dataset)}: the mask network has not learned {named}; "
                "rows with masks see nothing, or something else, in its place."
            )
    return remarks


def _one_seed(results: Results) -> list[str]:
    finished = [
        [cell for cell in results.of(row.id, dataset) if cell.finished]
        for row in results.rows
        for dataset in results.datasets
    ]
    if sum(map(bool, finished)) < 2 or max(map(len, finished)) > 1:
        return []
    return [
        "One seed: every difference includes the variance of training, which no test here covers."
    ]


def _alike(results: Results) -> list[str]:
    """Name rows whose predictions are the same to the last bit: by design, or by mistake."""
    digests = read_evidence(results.folder).digests
    shown = [row.id for row in results.rows]
    by_key: dict[tuple[str, str, int, str], list[str]] = {}
    by_digest: dict[tuple[str, str, int, str], dict[str, str]] = {}
    for cell in results.finished():
        if cell.row not in shown:
            continue
        for task in cell.folders:
            place = (cell.dataset, task, cell.seed)
            key = key_of(results, cell, task)
            by_key.setdefault((*place, key), []).append(cell.row)
            if digest := digests.get(cell_name(results, cell, task), {}).get(task):
                # Of rows that are one training the first stands for all.
                by_digest.setdefault((*place, digest), {}).setdefault(key, cell.row)
    # `farbench run` notes this in the plan, where one run planned both rows.
    by_design = {
        place: rows
        for place, rows in by_key.items()
        if len(rows) > 1
        and not any(f"rows {' and '.join(rows)} are the same" in note for note in results.notes)
    }
    by_mistake = {place: list(rows.values()) for place, rows in by_digest.items() if len(rows) > 1}
    return [
        *(
            f"{names}: the same training by design{where}, so one result printed twice."
            for names, where in _told(results, by_design)
        ),
        *(
            f"{names}: identical predictions{where} of trainings that should differ. Look whether "
            "what sets them apart has any effect."
            for names, where in _told(results, by_mistake)
        ),
    ]


def _told(
    results: Results, groups: Mapping[tuple[str, str, int, str], list[str]]
) -> list[tuple[str, str]]:
    """Return each group of rows once: their labels, and where they are alike."""
    places: dict[tuple[str, ...], list[tuple[str, str, int]]] = {}
    for (dataset, task, seed, _), rows in groups.items():
        places.setdefault(tuple(rows), []).append((dataset, task, seed))
    told = []
    for alike, where in places.items():
        datasets = dict.fromkeys(dataset for dataset, _, _ in where)
        tasks = dict.fromkeys(task for _, task, _ in where)
        seeds = sorted({seed for _, _, seed in where})
        parts = []
        if len(results.datasets) > 1:
            parts.append("on " + ", ".join(dataset_title(results, name) for name in datasets))
        if any(len(results.tasks_of(name)) > 1 for name in datasets):
            parts.append("of " + ", ".join(tasks))
        if len(seeds) < len(results.seeds):
            parts.append(f"with seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}")
        labels = [results.label(row) for row in alike]
        told.append((listed(labels), f" ({', '.join(parts)})" if parts else ""))
    return told
