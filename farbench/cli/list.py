"""`farbench list`: what there is, by kind: name, summary, who provides it."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from farbench.cli.options import Plugins, Strict, load_registry

SUMMARY = 96
"""Columns that a summary may have; `farbench show` has all of it."""


def list_plugins(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="One kind alone, such as methods, losses or protocols; all kinds if left out.",
            show_default=False,
        ),
    ] = None,
    plugins: Plugins = None,
    strict: Strict = False,
) -> None:
    """List what plugins provide, kind by kind, and the shipped benchmarks and protocols."""
    from farbench.cli.catalogue import SINGULAR, items
    from farbench.errors import unknown_name

    if kind is not None and kind not in SINGULAR:
        raise unknown_name("kind", kind, SINGULAR)
    registry = load_registry(plugins or (), strict)
    first = True
    for one in SINGULAR if kind is None else (kind,):
        found = list(items(one, registry))
        if not first:
            typer.echo("")
        first = False
        if not found:
            typer.echo(f"{one}: none")
            continue
        entries = ((i.name, _short(i.summary), i.provider) for i in found)
        rows = [(one, "summary", "provider"), *entries]
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        for row in rows:
            cells = [row[column].ljust(widths[column]) for column in range(2)]
            typer.echo("  ".join([*cells, row[2]]).rstrip())


def _short(summary: str) -> str:
    return textwrap.shorten(summary, SUMMARY, placeholder=" ...")
