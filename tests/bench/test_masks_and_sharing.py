"""The benches of masks and of sharing: they compare what they say they do."""

from __future__ import annotations

import pytest
import torch

from farbench.bench import masks, sharing
from farbench.bench.catalogue import BENCHES
from farbench.bench.workload import make_ready, plan_method
from farbench.plugins.manager import load_plugins

SMALL = {"image_size": 32, "batch_size": 2, "steps": 1, "device": "cpu"}
SETS = ("method.backbone=resnet10t",)


def ready(*sets: str) -> masks.Workload:
    return make_ready(plan_method("g2ff_ca", load_plugins(()), sets=[*SETS, *sets], **SMALL))


def test_own_layers_are_all_but_the_trunk() -> None:
    work = ready()
    trunk = set(work.forward.network.trunk.parameters())
    own = [one for one in work.forward.network.parameters() if one not in trunk]
    before = [one.detach().clone() for one in own]
    epoch = masks.own_layers(work)
    assert list(work.forward.network.parameters()) == own
    torch.manual_seed(0)
    epoch()
    assert not all(torch.equal(a, b) for a, b in zip(own, before, strict=True))
    assert all(one.grad is None for one in trunk)
    maps = work.forward.network.trunk
    assert all(one.grad is not None for one in (maps.final, *maps.levels.values()))


def test_masks_are_predicted_in_every_step_where_that_is_asked(monkeypatch) -> None:
    calls = []
    real = masks.make_ready.__globals__["MaskNetwork"].forward
    monkeypatch.setattr(
        "farbench.masks.network.MaskNetwork.forward",
        lambda self, images: calls.append(len(images)) or real(self, images),
    )
    ready().epoch()
    assert calls == []
    ready("protocol.masks.online=true", "protocol.masks.size=32").epoch()
    assert calls == [2]


@pytest.mark.slow
def test_masks_are_compared() -> None:
    found = masks.measure(**BENCHES["masks"].tiny)
    parts = ("offline", "own_layers", "whole", "online")
    assert {*found} == {f"resnet10t_{part}" for part in parts}


@pytest.mark.slow
def test_rows_that_share_cost_less_than_one_by_one() -> None:
    """Two rows with the same long global stage, and next to nothing of their own."""
    sets = ("protocol.crop=32", "protocol.resize=36", "protocol.stage_epochs.global=20")
    found = sharing.measure(
        images=48, benchmarks=("ablation",), rows=("baseline", "attribute_grouping"), sets=sets
    )
    assert 0.3 < found["cpu"].median < 0.9


@pytest.mark.slow
def test_a_row_by_itself_shares_nothing() -> None:
    assert {*sharing.measure(**BENCHES["sharing"].tiny)} == {"cpu", "wall"}


def test_a_cell_that_fails_is_no_figure(monkeypatch) -> None:
    monkeypatch.setattr(
        "farbench.bench.sharing.BenchmarkRun.execute", lambda *_: (None, 1), raising=True
    )
    with pytest.raises(RuntimeError, match="1 cells of ablation failed"):
        sharing.measure(benchmarks=("ablation",), rows=("baseline",), images=8)
