"""Several processes train what one would: here threads, and torchrun in the slow tests."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_stage import DATA, make_run
from threads_as_ranks import in_ranks, parts_of_rank
from tiny_parts import COLOUR_TASK, CPU, TinyMethod, TinyNet, colour_batches
from torch import nn
from torch.nn import functional

from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batch
from farbench.errors import UserError
from farbench.training import distributed
from farbench.training.assist import Assignment, assist_stage
from farbench.training.device import Forward
from farbench.training.distributed import check_batches, own_part
from farbench.training.faster_steps import choose_speedups
from farbench.training.stage import CHECKPOINT, WEIGHTS, Listeners, StageRun
from farbench.training.train import train_stage


class Network(nn.Module):
    """BatchNorm of maps and of vectors, in a layer of its own kind and by the function."""

    pixel_mean, pixel_std = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.second, self.vectors = nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False)
        self.last = nn.Linear(4, 4)

    def forward(self, images):
        pooled = functional.relu(self.norm(self.first(images))).mean((2, 3))
        return {"colours": self.last(self.vectors(self.second(pooled))), "features": pooled}


def batch(count, here=slice(None)):
    drawn = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 8, 8, 3), dtype=torch.uint8, generator=drawn)
    labels = torch.randint(-1, 2, (count, 4), generator=drawn)
    return Batch(images[here], None, {"colours": labels}, np.arange(count))


def loss_of_known(outputs, targets):
    """Divide by how many labels are known: no mean over parts gives that."""
    known = targets["colours"] >= 0
    each = functional.binary_cross_entropy_with_logits(
        outputs["colours"], targets["colours"].clamp(min=0).float(), reduction="none"
    )
    return (each * known).sum() / known.sum() + outputs["features"].square().mean()


def two_steps(network, compute, here=lambda count: slice(None), leads=True):
    forward = Forward(network, (COLOUR_TASK,), compute, masked=False, together=compute.ranks > 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9)
    values = []
    for count in (7, 5):
        given = batch(count, here(count))
        outputs = forward(given)
        value = loss_of_known(outputs, forward.targets(given)) if leads else None
        optimizer.zero_grad(set_to_none=True)
        forward.backward(value)
        optimizer.step()
        values.append(value)
    return network.state_dict(), values


@pytest.mark.parametrize("ranks", [2, 3])
def test_steps_are_those_of_one_process(monkeypatch, ranks):
    torch.manual_seed(0)
    network = Network()
    copies = [copy.deepcopy(network) for _ in range(ranks)]
    expected, losses = two_steps(network, CPU)
    together = dataclasses.replace(CPU, ranks=ranks)
    results = in_ranks(
        monkeypatch,
        ranks,
        lambda rank: two_steps(copies[rank], together, own_part, leads=rank == 0),
    )
    torch.testing.assert_close(results[0][1], losses, atol=1e-5, rtol=1e-5)
    for state, _ in results:
        torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-4)
        assert torch.equal(state["last.weight"], results[0][0]["last.weight"])


def test_parts_of_a_batch_are_the_batch(monkeypatch):
    def batches(rank):
        made = dataclasses.replace(colour_batches(20, 8), part=parts_of_rank())
        protocol = make_run().protocol
        return list(made.train(np.arange(20), protocol.augmentation, 0, "joint", 1))

    parts = in_ranks(monkeypatch, 3, batches)
    monkeypatch.undo()
    whole = colour_batches(20, 8).train(
        np.arange(20), make_run().protocol.augmentation, 0, "joint", 1
    )
    for number, expected in enumerate(whole):
        pieces = [part[number] for part in parts]
        assert torch.equal(torch.cat([piece.images for piece in pieces]), expected.images)
        for piece in pieces:
            assert torch.equal(piece.targets["colours"], expected.targets["colours"])
            assert np.array_equal(piece.positions, expected.positions)


class WithoutDropout(TinyMethod):
    def build(self, problem):
        network = TinyNet(self.hidden)
        network.heads[1] = nn.Identity()
        return network


def stage(**protocol):
    run = make_run(**protocol)
    changed = dataclasses.replace(run.stage, method=WithoutDropout())
    return dataclasses.replace(run, stage=changed)


def train_in(folder, run, data, compute, die_after=None):
    folder.mkdir(exist_ok=True)

    def epoch(name, number, values):
        if number == die_after:
            raise InterruptedError

    return train_stage(run, folder, None, data, compute, Listeners(epoch, lambda *_: None))


BUILDING = threading.RLock()
"""Held by who builds: threads share torch's random numbers, which processes do not."""


def together(monkeypatch, folder, run, die_after=None):
    """Train in two threads; return the leader's meta data."""
    compute = dataclasses.replace(CPU, ranks=2)
    build = StageRun.build

    def build_one_by_one(self):
        with BUILDING:
            return build(self)

    monkeypatch.setattr(StageRun, "build", build_one_by_one)

    def work(rank):
        batches = dataclasses.replace(DATA.batches, part=parts_of_rank())
        data = dataclasses.replace(DATA, batches=batches)
        assignment = Assignment("cell", "key", folder, None)
        if rank > 0:
            heard = distributed.hear()
            return assist_stage(run, heard, data, compute)
        with distributed.helped(assignment):
            return train_in(folder, run, data, compute, die_after)

    return in_ranks(monkeypatch, 2, work)[0]


def test_a_stage_is_that_of_one_process_also_when_it_is_picked_up_again(monkeypatch, tmp_path):
    # Not Adam: what gradients of nothing but rounding errors are to it (those of a bias before
    # BatchNorm), it makes whole steps of.
    run = stage(optimizer="sgd", learning_rate=0.05, weight_decay=0.1)
    alone = train_in(tmp_path / "alone", run, DATA, CPU)
    # After an epoch the helper hears that there is no more, and ends.
    with pytest.raises(InterruptedError):
        together(monkeypatch, tmp_path / "both", run, die_after=2)
    assert (tmp_path / "both" / CHECKPOINT).is_file()
    both = together(monkeypatch, tmp_path / "both", run)
    for key in ("loss", "valid_accuracy"):
        assert [row[key] for row in both["history"]] == pytest.approx(
            [row[key] for row in alone["history"]], abs=1e-4
        )
    one, two = (load_file(tmp_path / name / WEIGHTS) for name in ("alone", "both"))
    torch.testing.assert_close(two, one, atol=1e-4, rtol=1e-3)


def test_a_leader_that_fails_within_a_step_ends_the_run(monkeypatch, tmp_path):
    def work(rank):
        if rank > 0:
            return distributed.hear(), distributed.hear()
        with pytest.raises(distributed.LostRank, match=r"a step failed.*: no memory\. The same"):
            fail()
        return None

    def fail():
        with distributed.helped("a stage"):
            distributed._state["within"] = False
            with distributed.epoch_together(1):
                raise ValueError("no memory")

    assert in_ranks(monkeypatch, 2, work)[1] == ("a stage", 1)


@pytest.mark.parametrize(
    ("images", "batch_size", "ranks"), [(40, 8, 8), (42, 8, 2), (41, 8, 8), (3, 8, 3)]
)
def test_batches_that_are_large_enough(images, batch_size, ranks):
    check_batches(images, batch_size, ranks)


@pytest.mark.parametrize(("images", "batch_size", "ranks"), [(40, 8, 9), (42, 8, 3), (3, 8, 4)])
def test_batches_of_which_somebody_gets_nothing(images, batch_size, ranks):
    with pytest.raises(UserError, match=f"has begun {ranks} processes"):
        check_batches(images, batch_size, ranks)


@pytest.mark.parametrize("asked", [{"compile": "on"}, {"micro_batch": 4}])
def test_what_cannot_be_split_is_refused(asked):
    protocol = Protocol(name="test", **asked)
    with pytest.raises(UserError, match=f"protocol.{next(iter(asked))} is for one process a cell"):
        choose_speedups(protocol, torch.device("cpu"), 1000, ranks=2)


def torchrun(tiny, *arguments, cache, **environment):
    words = ["-m", "torch.distributed.run", "--nproc-per-node", 2, "-m", "farbench", "run"]
    words += [tiny.file, "--results", tiny.results, *arguments]
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, "FARBENCH_CACHE": str(cache), **environment},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


@pytest.fixture
def normed(tiny):
    """The tiny benchmark with BatchNorm in the place of dropout."""
    method = tiny.folder / "tiny_method.py"
    text = method.read_text().replace("nn.Dropout(0.2)", "nn.BatchNorm1d(3 * cells * cells)")
    guard = 'wanted = os.environ.get("TINY_SIGNAL")'
    alone = f'{guard} if os.environ.get("RANK") == os.environ.get("DIES") else None'
    assert guard in text
    method.write_text(text.replace(guard, alone))
    return tiny


@pytest.mark.slow
@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
            ],
        ),
    ],
)
def test_cells_of_torchrun_score_as_those_of_one_process(normed, tmp_path, device):
    tiny, alone = normed, tmp_path / "alone"
    exact = ("--set", "protocol.precision=float32", "--device", device)
    tiny.run(*exact, results=alone)
    done = torchrun(tiny, *exact, cache=tmp_path / "another_cache")
    assert done.returncode == 0, done.stderr
    # Only one of the two speaks.
    assert done.stderr.count("joint 3/3") == 2
    for row, cell in tiny.cells().items():
        other = tiny.cells(alone)[row]
        one, two = (json.loads((c / "cell.json").read_text())["identity"] for c in (cell, other))
        assert one["recipe"] == two["recipe"]
        assert one["numerics"] == {**two["numerics"], "ranks": 2}
        weights = [load_file(c / "model.safetensors") for c in (cell, other)]
        torch.testing.assert_close(*weights, atol=1e-4, rtol=1e-3)
        scores = [json.loads((c / "metrics.json").read_text()) for c in (cell, other)]
        assert scores[0]["attributes"]["accuracy"] == pytest.approx(
            scores[1]["attributes"]["accuracy"], abs=0.021
        )


@pytest.mark.slow
@pytest.mark.parametrize("dies", [0, 1])
def test_one_that_is_killed_ends_all_and_the_run_goes_on_later(normed, tmp_path, dies):
    struck = {"TINY_SIGNAL": "SIGKILL", "TINY_STEP": "7", "DIES": str(dies)}
    rows, cache = ("--rows", "coarse"), tmp_path / "another_cache"
    done = torchrun(normed, *rows, cache=cache, **struck)
    assert done.returncode == 1
    if dies == 1:
        assert done.stderr.count("error: ") >= 1
        assert "The same command goes on from the last finished epoch." in done.stderr
    assert "joint 1/3" in done.stderr
    done = torchrun(normed, *rows, cache=cache, DIES="nobody")
    assert done.returncode == 0, done.stderr
    assert "joint 1/3" not in done.stderr
    assert "joint 2/3" in done.stderr
