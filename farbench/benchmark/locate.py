"""Finds shipped benchmarks, protocols and published rows: in the checkout, else in the package."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import farbench
from farbench.benchmark.yaml_lines import shown
from farbench.errors import UserError, did_you_mean, unknown_name

ShippedKind = Literal["benchmark", "protocol", "published table"]

FOLDERS: dict[ShippedKind, str] = {
    "benchmark": ".",
    "protocol": "protocols",
    "published table": "published",
}


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
        UserError: There is no such file or name.
    """
    names = shipped_names(kind)
    if not looks_like_path(source):
        if source in names:
            return shipped_path(kind, source)
        raise unknown_name(kind, source, names, where)
    path = (base or Path.cwd()) / Path(source).expanduser()
    if path.is_file():
        return path
    prefix = f"{where}: " if where else ""
    stem = Path(source).stem
    if stem in names:
        hint = (
            f" A {kind} '{stem}' is shipped with farbench: use its name, without folder or suffix."
        )
    else:
        hint = did_you_mean(stem, names)
    state = "is a folder, not a file" if path.is_dir() else "does not exist"
    raise UserError(f"{prefix}{kind} file {shown(path)} {state}.{hint}")
