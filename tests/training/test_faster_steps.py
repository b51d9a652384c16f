"""torch.compile and CUDA graphs: chosen where they pay, without a trace, with a way back."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from test_stage import DATA, make_run, plain_history, train, weights
from tiny_parts import COLOUR_TASK, CPU, TinyMethod, TinyNet
from torch import nn

from farbench import Problem
from farbench.benchmark.schema import Protocol
from farbench.errors import UserError
from farbench.training import faster_steps
from farbench.training.device import Compute, Forward
from farbench.training.faster_steps import (
    NO_SPEEDUPS,
    Speedups,
    choose_speedups,
    share_compiled_code,
    speed_up,
)
from farbench.training.stage import Listeners
from farbench.training.train import train_stage

MANY = 3_000_000
without_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")


class NoDropout(TinyMethod):
    """The tiny network without its dropout."""

    name: ClassVar[str] = "tiny_without_dropout"

    def build(self, problem: Problem) -> nn.Module:
        network = TinyNet(self.hidden)
        network.heads[1] = nn.Identity()
        return network


@pytest.mark.parametrize(
    ("asked", "device", "images", "chosen"),
    [
        ({}, "cpu", MANY, NO_SPEEDUPS),
        ({"cuda_graphs": "auto"}, "cpu", MANY, NO_SPEEDUPS),
        ({"compile": "on"}, "cpu", 10, Speedups(compiled=True)),
        ({}, "cuda", MANY, Speedups(compiled=True)),
        ({}, "cuda", 10_000, NO_SPEEDUPS),
        ({"crop": 112}, "cuda", MANY, NO_SPEEDUPS),
        ({"compile": "off"}, "cuda", MANY, NO_SPEEDUPS),
        ({"cuda_graphs": "auto"}, "cuda", 10_000, Speedups(graphs=True)),
        ({"cuda_graphs": "auto"}, "cuda", MANY, Speedups(compiled=True)),
        ({"cuda_graphs": "auto", "batch_size": 256}, "cuda", 10_000, NO_SPEEDUPS),
        ({"cuda_graphs": "on", "batch_size": 256}, "cuda", 10_000, Speedups(graphs=True)),
        ({"cuda_graphs": "on", "compile": "on"}, "cuda", 10, Speedups(True, True)),
        ({"cuda_graphs": "auto", "micro_batch": 8}, "cuda", MANY, NO_SPEEDUPS),
    ],
)
def test_where_they_pay(asked: dict[str, Any], device: str, images: int, chosen: Speedups) -> None:
    protocol = Protocol(name="test", **{"crop": 224, "resize": 256, **asked})
    assert choose_speedups(protocol, torch.device(device), images) == chosen


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cuda_graphs": "on"}, r"needs a CUDA device.*protocol\.cuda_graphs=auto"),
        ({"compile": "on", "micro_batch": 4}, r"whole batches.*protocol\.compile=off"),
    ],
)
def test_what_cannot_be_had_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_speedups(Protocol(name="test", **asked), torch.device("cpu"), 100)


def test_only_what_is_on_is_in_an_identity() -> None:
    assert NO_SPEEDUPS.numerics() == {}
    assert Speedups(True, True).numerics() == {"compile": True, "cuda_graphs": True}


def test_on_and_off_may_be_yaml_s_booleans() -> None:
    protocol = Protocol(name="test", **{"compile": True, "cuda_graphs": False})
    assert (protocol.compile, protocol.cuda_graphs) == ("on", "off")


def test_compiled_code_lies_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    share_compiled_code(tmp_path)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "compiled")
    share_compiled_code(tmp_path / "other")
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "compiled")


@pytest.fixture
def eager_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are taken, forward and backward, and run as they are: no compiler is needed."""
    monkeypatch.setattr(faster_steps, "BACKEND", "aot_eager")


@pytest.mark.usefixtures("eager_backend")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_stage_is_the_same_training(tmp_path: Path) -> None:
    plain = make_run(selection="best_valid")
    meta = train(plain, tmp_path / "plain")
    compiled = dataclasses.replace(plain, speedups=Speedups(compiled=True))
    other = train(compiled, tmp_path / "compiled")
    assert (meta["faster"], other["faster"]) == (False, True)
    for one, two in zip(plain_history(meta), plain_history(other), strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    for key, value in weights(tmp_path / "plain").items():
        torch.testing.assert_close(weights(tmp_path / "compiled")[key], value, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("eager_backend")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_rehearsal_leaves_nothing_behind() -> None:
    network = TinyNet(8).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    numbers = torch.get_rng_state()
    forward = Forward(network, (COLOUR_TASK,), CPU, masked=False)
    assert speed_up(forward, Speedups(compiled=True), DATA.batches, 8, pytest.fail)
    assert torch.equal(torch.get_rng_state(), numbers)
    assert all(parameter.grad is None for parameter in network.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.usefixtures("eager_backend")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_only_whole_training_batches_take_it() -> None:
    network = TinyNet(8).train()
    forward = Forward(network, (COLOUR_TASK,), CPU, masked=False)
    seen: list[int] = []

    def fast(images: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.append(len(images))
        return network(images)

    forward.use_for_whole_batches(fast, 8)
    for batch in DATA.batches.evaluate(DATA.train[:20], 8):
        forward(batch)
    assert seen == [8, 8]
    network.eval()
    for batch in DATA.batches.evaluate(DATA.train[:20], 8):
        forward(batch)
    assert seen == [8, 8]


def test_a_network_that_does_not_compile_trains_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any, **options: Any) -> Callable[..., Any]:
        def call(*arguments: torch.Tensor) -> None:
            torch.rand(3)
            raise ValueError("no such operation\nmore of it")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    plain = make_run()
    notes: list[str] = []
    compiled = dataclasses.replace(plain, speedups=Speedups(compiled=True))
    (tmp_path / "compiled").mkdir()
    listeners = Listeners(lambda *_: None, lambda *_: None, notes.append)
    meta = train_stage(compiled, tmp_path / "compiled", None, DATA, CPU, listeners)
    assert not meta["faster"]
    assert notes == ["  torch.compile is left out, for it fails: ValueError: no such operation"]
    train(plain, tmp_path / "plain")
    for key, value in weights(tmp_path / "plain").items():
        assert torch.equal(value, weights(tmp_path / "compiled")[key]), key


@pytest.mark.gpu
@without_gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("speedups", [Speedups(graphs=True), Speedups(compiled=True)])
def test_on_a_gpu_the_training_is_the_same(
    speedups: Speedups, precision: str, tmp_path: Path
) -> None:
    """Without dropout, whose numbers a graph draws in another order."""
    compute = Compute(torch.device("cuda"), precision, 1)
    metas: list[dict[str, Any]] = []
    for name, chosen in (("plain", NO_SPEEDUPS), ("fast", speedups)):
        run = dataclasses.replace(make_run(epochs=4), speedups=chosen)
        run = dataclasses.replace(run, stage=dataclasses.replace(run.stage, method=NoDropout()))
        (tmp_path / name).mkdir()
        listeners = Listeners(lambda *_: None, lambda *_: None, pytest.fail)
        metas.append(train_stage(run, tmp_path / name, None, DATA, compute, listeners))
    plain, fast = metas
    assert fast["faster"]
    rough = 1e-3 if precision == "float32" else 5e-2
    for one, two in zip(plain["history"], fast["history"], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=rough)


@pytest.mark.gpu
@without_gpu
def test_dropout_draws_anew_in_each_replay() -> None:
    compute = Compute(torch.device("cuda"), "float32", 1)
    network = compute.place(TinyNet(64)).train()
    network.trunk.eval()
    forward = Forward(network, (COLOUR_TASK,), compute, masked=False)
    assert speed_up(forward, Speedups(graphs=True), DATA.batches, 8, pytest.fail)
    batch = next(iter(DATA.batches.evaluate(DATA.train[:8], 8)))
    first = forward(batch)["colours"].detach().clone()
    assert not torch.equal(first, forward(batch)["colours"])
