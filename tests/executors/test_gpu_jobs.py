"""On a GPU: several cells share one, by the memory that they were measured to take."""

from __future__ import annotations

import json

import pytest
import torch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def test_cells_share_a_gpu_and_score_as_one_after_the_other(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run("--device", "cuda", results=tmp_path / "serial")
    outcome = tiny.run("--device", "cuda", "--jobs", 2)
    assert "failed" not in outcome.err
    for row, cell in tiny.cells().items():
        other = tiny.cells(tmp_path / "serial")[row]
        one, two = (json.loads((c / "cell.json").read_text()) for c in (cell, other))
        assert one["identity"] == two["identity"]
        assert one["costs"]["peak_memory_mb"] > 0
        metrics = [json.loads((c / "metrics.json").read_text()) for c in (cell, other)]
        accuracies = [held["attributes"]["accuracy"] for held in metrics]
        assert accuracies[0] == pytest.approx(accuracies[1], abs=0.05)


def test_a_worker_says_what_memory_a_step_took_and_what_is_free():
    from farbench.running.costs import device_memory
    from farbench.training.device import choose_compute

    held = torch.zeros(10_000_000, device="cuda")
    taken, free = device_memory(choose_compute("cuda", "float32", 1))
    assert taken >= held.nbytes
    assert 0 < free < torch.cuda.get_device_properties(0).total_memory
