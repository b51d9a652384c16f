"""`farbench test-plugin`: holds plugins against their contracts, one line a check."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farbench.cli.options import DataRoot, Plugins, Strict, load_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farbench.plugins.registry import Entry, Registry
    from farbench.testing.checks import Outcome

WIDTH = 100
"""Columns that a line may have."""


def check_plugins(
    plugin: Annotated[
        str,
        typer.Argument(
            metavar="PATH|NAME",
            help="A plugin file or a folder of them, or a name that `farbench list` prints.",
            show_default=False,
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="K",
            help="One kind alone: methods, datasets, losses, weightings, keypoints, groupings or "
            "corruptions.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="An option of the plugin, such as a small size; repeatable.",
            show_default=False,
        ),
    ] = None,
    plugins: Plugins = None,
    strict: Strict = False,
) -> None:
    """Hold a plugin against its contract: what broke, why it matters, how to mend it.

    Options `backbone` and `width` are made small unless --set gives them. The exit code is 1 if a
    line of the contract is broken.
    """
    # As in `farbench run`: threads that spin while they wait starve one another.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from farbench.cli.catalogue import provided_by_files
    from farbench.errors import unknown_name
    from farbench.plugins.registry import KINDS

    if kind is not None and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    is_path = plugin.endswith(".py") or os.sep in plugin or Path(plugin).is_dir()
    registry = load_registry([*(plugins or ()), *([plugin] if is_path else [])], strict)
    chosen = provided_by_files(registry, [plugin]) if is_path else _named(registry, plugin)
    chosen = [(one, entry) for one, entry in chosen if kind in (None, one)]
    if not chosen:
        raise _nothing(registry, plugin, is_path, kind)
    options = _options(sets or (), chosen)

    started, counts = time.perf_counter(), dict.fromkeys(("ok", "failed", "skipped"), 0)
    for one, entry in chosen:
        waiting: dict[str, list[str]] = {}
        for outcome in _outcomes(one, entry, registry, options, data_root):
            counts[outcome.status] += 1
            if outcome.waits_for:
                waiting.setdefault(outcome.waits_for, []).append(outcome.check.name)
            else:
                typer.echo("\n".join(_lines(outcome)))
        for cause, names in waiting.items():
            told = f"  skipped {', '.join(names)}: say nothing while {cause}"
            typer.echo("\n".join(_wrap(told)))
    seconds = time.perf_counter() - started
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    typer.echo(f"{told} in {seconds:.0f} s")
    if counts["failed"]:
        raise typer.Exit(1)


Chosen = list[tuple[str, "Entry[Any]"]]


def _named(registry: Registry, name: str) -> Chosen:
    """Return what has a name, of any kind."""
    from farbench.plugins.registry import KINDS

    tables = {kind: getattr(registry, kind) for kind in KINDS}
    return [(kind, table[name]) for kind, table in tables.items() if name in table]


def _nothing(registry: Registry, plugin: str, is_path: bool, kind: str | None) -> Exception:
    """Return the error for a path or name behind which there is nothing to test."""
    from farbench.cli.catalogue import nothing_named
    from farbench.errors import UserError
    from farbench.plugins.files import plugin_files
    from farbench.plugins.registry import KINDS

    kinds = KINDS if kind is None else (kind,)
    wanted = "plugin" if kind is None else KINDS[kind].singular
    if not is_path:
        known = [name for one in kinds for name in getattr(registry, one)]
        return nothing_named(wanted, plugin, known, registry)
    files = {str(file) for file in plugin_files([plugin])}
    if any(broken.source in files for broken in registry.broken):
        return UserError(f"{plugin} cannot be tested: it does not load, see the warning above.")
    return UserError(
        f"{plugin} provides no {wanted}. In a file, public subclasses of the contracts count, and "
        "Grouping records (`farbench list --plugins FILE` shows what is found)."
    )


def _options(sets: Sequence[str], chosen: Chosen) -> dict[str, tuple[Any, str]]:
    """Read ``--set OPTION=VALUE``; return each option's value and where it was written.

    Raises:
        UserError: A word is no OPTION=VALUE, or no chosen plugin has the option.
    """
    from farbench.benchmark.yaml_lines import parse_value
    from farbench.errors import UserError, did_you_mean

    known = {name for _, entry in chosen for name in getattr(entry.value, "model_fields", ())}
    options = {}
    for text in sets:
        name, equals, value = text.partition("=")
        name, place = name.strip(), f"--set {text}"
        if not equals:
            raise UserError(f"{place}: write OPTION=VALUE, for example --set hidden=16.")
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            hint = did_you_mean(name, known)
            raise UserError(f"{place}: there is no option '{name}'.{hint} Options: {listed}.")
        options[name] = (parse_value(value.strip(), place), place)
    return options


def _outcomes(
    kind: str,
    entry: Entry[Any],
    registry: Registry,
    options: dict[str, tuple[Any, str]],
    data_root: Path | None,
) -> Iterator[Outcome]:
    """Try one plugin, after a line that names it and the options it is tried with."""
    from farbench.plugins.registry import KINDS
    from farbench.testing.catalogue import outcomes, subject_of

    fields = getattr(entry.value, "model_fields", {})
    own = {name: value for name, (value, _) in options.items() if name in fields}
    subject = subject_of(kind, entry.value, registry, own, data_root)
    used = {**own, **getattr(subject, "stand_ins", {})}
    with_options = ", ".join(f"{name} {value}" for name, value in used.items())
    told = f"; with {with_options}" if used else ""
    typer.echo(f"{KINDS[kind].singular} {entry.name} ({entry.origin}{told})")
    return outcomes(kind, subject)


def _lines(outcome: Outcome) -> list[str]:
    """Return what is printed of a check: a line, and where it failed what to do."""
    name = outcome.check.name
    first = f"  {outcome.status.ljust(8)}{name}"
    if outcome.status != "failed":
        return _wrap(f"{first}: {outcome.seen}" if outcome.seen else first)
    told = (f"{first}: {outcome.seen}", *(f"{' ' * 10}{line}" for line in outcome.advice()))
    return [line for text in told for line in _wrap(text)]


def _wrap(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()) + (0 if text.startswith(" " * 10) else 8) + 2)
    lines: list[str] = []
    for part in text.split("\n"):
        lines += textwrap.wrap(
            part,
            WIDTH,
            subsequent_indent=indent,
            initial_indent=indent if lines else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines
