"""`farbench new`: writes a commented plugin, a package of one, or a benchmark, to be changed."""

from __future__ import annotations

import json
import keyword
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farbench.cli.options import Plugins, load_registry

if TYPE_CHECKING:
    from farbench.plugins.registry import Entry, Registry

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="What is written: a method, dataset, loss, weighting, keypoints, grouping, "
            "corruption or benchmark.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Its name: lower-case words joined by underscores.",
            show_default=False,
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="The file, or a folder to write it to; with --package the package's folder "
            "(farbench-NAME). The current folder if left out.",
            show_default=False,
        ),
    ] = None,
    package: Annotated[
        bool,
        typer.Option(
            "--package",
            help="A distribution of its own: pyproject, entry point, test, workflow, benchmark.",
        ),
    ] = False,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            metavar="A,B",
            help="Of a benchmark: what is compared, by names that `farbench list` prints.",
            show_default=False,
        ),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Write a new plugin, package or benchmark, to be changed.

    A plugin keeps to its contract as it stands; a benchmark compares what --plugins provide, and
    what --rows names of what is installed, with the baseline. Nothing is overwritten. What to type
    next is printed.
    """
    from farbench.errors import UserError, unknown_name
    from farbench.templates.plugin_file import PROVIDED

    kinds = (*PROVIDED, "benchmark")
    if kind not in kinds:
        raise unknown_name("kind", kind, kinds)
    if rows is not None and kind != "benchmark":
        raise UserError(f"--rows is of `farbench new benchmark`; a new {kind} has no rows.")
    _check_name(kind, name)
    registry = load_registry(plugins or (), strict=False)
    if kind == "benchmark":
        written, following = _benchmark(name, to, package, registry, plugins or (), rows)
    else:
        _check_free(kind, name, registry)
        write = _package if package else _file
        written, following = write(kind, name, to)
    typer.echo(f"wrote {written}")
    typer.echo("next:")
    width = max(len(command) for command in following)
    for command, why in following.items():
        typer.echo(f"  {command.ljust(width)}  # {why}")


Following = Mapping[str, str]
"""Command to type next -> what it does."""


def _check_name(kind: str, name: str) -> None:
    """Refuse what cannot be a name, or would hide a Python module.

    Raises:
        UserError: It is one of these.
    """
    from farbench.errors import UserError

    if not NAME.fullmatch(name):
        better = _snake_case(name)
        hint = f" Try: farbench new {kind} {better}" if NAME.fullmatch(better) else ""
        raise UserError(
            f"'{name}' cannot be a name: lower-case letters, digits and single underscores, a "
            f"letter first.{hint}"
        )
    if kind == "benchmark":
        return
    elsewhere = [path for path in sys.path if path and Path(path).resolve() != Path.cwd()]
    if keyword.iskeyword(name) or PathFinder.find_spec(name, elsewhere):
        what = "is a word of Python" if keyword.iskeyword(name) else "is a module of Python's"
        raise UserError(
            f"'{name}' {what}, which a file {name}.py would get in the way of. Try: "
            f"farbench new {kind} my_{name}"
        )


def _snake_case(word: str) -> str:
    """Return the name nearest to a word that is none: ``"gate_net"`` for ``"GateNet-"``."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", word)
    return re.sub(r"[^a-z0-9]+", "_", parts.lower()).strip("_0123456789")


def _check_free(kind: str, name: str, registry: Registry) -> None:
    """Refuse a name that a plugin of the same kind has.

    Raises:
        UserError: It has one.
    """
    from farbench.errors import UserError
    from farbench.plugins.registry import KINDS
    from farbench.templates.plugin_file import PROVIDED

    for plural, suffix in PROVIDED[kind]:
        entry = getattr(registry, plural).get(name + suffix)
        if entry is not None:
            raise UserError(
                f"there is a {KINDS[plural].singular} '{entry.name}' already, provided by "
                f"{entry.provider} ({entry.origin}). Choose another name."
            )


def _file(kind: str, name: str, to: Path | None) -> tuple[Path, Following]:
    """Write a plugin in one file."""
    from farbench.templates.plugin_file import plugin_text

    path = _place(f"{name}.py", to)
    _write({path: plugin_text(kind, name)})
    root = " --data-root DIR" if kind == "dataset" else ""
    compare = path.with_name(f"{name}_benchmark.yaml")
    place = "" if path.parent == Path() else f" --to {path.parent}"
    return path, {
        f"farbench test-plugin {path}{root}": "does it keep to its contract?",
        f"farbench show {name} --plugins {path}": "what users see of it",
        f"farbench new benchmark {compare.stem} --plugins {path}{place}": "against the baseline",
        f"farbench run {compare}{root}": "train, and print the table",
    }


def _package(kind: str, name: str, to: Path | None) -> tuple[Path, Following]:
    """Write a distribution."""
    from farbench.errors import UserError
    from farbench.templates.package import package_files

    folder = to or Path(f"farbench-{name.replace('_', '-')}")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} is there already. Name another folder with --to DIR.")
    _write({folder / path: text for path, text in package_files(kind, name).items()})
    root = " --data-root DIR" if kind == "dataset" else ""
    return folder, {
        f"pip install -e '{folder}[test]'": "farbench then finds it by itself",
        f"pytest {folder}": "does it keep to its contract?",
        f"farbench run {folder / f'{name}_benchmark.yaml'}{root}": "against the baseline",
    }


def _benchmark(
    name: str,
    to: Path | None,
    package: bool,
    registry: Registry,
    plugins: Sequence[Path],
    rows: str | None,
) -> tuple[Path, Following]:
    """Write a benchmark of what plugin files provide, and of what is named.

    Raises:
        UserError: A package was asked for, the name is a shipped benchmark's, or a row is unknown.
    """
    from farbench.benchmark.locate import shipped_names
    from farbench.cli.catalogue import provided_by_files
    from farbench.errors import UserError
    from farbench.templates.benchmark_file import benchmark_text

    if package:
        raise UserError("a benchmark is one file: leave --package out.")
    if name in shipped_names("benchmark"):
        raise UserError(
            f"there is a benchmark '{name}' already, shipped with farbench. Choose another name."
        )
    found = provided_by_files(registry, plugins)
    for row in rows.split(",") if rows else ():
        found += [one for one in _installed(registry, row.strip()) if one not in found]
    provided = [
        (kind, entry.name)
        for kind, entry in found
        if kind != "losses" or "attributes" in entry.value.tasks
    ]
    path = _place(f"{name}.yaml", to)
    seen = [Path(os.path.relpath(one.expanduser(), path.parent)).as_posix() for one in plugins]
    _write({path: benchmark_text(provided, seen, _own_option(found))})
    root = " --data-root DIR" if any(kind == "datasets" for kind, _ in provided) else ""
    following = {
        f"farbench run {path}{root} --dry-run": "the plan, and how long it will take",
        f"farbench run {path}{root}": "train, and print the table",
        f"farbench table runs/{name} --format latex": "the paper's table",
    }
    if any(kind == "corruptions" for kind, _ in provided):
        following[f"farbench table runs/{name} --kind robustness"] = "what rows lose by corruptions"
    return path, following


def _installed(registry: Registry, name: str) -> list[tuple[str, Entry[Any]]]:
    """Return what has a name and can be a row: kind (the plural) and entry.

    Raises:
        UserError: Nothing has it.
    """
    from farbench.errors import unknown_name
    from farbench.templates.plugin_file import PROVIDED

    tables = {plural: getattr(registry, plural) for each in PROVIDED.values() for plural, _ in each}
    found = [(kind, table[name]) for kind, table in tables.items() if name in table]
    if not found:
        known = dict.fromkeys(one for table in tables.values() for one in table)
        raise unknown_name("plugin", name, known, "--rows")
    return found


def _own_option(found: Sequence[tuple[str, Entry[Any]]]) -> tuple[str, str, str]:
    """Return a method, an option that is its own and its default: the example of a grid."""
    from farbench.templates.benchmark_file import EXAMPLE_OPTION

    for kind, entry in found:
        for option in vars(entry.value).get("__annotations__", {}) if kind == "methods" else ():
            field = entry.value.model_fields.get(option)
            if field is not None and isinstance(field.default, bool | int | float | str):
                return entry.name, option, json.dumps(field.default)
    return EXAMPLE_OPTION


def _place(file: str, to: Path | None) -> Path:
    """Return where a file is written: ``to`` itself, if it ends as the file does, or in it.

    Raises:
        UserError: ``to`` is a file of another sort.
    """
    from farbench.errors import UserError

    suffix = Path(file).suffix
    if to is None:
        return Path(file)
    if to.suffix in {".py", ".yaml", ".yml"} - {suffix}:
        raise UserError(f"--to {to}: give a folder, or a file that ends in {suffix}.")
    return to if to.suffix == suffix else to / file


def _write(files: Mapping[Path, str]) -> None:
    """Write new files, and their folders.

    Raises:
        UserError: A file is there already, or what should be a folder is a file.
    """
    from farbench.errors import UserError

    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise UserError(
                f"{error.filename} is there already, and nothing is overwritten. Choose another "
                "name, or another place with --to PATH."
            ) from None
        except NotADirectoryError as error:
            raise UserError(f"{error.filename}: what should be a folder is a file.") from None
