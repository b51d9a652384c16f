"""The checks of the GPU script, in the tiny form that a processor can run."""

from __future__ import annotations

import pytest

from farbench.bench import gpu_checks
from farbench.bench.gpu import parts


def test_every_part_of_the_script_is_there():
    for part in parts():
        module = __import__(part.module, fromlist=[part.function])
        assert callable(getattr(module, part.function)), part


def test_a_resumed_stage_has_the_same_bits():
    found = gpu_checks.resume("cpu", True)
    assert found["state"] == "passed", found


def test_a_resume_that_differs_is_found(monkeypatch):
    import torch

    train = gpu_checks._train

    def spoiled(work, folder, *, stop):
        train(work, folder, stop=stop)
        if folder.name == "broken":
            weights = gpu_checks.load_file(folder / gpu_checks.WEIGHTS)
            key = next(iter(weights))
            weights[key] = weights[key] + torch.ones(())
            from safetensors.torch import save_file

            save_file(weights, folder / gpu_checks.WEIGHTS)

    monkeypatch.setattr(gpu_checks, "_train", spoiled)
    found = gpu_checks.resume("cpu", True)
    assert found["state"] == "failed"
    assert found["said"].startswith("1 of")


def test_what_is_not_there_is_skipped():
    assert gpu_checks.options_agree("cpu", True, "no_such")["state"] == "skipped"
    assert gpu_checks.sync_free("cpu", True)["state"] == "skipped"
    assert gpu_checks.gpu_tests("cpu", True)["state"] == "skipped"


@pytest.mark.gpu
def test_no_step_waits_for_the_device():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert gpu_checks.sync_free("cuda", True)["state"] == "passed"
