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
VALUE = 24
"""Columns of a table's values; a longer one has lines of its own."""


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name that `farbench list` prints.")
    ],
    plugins: Plugins = None,
    strict: Strict = False,
) -> None:
    """Show what a name stands for: its options, where it comes from, what to cite."""
    from farbench.cli.catalogue import SINGULAR, items, nothing_named

    registry = load_registry(plugins or (), strict)
    everything = [item for kind in SINGULAR for item in items(kind, registry)]
    found = [item for item in everything if item.name == name]
    if not found:
        raise nothing_named("name", name, [item.name for item in everything], registry)
    typer.echo("\n\n".join("\n".join(_describe(item)) for item in found))


def _describe(item: Item) -> list[str]:
    """Return the lines for one thing."""
    from farbench.cli.catalogue import SINGULAR

    lines = [f"{SINGULAR[item.kind]} {item.name}"]
    body = {
        "groupings": _grouping,
        "datasets": _dataset,
        "benchmarks": _benchmark,
        "protocols": _protocol,
    }.get(item.kind, _plugin)(item)
    return [*lines, *body, f"provided by: {item.provider}", f"origin: {item.origin}"]


def _plugin(item: Item) -> list[str]:
    """Describe a plugin class: docstring, source, options."""
    text = inspect.cleandoc(item.value.__doc__ or "")
    lines = [f"  {line}".rstrip() for line in text.splitlines()]
    if item.value.source:
        lines += _wrap(item.value.source, "source: ", "  ")
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
    lines = [*_wrap(item.value.source, "source: ", "  "), "groups:"]
    for group, members in item.value.groups.items():
        region = item.value.regions.get(group)
        at = f" (region {region})" if region else ""
        lines += _wrap(", ".join(members), f"  {group}{at}: ", "    ")
    return lines


def _benchmark(item: Item) -> list[str]:
    """Describe a shipped benchmark: its rows under its own protocol."""
    from farbench.benchmark.loading import load_benchmark

    benchmark = load_benchmark(item.name).benchmark
    lines = [
        *_wrap(benchmark.title, "  ", "  "),
        *_wrap(benchmark.caption, "  ", "  "),
        f"protocol: {benchmark.protocol.name}",
        f"metrics: {', '.join(benchmark.metrics)}",
        f"seeds: {', '.join(map(str, benchmark.seeds))}",
    ]
    if benchmark.published:
        lines.append(f"published rows: {', '.join(benchmark.published)}")
    lines.append("rows:")
    width = max(len(row.id) for row in benchmark.rows)
    for row in benchmark.rows:
        options = "".join(f", {key} {_written(value)}" for key, value in row.options.items())
        start = f"  {row.id.ljust(width)}  "
        lines += _wrap(f"{row.label}: {row.method}{options}", start, " " * (len(start) + 2))
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
    from farbench.benchmark.explain import describe, limit

    rows = []
    for key, field in model.model_fields.items():
        default = (
            "required"
            if field.is_required()
            else _written(field.get_default(call_default_factory=True))
        )
        limits = "".join(f", {one}" for one in map(limit, field.metadata) if one)
        meaning = " ".join((field.description or "").split())
        rows.append((key, default, f"{describe(field.annotation)}{limits}. {meaning}".rstrip()))
    return (
        ["options (name, default, type and meaning):", *_table(rows)] if rows else ["options: none"]
    )


def _written(value: Any) -> str:
    """Write a value as it would stand in a benchmark file."""
    import json

    try:
        return json.dumps(value) if not isinstance(value, str) else value or '""'
    except TypeError:
        return str(value)


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    """Line up three columns, the last one wrapped; a long value stands above its meaning."""
    if not rows:
        return []
    names = max(len(name) for name, _, _ in rows)
    values = min(VALUE, max(len(value) for _, value, _ in rows))
    indent = " " * (names + values + 6)
    lines = []
    for name, value, meaning in rows:
        start = f"  {name.ljust(names)}  "
        told = _wrap(meaning, indent, indent)
        if len(value) <= values:
            first, *told = told or [""]
            lines.append(f"{start}{value.ljust(values)}  {first.lstrip()}")
        else:
            # An entry stays together: only the space between two of them may break.
            whole = value.replace(" ", "\u00a0").replace(",\u00a0", ", ")
            told = [*_wrap(whole, start, " " * (len(start) + 1)), *told]
        lines += told
    return [line.replace("\u00a0", " ").rstrip() for line in lines]


def _wrap(text: str, first: str, rest: str) -> list[str]:
    """Break text into lines between words; ``first`` and ``rest`` are what the lines begin with."""
    return textwrap.wrap(
        text,
        max(WIDTH, len(rest) + 40),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
