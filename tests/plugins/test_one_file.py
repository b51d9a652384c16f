"""A method, loss, data set, keypoint model or grouping is one file and nothing else edited."""

from __future__ import annotations

import json

import pytest
from tiny_benchmark import DATASET

SMALL = [
    word
    for setting in (
        "protocol.threads=1",
        "protocol.resize=40",
        "protocol.crop=32",
        "protocol.epochs=1",
        "protocol.stage_epochs.global=0",
        "protocol.stage_epochs.groups=0",
        "protocol.masks.epochs=1",
        "protocol.masks.size=32",
        "protocol.masks.stored_size=16",
        "protocol.masks.images=8",
        "dataset.train=16",
        "dataset.valid=8",
        "dataset.test=8",
    )
    for word in ("--set", setting)
]
"""The protocol `quick`, made quicker."""


@pytest.fixture
def bench(tiny):
    """Return a function that runs a benchmark of one row under `quick`, made quicker."""
    file = tiny.folder / "one_file.yaml"

    def run(row, *arguments, plugins="", code=0):
        file.write_text(f"plugins: [{plugins}]\nrows:\n  mine: {row}\n")
        outcome = tiny.cli("run", file, "--results", tiny.results, *SMALL, *arguments)
        assert outcome.code == code, outcome.err
        if code:
            return outcome, {}
        folder = tiny.results / "one_file"
        (cell,) = json.loads((folder / "plan.json").read_text())["cells"]
        return outcome, json.loads((folder / cell["folder"] / "cell.json").read_text())

    return run


@pytest.mark.parametrize("way", ["--plugins", "FARBENCH_PLUGINS", "plugins:"])
def test_a_method(tiny, bench, monkeypatch, way):
    method = tiny.folder / "tiny_method.py"
    arguments = ["--plugins", method] if way == "--plugins" else []
    if way == "FARBENCH_PLUGINS":
        monkeypatch.setenv(way, str(method))
    plugins = "tiny_method.py" if way == "plugins:" else ""
    outcome, cell = bench("{method: tiny_net, cells: 2}", *arguments, plugins=plugins)
    assert cell["method"] == {"name": "tiny_net", "options": {"cells": 2}}
    assert "mine" in outcome.out
    _, other = bench("{method: tiny_net, cells: 3}", *arguments, plugins=plugins)
    assert other["identity"]["key"] != cell["identity"]["key"]


def test_it_is_listed_and_shown(tiny):
    plugins = ("--plugins", tiny.folder / "tiny_method.py")
    assert "\ntiny_net " in tiny.cli("list", "methods", *plugins).out
    shown = tiny.cli("show", "tiny_net", *plugins).out
    assert "source: nowhere, 2026" in shown
    assert "cells  4  an integer, >= 1, <= 8. Cells a side of the grid." in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("cels: 2", "rows.mine: method 'tiny_net' has no option 'cels'. Did you mean 'cells'?"),
        ("cells: 9", "rows.mine.cells: must be at most 8, got 9"),
        ("cells: many", "rows.mine.cells: expected an integer"),
    ],
)
def test_its_options_are_checked(tiny, bench, options, message):
    row = f"{{method: tiny_net, {options}}}"
    outcome, _ = bench(row, plugins="tiny_method.py", code=2)
    assert outcome.err.startswith(f"farbench: error: {tiny.folder}/one_file.yaml:3: {message}")
    assert not tiny.results.exists()


LOSS = '''
"""A loss in one file."""

from typing import ClassVar

from farbench import Loss


class Squares(Loss):
    """Squared differences."""

    name: ClassVar[str] = "squares"
    power: float = 2.0

    def build(self, task, statistics):
        """Return the module."""
        from torch import nn

        class Module(nn.Module):
            power = self.power

            def forward(self, logits, targets):
                return ((logits.sigmoid() - targets).abs() ** self.power)[targets >= 0].mean()

        return Module()
'''


def test_a_loss(tiny, bench):
    tiny.write({"squares.py": LOSS})
    row = "{method: tiny_net, protocol: {loss: {name: squares, power: %s}}}"
    plugins = "tiny_method.py, squares.py"
    _, cell = bench(row % 2, plugins=plugins)
    _, other = bench(row % 4, plugins=plugins)
    assert cell["identity"]["recipe"]["training"]["losses"]["attributes"]["options"] == {
        "power": 2.0
    }
    assert other["identity"]["key"] != cell["identity"]["key"]


def test_a_data_set(tiny, bench):
    tiny.write({"dots.py": DATASET})
    plugins = "tiny_method.py, dots.py"
    _, cell = bench("{method: tiny_net}", "--dataset", "dots", plugins=plugins)
    assert cell["dataset"]["title"] == "Dots"
    assert cell["dataset"]["images"] == {"train": 16, "valid": 8, "test": 8}


POINTS = '''
"""A keypoint model in one file: the data set's points, a little to the right."""

from typing import ClassVar

from farbench import KeypointModel


class Shifted(KeypointModel):
    """Exact points, moved."""

    name: ClassVar[str] = "shifted"
    by: float = 1.0

    def unavailable(self, index):
        """Need the points."""
        return "" if "wflw98" in index.points else "it moves exact points, and there are none."

    def points(self, index, read):
        """Move them."""
        import numpy as np

        return index.points["wflw98"] + np.float32([self.by, 0])
'''
GROUPING = '''
"""A grouping in one file."""

from farbench import CELEBA_ATTRIBUTES, Grouping

HALVES = Grouping(
    name="halves",
    source="nowhere",
    groups={"First": CELEBA_ATTRIBUTES[:20], "Second": CELEBA_ATTRIBUTES[20:]},
    regions={"First": "eyes", "Second": "mouth"},
)
'''


def test_keypoints_and_a_grouping_under_a_shipped_method(tiny, bench):
    tiny.write({"shifted.py": POINTS, "halves.py": GROUPING})
    row = "{method: aml, levels: [4], grouping: halves, protocol: {keypoints: shifted}}"
    outcome, cell = bench(row, plugins="shifted.py, halves.py")
    assert cell["keypoints"] == "shifted"
    assert {name: len(columns) for name, columns in cell["groups"].items()} == {
        "First": 20,
        "Second": 20,
    }
    assert set(cell["masks"]["f1"]) == {"First", "Second", "mean"}
    assert "mask network: mean F1 on the test split" in outcome.err
    assert "halves" in tiny.cli("list", "groupings", "--plugins", tiny.folder / "halves.py").out


def test_a_keypoint_model_that_cannot_serve_is_a_mistake(tiny, bench):
    tiny.write({"shifted.py": POINTS, "dots.py": DATASET})
    tiny.write(
        {
            "one.py": GROUPING.replace("CELEBA_ATTRIBUTES[:20]", "('Bright', 'Red')").replace(
                "CELEBA_ATTRIBUTES[20:]", "('Left', 'Top')"
            )
        }
    )
    row = "{method: aml, levels: [4], grouping: halves, protocol: {keypoints: shifted}}"
    plugins = "shifted.py, dots.py, one.py"
    outcome, _ = bench(row, "--dataset", "dots", plugins=plugins, code=2)
    assert "keypoint model 'shifted' cannot give them for data set 'dots': it moves" in outcome.err
    assert not tiny.results.exists()
