"""What the page of a method ends with: options, benchmarks, published and measured numbers."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made.fields import field_table
from made.markdown import code, in_a_line, prose, table
from made.options import shipped

if TYPE_CHECKING:
    from farbench.benchmark.schema import Benchmark
    from farbench.tables.results import Results

RESULTS = Path(__file__).parents[2] / "results"


def method(name: str, *published: str) -> str:
    """Return the sections of a method's page.

    Args:
        name: The method.
        published: What the files of published rows call it, where they have it.
    """
    entry = shipped().methods[name]
    kinds = ", ".join(map(code, entry.value.task_kinds)) or "any"
    facts = f"Kinds of tasks: {kinds}. `farbench show {name}` prints this in a terminal."
    parts = ["## Options", prose(entry.value.__doc__ or "")]
    if entry.value.source:
        parts.append(f"*Source:* {prose(entry.value.source)}")
    parts += [facts, field_table("Option", entry.value)]
    parts += _section("Rows of shipped benchmarks", ("Benchmark", "Row", "Options"), _rows(name))
    quoted = ("Paper", "Table", "Row", "Backbone", "Numbers, in per cent", "Note")
    parts += _section("Published results", quoted, _published(set(published)))
    stored = ("Results", "Row", "Protocol", "Data", "Scores on test")
    measured = _section("Results measured here", stored, _measured(name))
    if measured:
        measured.insert(
            1,
            "From the committed results, one seed each. Protocols, numbers of images and machines "
            "differ between folders, so compare within one: [results](../results.md), "
            "[other tasks](../results-tasks.md).",
        )
    return "\n\n".join([*parts, *measured])


def _section(title: str, heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    """Return heading and table; nothing where there is nothing to tell."""
    found = list(dict.fromkeys(rows))
    return [f"## {title}", table(heads, found)] if found else []


def _rows(name: str) -> Iterator[tuple[str, ...]]:
    for benchmark in _benchmarks():
        for row in benchmark.rows:
            if row.method == name:
                given = ", ".join(f"{key}: {value}" for key, value in row.options.items())
                yield code(benchmark.name), in_a_line(row.label), code(given)


@functools.cache
def _benchmarks() -> list[Benchmark]:
    from farbench.benchmark.loading import load_benchmark
    from farbench.benchmark.locate import shipped_names

    return [load_benchmark(name).benchmark for name in shipped_names("benchmark")]


def _published(names: set[str]) -> Iterator[tuple[str, ...]]:
    from farbench.benchmark.locate import shipped_names
    from farbench.tables.published.rows import load_published

    for file in shipped_names("published table"):
        for row in load_published(file).rows:
            if row.method in names:
                numbers = "; ".join(
                    f"{dataset}: " + ", ".join(f"{metric} {v:.2f}" for metric, v in scores.items())
                    for dataset, scores in row.values.items()
                )
                label, note = in_a_line(row.label), in_a_line(row.note)
                yield in_a_line(row.paper), row.table, label, row.backbone, numbers, note


def _measured(name: str) -> Iterator[tuple[str, ...]]:
    for results in _results():
        for cell in results.finished():
            if cell.record["method"]["name"] != name:
                continue
            images = cell.record["dataset"]["images"]
            yield (
                f"[{results.folder.name}](../../{results.folder.relative_to(RESULTS.parent)})",
                in_a_line(results.label(cell.row)),
                code(str(results.protocol["name"])),
                f"{cell.dataset}, {images['train']:,} / {images['test']:,} images",
                "; ".join(_scores(cell, results.tasks_of(cell.dataset))),
            )


@functools.cache
def _results() -> list[Results]:
    from farbench.tables.results import read_results

    return [read_results(plan.parent) for plan in sorted(RESULTS.glob("*/*/plan.json"))]


def _scores(cell: Any, tasks: tuple[Any, ...]) -> Iterator[str]:
    """Yield ``task: metric value, ...`` for the metrics that tables show of each kind."""
    from farbench.scoring.catalogue import HEADLINE, metric_info

    for task in tasks:
        found = cell.scores.get(task.name, {})
        told = []
        for metric in HEADLINE[task.kind]:
            info, value = metric_info(task.kind, metric), found.get(metric)
            if isinstance(value, float):
                shown = value * 100 if info.percent else value
                told.append(f"{info.label} {shown:.{info.decimals}f}")
        if told:
            yield f"{task.name}: {', '.join(told)}"
