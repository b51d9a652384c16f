"""`farbench bench`: speed as ratios, each measured side by side in one run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from farbench.cli.options import DataRoot

GOALS = ("at_most", "at_least")
"""The keys of a figure that has a goal."""


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Benches, as --list names them; all if left out; `gpu`."
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Say what there is, and how long it takes.")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write the figures, for `farbench check FILE --baseline OTHER`.",
            show_default=False,
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="N",
            min=1,
            help="Rounds that count, in place of each bench's own.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            metavar="cpu|cuda",
            help="Where to train.  [default: cpu; of `gpu`, cuda]",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only see that it runs: tiny, and judged by nobody.")
    ] = False,
) -> None:
    """Measure speed as ratios of contenders that take turns, and print medians and spread.

    `farbench bench gpu` is for a machine with a GPU: minutes of checks and timings, one table. The
    exit code is 1 where a goal is missed, or a bench or check fails.
    """
    from farbench.bench.catalogue import BENCHES
    from farbench.errors import UserError, unknown_name

    for name in names or ():
        if name not in (*BENCHES, "gpu"):
            raise unknown_name("bench", name, [*BENCHES, "gpu"])
    if names and "gpu" in names and len(names) > 1:
        raise UserError("gpu is a script of its own: `farbench bench gpu`, and the others apart.")
    if listed:
        for name, one in BENCHES.items():
            typer.echo(f"{name:<10}{one.says}, about {one.minutes:g} min")
        typer.echo(f"{'gpu':<10}checks and timings on a GPU, about 15 min")
        return
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in `farbench run`
    if names == ["gpu"]:
        from farbench.bench.gpu import run_parts

        found = run_parts(device or "cuda", quick=quick, say=typer.echo)
    else:
        from farbench.bench.running import run_benches

        chosen = [name for name in BENCHES if name in names] if names else [*BENCHES]
        given = {"rounds": rounds, "device": device, "data_root": data_root, "tiny": quick}
        found = run_benches(
            chosen, given, lambda name, one: typer.echo("\n".join(_lines(name, one)))
        )
    if json_file is not None:
        import json

        from farbench.tables.files import write_text

        write_text(json_file, json.dumps(found, indent=2) + "\n")
        typer.echo(f"Written: {json_file}")
    if not _passed(found):
        raise typer.Exit(1)


def _passed(found: dict[str, Any]) -> bool:
    if any(part["state"] == "failed" for part in found.get("parts", {}).values()):
        return False
    benches = found.get("benches", {}).values()
    figures = [figure for one in benches for figure in one["figures"].values()]
    failed = any("error" in one for one in benches)
    return not failed and all(figure.get("met", True) for figure in figures)


def _lines(name: str, record: dict[str, Any]) -> list[str]:
    """Return a bench as lines: what it compares, then a figure a line."""
    from farbench.bench.catalogue import BENCHES

    lines = [f"{name}: {BENCHES[name].says} ({record['seconds']:.0f} s)"]
    if "error" in record:
        return [*lines, f"  failed: {record['error']}"]
    width = max(map(len, record["figures"]), default=0)
    for key, one in record["figures"].items():
        goal = next((f"{k.replace('_', ' ')} {one[k]:g}" for k in GOALS if k in one), "")
        state = f"   {goal}: {'met' if one['met'] else 'MISSED'}" if goal else ""
        lines.append(
            f"  {key:<{width}}  {one['median']:8.3f}  ({one['low']:.3f} to {one['high']:.3f}, "
            f"{one['rounds']} rounds){state}"
        )
    return lines
