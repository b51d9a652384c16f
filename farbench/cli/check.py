"""`farbench check`: compares a benchmark's results with a baseline; the exit code is the gate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from farbench.cli.options import comma_list


def check(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A results folder, or one benchmark's folder in it; or a file of `farbench bench "
            "--json`, whose baseline is another.",
            show_default=False,
        ),
    ],
    baseline: Annotated[
        Path,
        typer.Option(
            "--baseline",
            metavar="FILE|DIR",
            help="A file of `farbench baseline`, or other results: then their predictions count.",
            show_default=False,
        ),
    ],
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance",
            metavar="METRIC=POINTS|Nsigma",
            help="What counts as noise, as tables print it (accuracy=0.5, age.mae=0.2) or in "
            "standard errors (mA=3sigma); repeatable.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            metavar="RATIO",
            help="Judge the speed of training too: it may be this many times slower.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows", metavar="A,B", help="Judge these rows alone, by id.", show_default=False
        ),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", metavar="terminal|json|github", help="How to print.")
    ] = "terminal",
    junit: Annotated[
        Path | None,
        typer.Option(
            "--junit",
            metavar="FILE",
            help="Write JUnit XML as well: a test a number, for CI servers.",
            show_default=False,
        ),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Let rows and seeds that are gone pass.")
    ] = False,
    all_comparable: Annotated[
        bool, typer.Option("--all-comparable", help="Fail where a row cannot be compared.")
    ] = False,
) -> None:
    """Compare a benchmark's results with a baseline, row by row and metric by metric.

    The exit code is 1 where something is worse, broke or vanished.
    """
    from farbench.errors import unknown_name
    from farbench.gate import report
    from farbench.gate.check import check as compare
    from farbench.gate.junit import write_junit
    from farbench.gate.ratios import check_ratios, is_bench_file

    if format not in report.FORMATS:
        raise unknown_name("format", format, report.FORMATS, "--format")
    if is_bench_file(folder):
        verdict = check_ratios(folder, baseline, speed)
    else:
        verdict = compare(
            folder,
            baseline,
            tolerance or (),
            speed,
            rows=comma_list(rows) or (),
            allow_missing=allow_missing,
            all_comparable=all_comparable,
        )
    if junit is not None:
        write_junit(junit, verdict)
    if format == "github":
        typer.echo(report.workflow_commands(verdict))
        _add_summary(report.markdown(verdict))
    else:
        typer.echo(report.as_json(verdict) if format == "json" else report.terminal(verdict))
    if not verdict.holds:
        raise typer.Exit(1)


def _add_summary(text: str) -> None:
    """Add to the job's summary; outside of a job, print it.

    Raises:
        UserError: The file that the job names cannot be written.
    """
    from farbench.errors import UserError

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        typer.echo(text, nl=False)
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"GITHUB_STEP_SUMMARY: {path} cannot be written: {error}.") from error
