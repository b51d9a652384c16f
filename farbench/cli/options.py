"""Options that several commands share, and how they load plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry

Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugins",
        metavar="PATH",
        help="A plugin file, or a folder of them; repeatable. FARBENCH_PLUGINS adds more.",
        show_default=False,
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at a broken plugin instead of leaving it out.")
]

DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="DIR",
        envvar="FARBENCH_DATA",
        help="The folder that holds the data sets, or a data set's own folder.",
        show_default=False,
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda|cuda:1", help="Where to compute.")
]
ResultsFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR",
        help="A results folder, or one benchmark's folder in it.",
        show_default=False,
    ),
]
ResultsRoot = Annotated[
    Path, typer.Option("--results", metavar="DIR", help="Where a hash is looked for.")
]
TerminalOrJson = Annotated[
    str, typer.Option("--format", metavar="terminal|json", help="How to print.")
]


def check_format(format: str) -> None:
    """Refuse what is none of the formats of :data:`TerminalOrJson`.

    Raises:
        UserError: It is none.
    """
    from farbench.errors import unknown_name

    formats = ("terminal", "json")
    if format not in formats:
        raise unknown_name("format", format, formats, "--format")


def load_registry(
    paths: Sequence[str | Path], strict: bool, loggers: Sequence[str] = ()
) -> Registry:
    """Load the plugins; on stderr, tell what is switched off and warn of each broken one.

    Raises:
        UserError: A path does not exist, a name is provided twice, a logger cannot be used, or, if
            ``strict``, a plugin is broken.
    """
    from farbench.plugins.installed import AUTOLOAD
    from farbench.plugins.manager import load_plugins

    registry = load_plugins(paths, strict=strict, loggers=loggers)
    off = [plugin.name for plugin in registry.found if plugin.state == "switched off"]
    if off:
        typer.echo(f"farbench: note: {AUTOLOAD} switches off: {', '.join(off)}.", err=True)
    for plugin in registry.broken:
        typer.echo(
            f"farbench: warning: plugin '{plugin.name}' ({plugin.source}) is left out: "
            f"{plugin.error}",
            err=True,
        )
        # Errors that come later name the plugin again; why it is broken is told here alone.
        plugin.error = "see the warning above"
    return registry


def comma_list(text: str | None) -> list[str] | None:
    """Split ``A,B``; None stays None."""
    if text is None:
        return None
    return [part.strip() for part in text.split(",") if part.strip()]
