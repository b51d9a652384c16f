"""Plugins that are plain files: which there are, and how one is imported."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from farbench.errors import UserError, did_you_mean

MODULE = "farbench_plugin_"
"""Begins the name of a module that was loaded from a plugin file: ``farbench_plugin_STEM_DIGEST``;
the digest is the path's."""


def is_file(module: str) -> bool:
    """Tell whether a module of this name was loaded from a plugin file."""
    return module.startswith(MODULE)


def near_file(path: Path) -> str:
    """Return ``" Did you mean 'smiles.py'?"`` for a path that is not there, or nothing."""
    return did_you_mean(path.name, (file.name for file in path.parent.glob("*.py")))


def plugin_files(paths: Iterable[str | Path], where: str = "") -> Iterator[Path]:
    """Yield the Python files behind ``paths``: files as they are, folders by their public files.

    Args:
        paths: Files and folders.
        where: Where they were named, for the errors; empty for the command line.

    Raises:
        UserError: A path does not exist, is neither a folder nor a Python file, or is a folder
            without one.
    """
    said = f" (from {where})" if where else ""
    for given in paths:
        try:
            path = Path(given).expanduser().resolve()
        except RuntimeError:  # as for ~nobody
            raise UserError(f"plugin path {given}{said}: there is no such home folder.") from None
        if path.is_dir():
            files = sorted(file for file in path.glob("*.py") if not file.name.startswith("_"))
            if not files and (path / "pyproject.toml").is_file():
                raise UserError(
                    f"plugin folder {given}{said} is a package: type `pip install -e {given}`. "
                    "What it provides is then found without --plugins or `plugins:`: leave it out "
                    "there."
                )
            if not files:
                raise UserError(
                    f"plugin folder {given}{said} holds no plugin: no .py file, but for those that "
                    "begin with an underscore."
                )
            yield from files
        elif path.is_file() and path.suffix == ".py":
            yield path
        else:
            state, hint = "is not a Python file or a folder", ""
            if not path.exists():
                state, hint = "does not exist", near_file(path)
            raise UserError(
                f"plugin path {given}{said} {state}.{hint} Give a .py file or a folder of them."
            )


def load_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, so that two files may share a stem."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    name = f"{MODULE}{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
