"""`farbench run` for other machines: mistakes are told before anything is written."""

from __future__ import annotations

import pytest

T4 = "cuda=NVIDIA T4"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--executor", "slrum"), "unknown executor 'slrum'. Did you mean 'slurm'?"),
        (("--device", T4), f"--device {T4} is for GPUs of other machines"),
        (("--device", "cuda="), "--device: expected auto, cpu, cuda or cuda:1, got 'cuda='"),
        (("--executor-option", "cpus"), "--executor-option: expected KEY=VALUE, got 'cpus'"),
    ],
)
def test_mistakes(tiny, arguments, said):
    outcome = tiny.run(*arguments, code=2)
    assert said in outcome.err
    assert not tiny.results.exists()


def test_torchrun_gives_each_process_a_device(tiny, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    outcome = tiny.run("--device", "cuda:1", code=2)
    assert "torchrun gives each process a device of its own. Type --device cuda" in outcome.err


def test_cells_can_be_planned_for_gpus_that_are_elsewhere(tiny):
    pytest.importorskip("submitit")
    here = tiny.run("--dry-run", "--device", "cpu").out
    options = ("--executor", "slurm", "--executor-option", "cluster=local")
    there = tiny.run("--dry-run", "--device", T4, *options).out
    assert "coarse-dots-s0-" in there
    # Another device, another key: so is the name of the folder.
    assert not set(here.split()) & {word for word in there.split() if "-dots-s0-" in word}
