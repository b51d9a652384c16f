"""What makes two runs the same: recipe, code and numerics, and the key made of all three.

* recipe: options, protocol, seed, data manifest: what a paper would have to say.
* code: digests of the sources that a run uses, and library versions.
* numerics: device kind, precision, threads: what changes the last bits only.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.plugins.files import is_file

LIBRARIES = (
    "torch",
    "timm",
    "segmentation-models-pytorch",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "dlib-bin",
    "pyfacer",
)
# Rooms that cannot change what a network learns: messages, files, plugin discovery, the YAML (its
# values are in the recipe). Nor can scores: their version belongs to the score, and a cell can be
# scored again.
_NOT_FOLLOWED = tuple(
    f"farbench.{room}" for room in ("errors", "limits", "store", "benchmark", "tables", "scoring")
)
_NOT_FOLLOWED_MODULES = (
    *(f"farbench.plugins.{name}" for name in ("manager", "registry", "specs")),
    "farbench",
)


@dataclass(frozen=True)
class Identity:
    """The identity of an artifact or a cell, as JSON-able dicts."""

    recipe: dict[str, Any]
    code: dict[str, Any]
    numerics: dict[str, Any]

    @property
    def key(self) -> str:
        """Digest of all three parts: what the cache goes by."""
        return digest([self.recipe, self.code, self.numerics])

    def as_dict(self) -> dict[str, Any]:
        """Return the parts and the key."""
        return {
            "key": self.key,
            "recipe": self.recipe,
            "code": self.code,
            "numerics": self.numerics,
        }


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that compute."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed cannot have computed anything
    return versions


def code_identity(modules: Iterable[str]) -> dict[str, Any]:
    """Return digests of modules and of all they import from farbench or their own package.

    A digest is of the syntax tree without docstrings and comments, so that only a change of the
    program makes another. Where a file lies does not matter.

    Args:
        modules: Names of imported modules.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or not _followed(name):
            continue
        path = _source(name)
        if path is None:
            continue
        found[name], imported = _read_module(path, name)
        followed = {"farbench", name.split(".")[0], *_plugin_packages()}
        waiting += [other for other in imported if other.split(".")[0] in followed]
    named: dict[str, str] = {}
    for name in sorted(found, key=lambda name: (_stable_name(name), found[name])):
        # Two plugin files may share a name; neither may vanish behind the other.
        stable = _stable_name(name)
        named[stable] = f"{named[stable]}+{found[name]}" if stable in named else found[name]
    return {"modules": named, "libraries": library_versions()}


@functools.cache
def _plugin_packages() -> frozenset[str]:
    """Return the installed packages that provide plugins: one may build on another."""
    found = importlib.metadata.entry_points(group="farbench")
    return frozenset(entry_point.module.split(".")[0] for entry_point in found)


def _stable_name(module: str) -> str:
    """Return a module's name; that of a plugin file without the digest of its path."""
    return module.rpartition("_")[0] if is_file(module) else module


def _followed(name: str) -> bool:
    if name in _NOT_FOLLOWED_MODULES:
        return False
    return not any(name == room or name.startswith(room + ".") for room in _NOT_FOLLOWED)


def _source(name: str) -> Path | None:
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return Path(file) if file and file.endswith(".py") else None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


@functools.cache
def _read_module(path: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a file and the names it may import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: list[str] = []
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in list(ast.walk(tree)):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                child for child in body if not (_is_docstring(child) or _is_typing_only(child))
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            if base == "farbench":
                imported += [_lazy_home(alias.name) for alias in node.names]
            imported += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16], tuple(imported)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_typing_only(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def _lazy_home(name: str) -> str:
    """Return the module that a name of ``farbench`` really lives in."""
    import farbench

    return farbench._HOME.get(name, f"farbench.{name}")
