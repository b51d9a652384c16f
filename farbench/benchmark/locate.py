"""Finds shipped benchmarks, protocols and published rows: in the checkout, else in the package."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

import farbench
from farbench.errors import UserError, did_you_mean, shortened, shown, unknown_name

ShippedKind = Literal["benchmark", "protocol", "published table", "rule set"]

FOLDERS: dict[ShippedKind, str] = {
    "benchmark": ".",
    "protocol": "protocols",
    "published table": "published",
    "rule set": "rules",
}

_LONGEST_NAME, _LONGEST_PATH = 250, 3500
"""Bytes of a name and characters of a path; Linux takes 255 and 4095."""


def shipped_folder() -> Path:
    """Return the folder of the shipped benchmark files.

    In a checkout (also an editable install) that is ``benchmarks/`` beside the package: a copy in
    the package could be stale there. In a wheel it is ``farbench/shipped_benchmarks``.
    """
    package = Path(farbench.__file__).resolve().parent
    checkout = package.parent
    if (checkout / "benchmarks").is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / "benchmarks"
    return package / "shipped_benchmarks"


def shipped_names(kind: ShippedKind) -> list[str]:
    """Return the names of the shipped files of a kind, sorted."""
    return sorted(path.stem for path in (shipped_folder() / FOLDERS[kind]).glob("*.yaml"))


def shipped_path(kind: ShippedKind, name: str) -> Path:
    """Return the path of a shipped file whose name is known to exist."""
    return shipped_folder() / FOLDERS[kind] / f"{name}.yaml"


def looks_like_path(source: str) -> bool:
    """Tell a path from a name: it has a folder or a YAML suffix."""
    return "/" in source or "\\" in source or source.endswith((".yaml", ".yml"))


def find(kind: ShippedKind, source: str, base: Path | None = None, where: str = "") -> Path:
    """Return the file meant by a path or by the name of a shipped file.

    Args:
        kind: What is looked for.
        source: A path (it has a folder or ends in ``.yaml``) or a shipped name.
        base: The folder that a relative path starts from; the current folder if None.
        where: Where the source was written, for the error.

    Raises:
        UserError: There is no such file or name, or the file's name cannot name results.
    """
    names = shipped_names(kind)
    prefix = f"{where}: " if where else ""
    folder = base or Path.cwd()
    path = folder / expanded(source, where)
    if source.endswith(".py"):
        hint = f" A plugin file is given with --plugins {source}." if kind == "benchmark" else ""
        raise UserError(f"{prefix}'{source}' is a Python file; a {kind} is a YAML file.{hint}")
    if not looks_like_path(source):
        if source in names:
            return shipped_path(kind, source)
        _refuse_other_files(kind, source, folder, prefix)
        raise UserError(f"{unknown_name(kind, source, names, where)}{_file_meant(path)}")
    if path.is_file():
        if kind == "benchmark":
            _check_stem(path, prefix)
        return path
    stem = Path(source).stem
    if stem in names:
        hint = (
            f" A {kind} '{stem}' is shipped with farbench: use its name, without folder or suffix."
        )
    else:
        hint = _file_meant(path) or did_you_mean(stem, names)
    state = "is a folder, not a file" if path.is_dir() else "does not exist"
    raise UserError(f"{prefix}{kind} file {shown(path)} {state}.{hint}")


def _file_meant(path: Path) -> str:
    """Return ``" Did you mean the file 'qa.yaml'?"``, if one of such a name lies in the folder."""
    beside = {file.stem: file for file in path.parent.glob("*.y*ml") if file.is_file()}
    near = difflib.get_close_matches(path.stem, list(beside), n=1)
    return f" Did you mean the file '{shown(beside[near[0]])}'?" if near else ""


def _check_stem(path: Path, prefix: str) -> None:
    """Refuse a file whose name without suffix is no good name for a folder of results."""
    if path.stem.startswith(".") or not path.stem.isprintable():
        raise UserError(
            f"{prefix}{shown(path)!r}: the results are named for the file; give it a name that is "
            "printable and does not begin with a dot."
        )


def expanded(source: str, where: str = "") -> Path:
    """Return the path with ``~`` and ``~user`` replaced.

    Args:
        source: The path as it was typed.
        where: Where it was written, for the error.

    Raises:
        UserError: There is no such user, or no file can have such a name.
    """
    prefix = f"{where}: " if where else ""
    longest = max(len(part.encode(errors="replace")) for part in source.split("/"))
    # Asked for such a file, an operating system answers with an error. A suffix is to be added.
    if "\0" in source or longest > _LONGEST_NAME or len(source) > _LONGEST_PATH:
        raise UserError(f"{prefix}{shortened(source)!r}: no file can have such a name.")
    try:
        return Path(source).expanduser()
    except RuntimeError:
        raise UserError(f"{prefix}'{source}': there is no such home folder.") from None


def _refuse_other_files(kind: ShippedKind, source: str, folder: Path, prefix: str) -> None:
    """Refuse a word that is no shipped name, but stands for something on disk.

    Raises:
        UserError: There is such a file or folder, or such a file with a YAML suffix.
    """
    for suffix in (".yaml", ".yml"):
        if source and (folder / f"{source}{suffix}").is_file():
            raise UserError(
                f"{prefix}no {kind} '{source}' is shipped with farbench. "
                f"Did you mean the file '{source}{suffix}'?"
            )
    if source and (folder / source).exists():
        what = "folder" if (folder / source).is_dir() else "file"
        raise UserError(f"{prefix}{what} '{source}' is no {kind}: a {kind} file ends in .yaml.")
