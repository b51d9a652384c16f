"""`farbench plugins`: every plugin that was found, where it comes from, and what became of it."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farbench.cli.options import Plugins, TerminalOrJson, check_format

if TYPE_CHECKING:
    from farbench.plugins.registry import FoundPlugin, Registry

WIDTH = 100
"""Columns that a line may have, but for paths and errors, which are not broken."""


def plugins(
    plugins: Plugins = None,
    format: TerminalOrJson = "terminal",
    strict: Annotated[
        bool, typer.Option("--strict", help="The exit code is 1 where a plugin is broken.")
    ] = False,
) -> None:
    """Show every plugin: its source, what it provides, whether it is loaded, and why if not.

    `farbench list` shows what there is to choose from, by kind; this shows who it comes from. The
    exit code is 1 where two plugins provide the same name: no other command runs until that is
    mended. FARBENCH_AUTOLOAD chooses among the installed ones: `none`, names by commas, or
    `no:NAME`.
    """
    from farbench.plugins.manager import load_plugins

    check_format(format)
    registry = load_plugins(plugins or (), keep_clashes=True)
    if format == "json":
        found = [_as_json(plugin) for plugin in registry.found]
        typer.echo(json.dumps({"plugins": found, "clashes": registry.clashes}, indent=2))
    else:
        typer.echo("\n".join(_lines(registry)))
    if registry.clashes or (strict and registry.broken):
        raise typer.Exit(1)


def _as_json(plugin: FoundPlugin) -> dict[str, Any]:
    provides: dict[str, list[dict[str, str]]] = {}
    for kind, entry in plugin.provides:
        provides.setdefault(kind, []).append({"name": entry.name, "origin": entry.origin})
    return {
        "name": plugin.name,
        "source": plugin.source,
        "found": plugin.how,
        "state": plugin.state,
        "error": plugin.error or None,
        "provides": provides,
        "hooks": list(plugin.hooks),
    }


def _lines(registry: Registry) -> Iterator[str]:
    """Yield a line a plugin and, below it, what it provides or what is wrong with it."""
    rows = [("plugin", "state", "source")]
    rows += [(plugin.name, plugin.state, plugin.source) for plugin in registry.found]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = ["  ".join([*map(str.ljust, row[:2], widths), row[2]]) for row in rows]
    yield lines[0]
    for plugin, line in zip(registry.found, lines[1:], strict=True):
        yield line
        yield from _details(plugin)
    yield ""
    counts = Counter(plugin.state for plugin in registry.found)
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    yield f"{len(registry.found)} plugins: {told}."
    yield from registry.clashes


def _details(plugin: FoundPlugin) -> Iterator[str]:
    if plugin.error:
        yield f"  {plugin.error}"
    if plugin.state == "on request":
        yield f"  farbench run ... --logger {plugin.name}"
    by_kind: dict[str, list[str]] = {}
    for kind, entry in plugin.provides:
        line = entry.origin.rpartition(":")[2] if plugin.how == "file" else ""
        by_kind.setdefault(kind, []).append(
            f"{entry.name} (line {line})" if line.isdecimal() else entry.name
        )
    if plugin.hooks:
        by_kind["hooks"] = list(plugin.hooks)
    for kind, names in by_kind.items():
        text = ", ".join(sorted(names) if kind != "hooks" else names)
        indent = " " * 15
        yield textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"  {kind:<13}",
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
