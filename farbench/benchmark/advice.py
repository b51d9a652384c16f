"""What helps with a plugin: where the file of one that is missing may lie, how to test one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from farbench.errors import shown
from farbench.plugins.files import is_file

_MOST_FILES = 200
"""Python files of a folder that are looked into for a name."""
_LARGEST = 500_000
"""Bytes of a file that is looked into."""


def where_from(name: str, folders: Iterable[Path]) -> str:
    """Return ``" query_attn.py is here: --plugins query_attn.py"``, or how plugins are given.

    Args:
        name: Of what nobody provides.
        folders: Where its file may lie: in files that bear its name, or say ``name = "NAME"``.
    """
    for file in _files(folders):
        if _provides(file, name):
            place = shown(file)
            return (
                f" {place} is here: give it with --plugins {place} (or `plugins:` in the "
                "benchmark)."
            )
    return (
        " Is it yours? Give its file with --plugins FILE (or `plugins:` in the benchmark), or "
        "pip install its package."
    )


def _files(folders: Iterable[Path]) -> list[Path]:
    """Return the Python files of the folders, each once, by name."""
    found: dict[Path, None] = {}
    for folder in folders:
        try:
            found |= dict.fromkeys(sorted(folder.resolve().glob("*.py"))[:_MOST_FILES])
        except OSError:  # a folder that may not be read has nothing to tell
            continue
    return list(found)


def _provides(file: Path, name: str) -> bool:
    """Tell whether a file looks as if it provided a plugin of that name."""
    if file.stem == name:
        return True
    try:
        if file.stat().st_size > _LARGEST:
            return False
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    said = rf"""\bname\b[^=\n]*=\s*["']{re.escape(name)}["']"""
    return "farbench" in text and re.search(said, text) is not None


def how_to_test(plugin: object) -> str:
    """Return the command that holds a plugin against its contract: by its file, else its name.

    Args:
        plugin: What a plugin file or a package provides.
    """
    module = type(plugin).__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    if is_file(module) and file is not None:
        return f"farbench test-plugin {shown(Path(file))}"
    return f"farbench test-plugin {getattr(plugin, 'name', '')}"
