"""Plugins that keep to their contracts pass every line, by the classes that authors inherit."""

from __future__ import annotations

from pathlib import Path

from good_plugins import (
    GOOD_GROUPS,
    Good,
    GoodFaces,
    GoodGroups,
    GoodLoss,
    GoodPoints,
    GoodWeighting,
    write_tree,
)

from farbench.testing import (
    DatasetContract,
    GroupingContract,
    KeypointContract,
    LossContract,
    MethodContract,
    WeightingContract,
)


class TestGood(MethodContract):
    plugin = Good


class TestGoodGroups(MethodContract):
    plugin = GoodGroups
    options = {"hidden": 4}


class TestGoodLoss(LossContract):
    plugin = GoodLoss


class TestGoodWeighting(WeightingContract):
    plugin = GoodWeighting


class TestGoodFaces(DatasetContract):
    plugin = GoodFaces

    def tree(self, folder: Path) -> Path:
        return write_tree(folder)


class TestGoodPoints(KeypointContract):
    plugin = GoodPoints


class TestGoodGrouping(GroupingContract):
    plugin = GOOD_GROUPS
