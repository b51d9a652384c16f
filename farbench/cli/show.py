"""`farbench show`: all about one thing: options with types, defaults and docs; source; origin."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farbench.cli.options import Plugins, Strict, load_registry

if TYPE_CHECKING:
    from pydantic import BaseModel

    from farbench.cli.catalogue import Item

WIDTH = 100
"""Columns that a line may have."""


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name that `farbench list` prints.")
    ],
    plugins: Plugins = None,
    strict: Strict = False,
) -> None:
    """Show what a name stands for: its options, where it comes from, what to cite."""
    from farbench.cli.catalogue import ALL_KINDS, items
    from farbench.errors import unknown_name

    registry = load_registry(plugins or (), strict)
    everything = [item for kind in ALL_KINDS for item in items(kind, registry)]
    found = [item for item in everything if item.name == name]
    if not found:
        raise unknown_name("name", name, {item.name for item in everything})
    typer.echo("\n\n".join("\n".join(_describe(item)) for item in found))


def _describe(item: Item) -> list[str]:
    """Return the lines for one thing."""
    singular = {"losses": "loss", "keypoints": "keypoint model", "datasets": "data set"}
    lines = [f"{singular.get(item.kind, item.kind.rstrip('s'))} {item.name}"]
    body = {
        "groupings": _grouping,
        "datasets": _dataset,
        "benchmarks": _benchmark,
        "protocols": _protocol,
    }.get(item.kind, _plugin)(item)
    return [*lines, *body, f"provided by: {item.provider}", f"origin: {item.origin}"]


def _plugin(item: Item) -> list[str]:
    """Describe a plugin class: docstring, source, options."""
    lines = [
        f"  {line}".rstrip() for line in inspect.cleandoc(item.value.__doc__ or "").split("\n")
    ]
    if item.value.source:
        lines.append(f"source: {item.value.source}")
    return [*lines, *_options(item.value)]


def _dataset(item: Item) -> list[str]:
    """Describe a data set: what a table's reader must know, then its options."""
    info = item.value.info
    lines = [*_plugin(item), f"title: {info.title}", f"citation: {info.citation}"]
    lines.append(f"licence: {info.licence}")
    if info.homepage:
        lines.append(f"homepage: {info.homepage}")
    if info.expected_counts:
        counts = ", ".join(f"{split} {count:,}" for split, count in info.expected_counts.items())
        lines.append(f"images: {counts}")
    if info.how_to_get:
        lines += ["how to get it:", *(f"  {line}" for line in info.how_to_get.strip().split("\n"))]
    return lines


def _grouping(item: Item) -> list[str]:
    """Describe a grouping: its groups, their regions, their attributes."""
    lines = [f"source: {item.value.source}", "groups:"]
    for group, members in item.value.groups.items():
        region = item.value.regions.get(group)
        at = f" (region {region})" if region else ""
        lines.append(f"  {group}{at}: {', '.join(members)}")
    return lines


def _benchmark(item: Item) -> list[str]:
    """Describe a shipped benchmark: its rows under its own protocol."""
    from farbench.benchmark.loading import load_benchmark

    benchmark = load_benchmark(item.name).benchmark
    lines = [f"  {text}" for text in (benchmark.title, benchmark.caption) if text]
    lines += [
        f"protocol: {benchmark.protocol.name}",
        f"metrics: {', '.join(benchmark.metrics)}",
        f"seeds: {', '.join(map(str, benchmark.seeds))}",
    ]
    if benchmark.published:
        lines.append(f"published rows: {', '.join(benchmark.published)}")
    lines.append("rows:")
    width = max(len(row.id) for row in benchmark.rows)
    for row in benchmark.rows:
        options = "".join(f", {key} {value}" for key, value in row.options.items())
        lines.append(f"  {row.id.ljust(width)}  {row.label}: {row.method}{options}")
    return [*lines, f"run it: farbench run {item.name}"]


def _protocol(item: Item) -> list[str]:
    """Describe a protocol: each of its values, with what it means."""
    from farbench.benchmark.loading import load_protocol
    from farbench.benchmark.schema import Protocol

    protocol = load_protocol(item.name)
    lines = [f"  {protocol.title}"] if protocol.title else []
    return [*lines, "values:", *_table(_values(Protocol, protocol))]


def _values(model: type[BaseModel], value: Any, prefix: str = "") -> list[tuple[str, str, str]]:
    """Return key, value and meaning of every field, sections written out."""
    from pydantic import BaseModel

    rows = []
    for key, field in model.model_fields.items():
        one = getattr(value, key)
        if isinstance(one, BaseModel):
            rows += _values(type(one), one, f"{prefix}{key}.")
        elif prefix or key not in ("name", "title"):
            rows.append((f"{prefix}{key}", _written(one), field.description or ""))
    return rows


def _options(model: type[BaseModel]) -> list[str]:
    """Return the lines of a plugin's options."""
    from farbench.benchmark.explain import describe

    rows = []
    for key, field in model.model_fields.items():
        default = "required" if field.is_required() else _written(field.get_default())
        limits = "".join(f", {limit}" for limit in map(_limit, field.metadata) if limit)
        meaning = " ".join((field.description or "").split())
        rows.append((key, default, f"{describe(field.annotation)}{limits}. {meaning}".rstrip()))
    return (
        ["options (name, default, type and meaning):", *_table(rows)] if rows else ["options: none"]
    )


def _limit(constraint: Any) -> str:
    """Write one pydantic constraint: ``">= 0"``."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}
    for attribute, sign in signs.items():
        value = getattr(constraint, attribute, None)
        if value is not None:
            return f"{sign} {value}"
    return ""


def _written(value: Any) -> str:
    """Write a value as it would stand in a benchmark file."""
    import json

    try:
        return json.dumps(value) if not isinstance(value, str) else value or '""'
    except TypeError:
        return str(value)


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    """Line up three columns, the last one wrapped; a value too wide pushes its meaning along."""
    if not rows:
        return []
    widths = [max(len(row[0]) for row in rows), min(24, max(len(row[1]) for row in rows))]
    indent = " " * (widths[0] + widths[1] + 6)
    lines = []
    for name, value, meaning in rows:
        start = f"  {name.ljust(widths[0])}  {value.ljust(widths[1])}  "
        lines += textwrap.wrap(
            start + meaning,
            max(WIDTH, len(indent) + 40),
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
    return [line.rstrip() for line in lines]
