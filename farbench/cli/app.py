"""The typer application and the list of its commands; imports nothing but typer."""

from __future__ import annotations

from typing import Annotated

import typer

import farbench
from farbench.cli.baseline import baseline
from farbench.cli.bench import bench
from farbench.cli.check import check
from farbench.cli.data import data
from farbench.cli.doctor import doctor
from farbench.cli.export import export
from farbench.cli.figure import figure
from farbench.cli.list import list_plugins
from farbench.cli.new import new
from farbench.cli.plugins import plugins
from farbench.cli.predict import predict
from farbench.cli.profile import profile
from farbench.cli.report import report
from farbench.cli.rescore import rescore
from farbench.cli.robustness import robustness
from farbench.cli.run import run
from farbench.cli.show import show
from farbench.cli.table import table
from farbench.cli.test_plugin import check_plugins
from farbench.cli.why import diff, why

app = typer.Typer(
    help="Benchmark face attribute recognition: train, compare, ablate, print the paper's table.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"farbench {farbench.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Hold the options of `farbench` itself."""


app.command("run")(run)
app.command("table")(table)
app.command("figure")(figure)
app.command("report")(report)
app.command("rescore")(rescore)
app.command("robustness")(robustness)
app.command("export")(export)
app.command("predict")(predict)
app.command("baseline")(baseline)
app.command("check")(check)
app.command("why")(why)
app.command("diff")(diff)
app.command("profile")(profile)
app.command("bench")(bench)
app.command("list")(list_plugins)
app.command("plugins")(plugins)
app.command("doctor")(doctor)
app.command("show")(show)
app.command("new")(new)
app.command("test-plugin")(check_plugins)
app.add_typer(data, name="data")
