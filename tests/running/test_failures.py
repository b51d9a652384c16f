"""A cell that fails is reported and stops nobody else."""

from __future__ import annotations

import json

import pytest

from farbench.running import prepare

RAISES = '''
from typing import ClassVar, Literal

from farbench import Loss, Method


class Stumbles(Method):
    """Fails where it is told to."""

    name: ClassVar[str] = "stumbles"
    at: Literal["build", "exit", "forward", "output", "shape"] = "build"
    width: int | None = None

    def build(self, problem):
        from torch import nn

        if self.at == "build" and self.width is None:
            raise ValueError("this network\\ncannot be built")
        if self.at == "exit":
            raise SystemExit(0)

        width = self.width

        class Network(nn.Module):
            at = self.at

            def __init__(self):
                super().__init__()
                self.head = nn.Linear(3, 4)
                self.middle = nn.Identity() if width is None else nn.Linear(3, width)

            def forward(self, images):
                if self.at == "forward":
                    raise RuntimeError("a defect in forward")
                logits = self.head(images.mean((2, 3)))
                if self.at == "output":
                    return logits
                return {"attributes": logits[:1] if self.at == "shape" else logits}

        return Network()


class NotFinite(Loss):
    """Is never finite."""

    name: ClassVar[str] = "not_finite"

    def build(self, task, statistics):
        from torch import nn

        class Module(nn.Module):
            def forward(self, logits, targets):
                return (logits - logits).sum() / 0.0

        return Module()


class OfEachImage(Loss):
    """Returns no scalar."""

    name: ClassVar[str] = "of_each_image"

    def build(self, task, statistics):
        from torch import nn

        class Module(nn.Module):
            def forward(self, logits, targets):
                return (logits - targets).square().mean(1)

        return Module()
'''


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{method: stumbles}", "ValueError: this network"),
        ("{method: stumbles, at: exit}", "SystemExit: 0"),
        ("{method: stumbles, at: forward}", "RuntimeError: a defect in forward"),
        ("{method: stumbles, at: output}", "TypeError: the network must return a dict with"),
        ("{method: stumbles, at: shape}", "TypeError: the output 'attributes' must have t"),
        (
            "{method: tiny_net, protocol: {loss: not_finite}}",
            "the loss of stage 'joint' became nan in epoch 1; try a lower protocol.learning_rate, "
            "and where loss 'not_finite' is yours, `farbench test-plugin ",
        ),
    ],
)
def test_one_fails_the_others_go_on(tiny, row, reason):
    tiny.write({"stumbles.py": RAISES})
    text = tiny.file.read_text().replace("  coarse: {method: tiny_net, cells: 2}", f"  bad: {row}")
    tiny.file.write_text(text.replace("plugins: [", "plugins: [stumbles.py, "))
    outcome = tiny.run(code=1)
    assert f"failed: {reason}" in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.err.splitlines()[-1] == "1 of 2 cells failed."
    table = " ".join(outcome.out.split())
    assert "bad failed (a)" in table
    assert f"(a) bad, Dots, seed 0: failed ({reason[:40]}" in table
    cells = tiny.cells()
    record = json.loads((cells["bad"] / "cell.json").read_text())
    assert record["status"] == "failed"
    assert record["error"].startswith(reason)
    assert "Traceback" in (cells["bad"] / "log.txt").read_text()
    assert json.loads((cells["fine"] / "cell.json").read_text())["status"] == "finished"
    plan = tiny.run("--dry-run", code=0).out
    assert "2 cells: 1 finished, 1 to run" in plan
    assert tiny.run(code=1).err.count("[1/1] bad") == 1  # a failed cell is tried again


def test_a_loss_that_is_no_scalar_is_refused_before_anything_is_trained(tiny):
    tiny.write({"stumbles.py": RAISES})
    text = tiny.file.read_text().replace("plugins: [", "plugins: [stumbles.py, ")
    tiny.file.write_text(text)
    outcome = tiny.run("--set", "protocol.loss=of_each_image", "--dry-run", code=2)
    assert "loss 'of_each_image' returned shape (8,), must be a scalar; try `farben" in outcome.err
    assert "stumbles.py`" in outcome.err
    outcome = tiny.run("--set", "protocol.loss=of_each_image", code=2)
    assert "returned shape (8,), must be a scalar" in outcome.err
    assert "packing" not in outcome.err


def test_a_layer_of_width_0_is_refused_before_anything_is_packed(tiny):
    tiny.write({"stumbles.py": RAISES})
    text = tiny.file.read_text().replace("plugins: [", "plugins: [stumbles.py, ")
    tiny.file.write_text(text + "  thin: {method: stumbles, width: 0}\n")
    outcome = tiny.run(code=2)
    assert (
        "rows.thin: in the network of method 'stumbles' parameter middle.weight is empty: (0, 3), "
        "so that its layer does nothing. An option is too large or too small (the row has width "
        "0); try `farbench test-plugin "
    ) in outcome.err
    assert "tiny_bench.yaml:" in outcome.err
    assert "packing" not in outcome.err
    assert "zero-element" not in outcome.err


def test_all_fail(tiny, monkeypatch):
    built = []
    monkeypatch.setattr(prepare, "build_without_empty_layers", built.append)
    tiny.write({"stumbles.py": RAISES})
    tiny.file.write_text(
        "protocol: tiny.yaml\nplugins: [tiny_dataset.py, stumbles.py]\n"
        "rows:\n  bad: {method: stumbles}\n"
    )
    outcome = tiny.run(code=1)
    assert "1 of 1 cells failed." in outcome.err
    assert "failed (a)" in outcome.out
    assert len(built) == 1  # before packing; not a second time after it


def test_a_valid_split_without_both_classes_is_explained(tiny):
    arguments = ("--rows", "fine", "--set", "dataset.valid=1")
    best = "protocol.selection=best_valid"
    outcome = tiny.run(*arguments, "--set", best, code=1)
    assert "failed: mA of 'attributes' is undefined on the valid split (1 images)" in outcome.err
    # Where the last epoch is taken whatever it scores, there is nothing to choose by.
    outcome = tiny.run(*arguments)
    assert "valid accuracy" in outcome.err
    assert "mA nan" not in outcome.err


LOGGER = """
from pathlib import Path

from farbench import hookimpl

LOG = Path(__file__).with_suffix(".log")


def note(text):
    with LOG.open("a") as log:
        log.write(text + "\\n")


@hookimpl
def farbench_cell_started(cell):
    note(f"started {cell.benchmark} {cell.row} {cell.dataset} {cell.seed} {cell.folder.is_dir()}")


@hookimpl
def farbench_epoch_ended(cell, epoch):
    values = epoch.values
    good = {"loss", "learning_rate", "images_per_second", "valid_accuracy"} <= set(values)
    note(f"epoch {cell.row} {epoch.stage} {epoch.epoch} {good}")


@hookimpl
def farbench_cell_finished(cell, metrics):
    stored = (cell.folder / "cell.json").is_file()
    note(f"finished {cell.row} {0 < metrics['attributes']['accuracy'] <= 1} {stored}")
"""


def test_life_cycle_hooks_are_called_in_order(tiny):
    tiny.write({"logger.py": LOGGER})
    tiny.run("--plugins", tiny.folder / "logger.py", "--seeds", "4")
    wanted = []
    for row in ("coarse", "fine"):
        wanted += [f"started tiny_bench {row} dots 4 True"]
        wanted += [f"epoch {row} joint {epoch} True" for epoch in (1, 2, 3)]
        wanted += [f"finished {row} True True"]
    assert (tiny.folder / "logger.log").read_text().splitlines() == wanted


def test_a_logger_that_fails_costs_no_cell(tiny):
    tiny.write({"logger.py": LOGGER.replace("good = ", "1 / 0  #")})
    outcome = tiny.run("--plugins", tiny.folder / "logger.py", "--rows", "fine")
    plugin = f"logger ({tiny.folder / 'logger.py'})"
    warning = f"warning: farbench_epoch_ended of plugin {plugin} failed: ZeroDivisionError"
    assert outcome.err.count(warning) == 3
    assert "test accuracy" in outcome.err


def test_a_logger_that_fails_keeps_no_other_from_its_call(tiny):
    leaves = LOGGER.replace("good = ", "raise SystemExit(3)  #")
    tiny.write({"a_bad.py": leaves, "logger.py": LOGGER, "z_bad.py": leaves})
    words = [w for name in ("a_bad", "logger", "z_bad") for w in ("--plugins", f"{name}.py")]
    words = [tiny.folder / word if word.endswith(".py") else word for word in words]
    outcome = tiny.run(*words, "--rows", "fine")
    assert outcome.err.count("failed: SystemExit: 3") == 6
    assert (tiny.folder / "logger.log").read_text().count("epoch fine") == 3


TOLD = """
from farbench import hookimpl


@hookimpl
def farbench_cell_failed(cell, reason):
    print(f"{cell.row}, seed {cell.seed}, {cell.folder.is_dir()}: {reason}")
"""


def test_loggers_are_told_of_a_cell_that_fails(tiny):
    tiny.write({"stumbles.py": RAISES, "told.py": TOLD})
    tiny.file.write_text(
        "protocol: tiny.yaml\nplugins: [tiny_dataset.py, stumbles.py, told.py]\n"
        "rows:\n  bad: {method: stumbles}\n"
    )
    assert "bad, seed 0, True: ValueError: this network\n" in tiny.run(code=1).out
