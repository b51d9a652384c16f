"""Every plugin that ships keeps to its contract, each line a test."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from broken import registry
from tiny_trees import OPTIONS, TREES

from farbench.plugins.registry import KINDS
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import Check, Subject
from farbench.testing.contracts import require
from farbench.testing.light_import import heavy_imports

SMALL: dict[str, dict[str, dict[str, Any]]] = {
    "methods": {
        "moon": {"fc_sizes": (32, 16), "grid": 2},
        "dmm_cnn": {"channels": 16, "hidden": 16},
        "mobilenetv3_mha": {"backbone": "mobilenetv3_small_050", "embedding": 16, "heads": 4},
    },
    "datasets": {
        "synthetic_faces": {"train": 24, "valid": 8, "test": 8, "images_per_identity": 2},
        **OPTIONS,
    },
}
"""Options that make a plugin quick to test, or that it needs."""


def cases() -> list[Any]:
    found = []
    for kind in KINDS:
        for name, entry in getattr(registry(), kind).items():
            if not entry.provider.startswith("farbench "):
                continue
            for check in checks_of(kind):
                # One process for each plugin; below one process does for all.
                marks = [pytest.mark.slow] if check.name == "light_import" else []
                label = f"{kind}-{name}-{check.name}"
                found.append(pytest.param(kind, name, check, id=label, marks=marks))
    return found


@functools.cache
def shipped(kind: str, name: str, data_root: Path | None = None) -> Subject:
    """Return a shipped plugin as what checks are tried on, one for all lines."""
    entry = getattr(registry(), kind)[name]
    options = SMALL.get(kind, {}).get(name, {})
    return subject_of(kind, entry.value, registry(), options, data_root)


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trees")


@pytest.mark.parametrize(("kind", "name", "check"), cases())
def test_it_keeps_to_its_contract(kind: str, name: str, check: Check[Any], trees: Path) -> None:
    data_root = None
    if kind == "datasets" and name in TREES:
        data_root = trees
        if not (trees / name).exists():
            (trees / name).mkdir()
            TREES[name](trees / name)
    require(check, shipped(kind, name, data_root))


def test_there_is_a_tree_of_every_data_set_that_needs_one() -> None:
    needing = {name for name, entry in registry().datasets.items() if entry.value.needs_root}
    assert needing == set(TREES)


def test_no_shipped_plugin_imports_anything_heavy_as_it_is_loaded() -> None:
    modules = {
        entry.value.__module__
        for kind in KINDS
        if kind != "groupings"
        for entry in getattr(registry(), kind).values()
    }
    assert modules
    assert heavy_imports(sorted(modules)) == {}
