"""The contracts of plugins as tests, for authors of plugins and for ``farbench test-plugin``.

Each line of a contract is a check with a name, a statement and advice. The command runs them; the
classes below run the same ones under pytest::

    from farbench.testing import MethodContract

    class TestMine(MethodContract):
        plugin = Mine
        options = {"hidden": 16}

They are loaded on first use: only the classes need pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farbench.testing.contracts import (
        CorruptionContract,
        DatasetContract,
        GroupingContract,
        KeypointContract,
        LossContract,
        MethodContract,
        WeightingContract,
    )

__all__ = [
    "CorruptionContract",
    "DatasetContract",
    "GroupingContract",
    "KeypointContract",
    "LossContract",
    "MethodContract",
    "WeightingContract",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'farbench.testing' has no attribute '{name}'")
    return getattr(importlib.import_module("farbench.testing.contracts"), name)
