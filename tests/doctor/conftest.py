"""What the tests of `farbench doctor` share: a machine that is well."""

from __future__ import annotations

import pytest

from farbench.plugins.health import Machine
from farbench.plugins.manager import load_plugins


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with the shipped plugins and empty folders."""
    for name in ("FARBENCH_PLUGINS", "FARBENCH_AUTOLOAD", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)

    def make(paths=(), **changes):
        registry = load_plugins(paths, keep_clashes=True)
        fields = {"cache": tmp_path / "cache", "results": tmp_path / "runs", "data_root": None}
        return Machine(registry, **(fields | changes))

    return make
