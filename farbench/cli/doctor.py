"""`farbench doctor`: what is wrong with this machine, and what to type."""

from __future__ import annotations

import json
import os
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farbench.cli.options import DataRoot, Device, Plugins, TerminalOrJson, check_format
from farbench.wording import counted

if TYPE_CHECKING:
    from farbench.plugins.health import Diagnosis

WIDTH = 100
"""Columns that a line may have."""


def doctor(
    checks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CHECK",
            help="These checks alone: python, libraries, torchvision, plugins, devices, memory, "
            "disk, datasets, speed, or a plugin's.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    results: Annotated[
        Path, typer.Option("--results", metavar="DIR", help="Where results would be kept.")
    ] = Path("runs"),
    device: Device = "auto",
    method: Annotated[
        str, typer.Option("--method", metavar="M", help="Measure the speed of this method.")
    ] = "baseline",
    protocol: Annotated[
        str, typer.Option("--protocol", metavar="P", help="Measure it under this protocol.")
    ] = "quick",
    format: TerminalOrJson = "terminal",
    plugins: Plugins = None,
) -> None:
    """Look for what is wrong: versions, devices, memory, disk, data sets, speed, plugins.

    Takes seconds and changes nothing. The exit code is 1 where there is a problem; a warning is
    none.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in `farbench run`

    from farbench.doctor.examine import examine
    from farbench.plugins.health import Machine
    from farbench.plugins.manager import load_plugins
    from farbench.store.artifacts import default_cache

    check_format(format)
    registry = load_plugins(plugins or (), keep_clashes=True)
    machine = Machine(registry, default_cache(), results, data_root, device, method, protocol)
    found = []
    for one in examine(machine, checks or ()):
        found.append(one)
        if format == "terminal":
            typer.echo("\n".join(_lines(one.diagnosis)))
    counts = Counter(one.diagnosis.state for one in found)
    if format == "json":
        as_json = [{"check": one.check, **vars(one.diagnosis)} for one in found]
        told = {"warnings": counts["warning"], "problems": counts["problem"]}
        typer.echo(json.dumps({**told, "diagnoses": as_json}, indent=2))
    else:
        typer.echo(
            f"\n{counted(counts['problem'], 'problem')}, {counted(counts['warning'], 'warning')}."
        )
    if counts["problem"]:
        raise typer.Exit(1)


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield the diagnosis, and below it what to do."""
    indent = " " * 30
    for first, text in (
        (f"{diagnosis.state:<8} {diagnosis.about:<20} ", diagnosis.text),
        (indent, f"-> {diagnosis.advice}" if diagnosis.advice else ""),
    ):
        if text:
            yield textwrap.fill(
                text,
                WIDTH,
                initial_indent=first,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
