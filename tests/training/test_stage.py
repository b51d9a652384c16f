"""A stage of training: picked up again it is the same, and what is frozen stays as it was."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_parts import (
    COLOUR_TASK,
    CPU,
    TinyMethod,
    TinyNet,
    colour_batches,
    colour_images,
    colour_problem,
    packed,
)
from torch import Tensor, nn

from farbench import Loss, Stage, Task, TrainStatistics
from farbench.benchmark.identity import Identity
from farbench.benchmark.schema import Augmentation, Protocol
from farbench.errors import CellFailed
from farbench.training.device import Forward
from farbench.training.optimizer import learning_rate_at
from farbench.training.predict import predict
from farbench.training.stage import CHECKPOINT, WEIGHTS, Listeners, StageData, StageRun
from farbench.training.train import train_stage
from farbench.training.validation import kept_valid_outputs
from farbench_losses.binary_cross_entropy import BinaryCrossEntropy
from farbench_losses.equalized_focal import EqualizedFocal
from farbench_weightings.equal import Equal

PIXELS, LABELS = colour_images(60)
DATA = StageData(
    colour_batches(60, 8), packed(PIXELS), {"colours": LABELS}, np.arange(42), np.arange(42, 60)
)


def make_run(stage: str = "joint", loss: Loss | None = None, **protocol: Any) -> StageRun:
    settings = Protocol(
        name="test",
        augmentation=Augmentation(rotation_probability=0.5),
        **{"epochs": 3, "learning_rate": 1e-2, **protocol},
    )
    chosen = next(s for s in TinyMethod().stages() if s.name == stage)
    return StageRun(
        chosen,
        colour_problem(),
        settings,
        {"colours": loss or BinaryCrossEntropy()},
        Equal(),
        settings.epochs,
        settings.learning_rate,
        seed=3,
        identity=Identity({"r": 1}, {}, {}),
        parent=None,
    )


class Stop(Exception):
    """The process dies."""


def train(
    run: StageRun,
    folder: Path,
    parent: Path | None = None,
    die_after: float = math.inf,
    **listen: Any,
) -> dict[str, Any]:
    def epoch(stage: str, number: int, values: dict[str, float]) -> None:
        if "epoch" in listen:
            listen["epoch"](number, values)
        if number == die_after:
            raise Stop

    def step(stage: str, number: int, done: int, steps: int) -> None:
        # In the middle of an epoch, half of its steps done.
        if number + 0.5 == die_after + 1 and done == steps // 2:
            raise Stop

    folder.mkdir(exist_ok=True)
    return train_stage(run, folder, parent, DATA, CPU, Listeners(epoch, listen.get("step", step)))


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / WEIGHTS)


def predictions(run: StageRun, folder: Path) -> np.ndarray:
    network = CPU.place(run.build())
    network.load_state_dict(weights(folder))
    forward = Forward(network, (COLOUR_TASK,), CPU, False)
    return predict(forward, DATA.batches, DATA.valid)["colours"]


def plain_history(meta: dict[str, Any]) -> list[dict[str, float]]:
    timed = ("images_per_second", "input_share")
    return [{k: v for k, v in row.items() if k not in timed} for row in meta["history"]]


@pytest.mark.parametrize("selection", ["last", "best_valid"])
@pytest.mark.parametrize(
    "recipe",
    [
        {"loss": EqualizedFocal(), "optimizer": "adam", "schedule": "cosine"},
        {"optimizer": "sgd", "weight_decay": 1e-3},
        {"optimizer": "adamw", "weight_decay": 1e-2},
    ],
)
def test_a_stage_picked_up_again_is_the_same_bit_for_bit(
    recipe: dict[str, Any], selection: str, tmp_path: Path
) -> None:
    run = make_run(selection=selection, **recipe)
    whole = train(run, tmp_path / "whole")
    # Dies after each epoch and in the middle of the second and third.
    for when in (1, 1.5, 2, 2.5):
        with pytest.raises(Stop):
            train(run, tmp_path / "torn", die_after=when)
        assert (tmp_path / "torn" / CHECKPOINT).is_file()
        assert not (tmp_path / "torn" / WEIGHTS).exists()
    torn = train(run, tmp_path / "torn")
    assert plain_history(torn) == plain_history(whole)
    assert torn["epoch_selected"] == whole["epoch_selected"]
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "torn")
    assert set(one) == set(other)
    for key, value in one.items():
        assert torch.equal(value, other[key]), key
    assert np.array_equal(predictions(run, tmp_path / "whole"), predictions(run, tmp_path / "torn"))


def test_the_checkpoint_holds_all_that_a_stage_remembers(tmp_path: Path) -> None:
    run = make_run(loss=EqualizedFocal(), selection="best_valid")
    with pytest.raises(Stop):
        train(run, tmp_path, die_after=2)
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    prefix = "modules_by_term.0."
    accumulators = ("positive_gradient", "negative_gradient", "balance")
    assert set(saved["loss"]) == {prefix + name for name in accumulators}
    assert saved["loss"][f"{prefix}positive_gradient"].all()
    assert saved["epoch"] == len(saved["history"]) == 2
    assert saved["best"]["network"].keys() == saved["network"].keys()
    assert saved["optimizer"]["state"][0]["step"] == 12
    # Clones: the best weights are not the live ones.
    assert saved["best"]["epoch"] == 2 or not torch.equal(
        saved["best"]["network"]["heads.0.weight"], saved["network"]["heads.0.weight"]
    )


def test_training_learns_and_says_what_it_did(tmp_path: Path) -> None:
    epochs: list[int] = []
    steps: list[tuple[Any, ...]] = []
    meta = train(
        make_run(epochs=12, learning_rate=3e-2),
        tmp_path,
        epoch=lambda number, values: epochs.append(number),
        step=lambda *done: steps.append(done),
    )
    assert meta["history"][-1]["loss"] < 0.5 * meta["history"][0]["loss"]
    assert meta["history"][-1]["valid_accuracy"] > 0.85
    assert epochs == list(range(1, 13))
    assert (meta["steps"], meta["trunk_steps"], meta["epoch_selected"]) == (72, 72, 12)
    assert meta["parameters"] == sum(p.numel() for p in TinyNet(8).parameters())
    assert len(steps) == 72
    assert steps[5] == ("joint", 1, 6, 6)
    assert {"loss", "learning_rate", "valid_mA", "images_per_second"} < set(meta["history"][0])


def test_seed_and_stage_decide_the_start(tmp_path: Path) -> None:
    def start(run: StageRun) -> Tensor:
        return run.build().state_dict()["trunk.0.weight"]

    run = make_run()
    assert torch.equal(start(run), start(run))
    assert not torch.equal(start(run), start(dataclasses.replace(run, seed=4)))
    assert not torch.equal(start(run), start(make_run("groups")))


def test_a_frozen_trunk_does_not_move_and_heads_do(tmp_path: Path) -> None:
    train(make_run(epochs=1), tmp_path / "first")
    parent = tmp_path / "first" / WEIGHTS
    meta = train(make_run("groups"), tmp_path / "second", parent)
    assert meta["trunk_steps"] == 0
    assert meta["steps"] == 18
    before, after = load_file(parent), weights(tmp_path / "second")
    assert any("running_mean" in key for key in before)
    for key, value in before.items():
        same = torch.equal(value, after[key])
        assert same == key.startswith("trunk."), key
    train(make_run(), tmp_path / "third", tmp_path / "second" / WEIGHTS)
    joint = weights(tmp_path / "third")
    assert not any(torch.equal(value, after[key]) for key, value in joint.items())


def test_freezing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    run = make_run()
    odd = dataclasses.replace(run, stage=Stage("joint", run.stage.method, frozen=("trunks",)))
    with pytest.raises(CellFailed, match=r"freezes 'trunks'.*trunk, heads"):
        train(odd, tmp_path)


def test_the_best_epoch_on_valid_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from farbench.training import train as module

    scores = iter([0.3, 0.7, 0.7, 0.5])
    monkeypatch.setattr(
        module, "validate", lambda *rest: ({"valid_accuracy": 0.1}, next(scores), {})
    )
    meta = train(make_run(epochs=4, selection="best_valid"), tmp_path / "best")
    assert meta["epoch_selected"] == 2  # the first of equals
    scores = iter([0.3, 0.7])
    short = train(make_run(epochs=2), tmp_path / "short")
    assert short["epoch_selected"] == 2
    for key, value in weights(tmp_path / "short").items():
        assert torch.equal(value, weights(tmp_path / "best")[key]), key
    scores = iter([0.3, 0.7, 0.7, 0.5])
    last = train(make_run(epochs=4), tmp_path / "last")
    assert last["epoch_selected"] == 4
    assert not torch.equal(
        weights(tmp_path / "last")["heads.0.weight"], weights(tmp_path / "best")["heads.0.weight"]
    )


@pytest.mark.parametrize("selection", ["last", "best_valid"])
def test_what_was_predicted_of_valid_is_kept(selection: str, tmp_path: Path) -> None:
    run = make_run(selection=selection, epochs=4)
    meta = train(run, tmp_path / "whole")
    kept = kept_valid_outputs(tmp_path / "whole")
    assert kept is not None
    assert np.array_equal(kept["colours"], predictions(run, tmp_path / "whole"))
    # Picked up again after the epoch that is selected, a stage has not predicted anything.
    with pytest.raises(Stop):
        train(run, tmp_path / "torn", die_after=4)
    assert train(run, tmp_path / "torn")["epoch_selected"] == meta["epoch_selected"]
    assert kept_valid_outputs(tmp_path / "torn") is None


class Exploding(Loss):
    """Is not a number from the eighth step on."""

    name = "exploding"

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        class Module(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("seen", torch.zeros(()))

            def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
                self.seen += 1
                return logits.sum() * (float("nan") if self.seen > 7 else 0.0)

        return Module()


def test_a_loss_that_is_not_a_number_fails_the_cell(tmp_path: Path) -> None:
    with pytest.raises(CellFailed, match="'joint' became nan in epoch 2; try a lower"):
        train(make_run(loss=Exploding()), tmp_path)
    assert not (tmp_path / WEIGHTS).exists()


def test_predictions_that_are_not_finite_fail_the_cell(tmp_path: Path) -> None:
    save_file({"heads.2.weight": torch.full((4, 8), math.nan), "heads.2.bias": torch.zeros(4)},
              tmp_path / "parent.safetensors")  # fmt: skip
    with pytest.raises(CellFailed):
        train(make_run(), tmp_path / "stage", tmp_path / "parent.safetensors")


def test_learning_rates() -> None:
    constant, cosine = make_run().protocol, make_run(schedule="cosine").protocol
    assert {learning_rate_at(constant, 1e-2, step, 30) for step in range(30)} == {1e-2}
    rates = [learning_rate_at(cosine, 1e-2, step, 30) for step in range(30)]
    assert rates[0] == 1e-2
    assert rates[15] == pytest.approx(0.5e-2)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 1e-4


def test_the_learning_rate_reaches_the_optimizer(tmp_path: Path) -> None:
    meta = train(make_run(schedule="cosine"), tmp_path)
    last_steps = [5, 11, 17]
    expected = [0.5e-2 * (1 + math.cos(math.pi * step / 18)) for step in last_steps]
    assert [row["learning_rate"] for row in meta["history"]] == pytest.approx(expected)
