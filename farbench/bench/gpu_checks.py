"""What a GPU must not change: checks for a machine that has one; each returns state and a line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import farbench
from farbench.bench.processes import farbench_command, run_process
from farbench.bench.profile import take_step
from farbench.bench.workload import Workload, make_ready, plan_method
from farbench.benchmark.schema import Protocol
from farbench.plugins.manager import load_plugins
from farbench.training.stage import WEIGHTS, Listeners
from farbench.training.train import train_stage

Result = dict[str, Any]

ROWS = ("baseline", "g2ff_ca")
POINTS = 1.5
"""Accuracy may differ by so many points between two ways to compute the same training: on 600 test
faces with 40 attributes, other last bits alone make a few tenths."""

VALUES = {
    "precision": ("float32", "bfloat16"),
    "compile": ("off", "on"),
    "cuda_graphs": ("off", "on"),
    "input": ("mmap", "resident"),
    "warp": ("opencv", "device"),
}
"""Options of the protocol that may change last bits and nothing else."""
FOR_GPUS = ("compile", "cuda_graphs", "input")

TINY = (
    "protocol.images.train=24",
    "protocol.images.valid=8",
    "protocol.images.test=8",
    "protocol.crop=32",
    "protocol.resize=40",
    "protocol.batch_size=8",
    "protocol.epochs=1",
    "protocol.stage_epochs.global=0",
    "protocol.threads=1",
)
LONGER = ("protocol.epochs=6",)


def sync_free(device: str, quick: bool) -> Result:
    """Take steps while torch refuses everything that makes the host wait."""
    if torch.device(device).type != "cuda":
        return _skipped("only a GPU can be waited for")
    for method in ROWS:
        sets = ["method.backbone=resnet18"]
        cell = plan_method(method, load_plugins(()), steps=4, sets=sets, device=device)
        work = make_ready(cell)
        for batch in work.batches():  # the first ones allocate and choose algorithms
            take_step(work, batch)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in work.batches():
                take_step(work, batch)
        except RuntimeError as error:
            return _failed(f"{method}: {str(error).splitlines()[0]}")
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return _passed(f"rows {' and '.join(ROWS)}, 4 steps each")


def options_agree(device: str, quick: bool, option: str) -> Result:
    """Train the same row with two values of an option and compare accuracy and speed."""
    if option not in Protocol.model_fields:
        return _skipped(f"this farbench has no protocol.{option}")
    if option in FOR_GPUS and torch.device(device).type != "cuda":
        return _skipped(f"protocol.{option} is for a GPU")
    accuracy, rate = {}, {}
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:
        for value in VALUES[option]:
            folder = Path(name) / value
            sets = [f"protocol.{option}={value}", *(TINY if quick else LONGER)]
            words = farbench_command("run", "quickstart", "--rows", "baseline", "--device", device)
            words += ["--results", str(folder), *(w for one in sets for w in ("--set", one))]
            run_process(words, {"FARBENCH_CACHE": str(Path(name) / "cache")})
            (cell,) = folder.glob("*/*/cell.json")
            costs = json.loads(cell.read_text(encoding="utf-8"))["costs"]
            scores = json.loads((cell.parent / "metrics.json").read_text(encoding="utf-8"))
            accuracy[value] = 100 * scores["attributes"]["accuracy"]
            rate[value] = costs["train_images_per_second"]
    one, other = VALUES[option]
    said = (
        f"accuracy {accuracy[one]:.2f} ({one}) and {accuracy[other]:.2f} ({other}), "
        f"{rate[other] / rate[one]:.2f} times the images/s"
    )
    figures = {"accuracy": accuracy, "images_per_second": rate}
    agree = quick or abs(accuracy[one] - accuracy[other]) <= POINTS
    return {**(_passed(said) if agree else _failed(said)), **figures}


def resume(device: str, quick: bool) -> Result:
    """Interrupt a stage after its first epoch, go on, and compare with one that was not."""
    sets = ["method.backbone=resnet10t", "protocol.epochs=2", "protocol.threads=1"]
    cell = plan_method(
        "baseline",
        load_plugins(()),
        image_size=32 if quick else 64,
        batch_size=8,
        steps=2,
        sets=[*sets, "protocol.stage_epochs.global=0"],
        device=device,
    )
    work = make_ready(cell)
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:
        whole, broken = Path(name) / "whole", Path(name) / "broken"
        _train(work, whole, stop=False)
        with contextlib.suppress(_Stop):
            _train(work, broken, stop=True)
        _train(work, broken, stop=False)
        one, two = load_file(whole / WEIGHTS), load_file(broken / WEIGHTS)
    other = [key for key in one if not torch.equal(one[key], two[key])]
    if other:
        most = max(float((one[key].float() - two[key].float()).abs().max()) for key in other)
        return _failed(f"{len(other)} of {len(one)} tensors differ, by at most {most:.2g}")
    return _passed(f"{len(one)} tensors, 2 epochs")


class _Stop(Exception):
    """Stands for a kill."""


def _train(work: Workload, folder: Path, *, stop: bool) -> None:
    """Train the workload's stage; ``stop`` ends it after its first epoch."""

    def epoch_ended(stage: str, epoch: int, values: dict[str, float]) -> None:
        if stop:
            raise _Stop

    listeners = Listeners(epoch_ended, lambda *_: None)
    train_stage(work.run, folder, None, work.data, work.forward.compute, listeners)


def gpu_tests(device: str, quick: bool) -> Result:
    """Run the tests that need a GPU, where the tests are there."""
    tests = Path(farbench.__file__).parent.parent / "tests"
    if quick or torch.device(device).type != "cuda":
        return _skipped("they need a GPU")
    if not tests.is_dir():
        return _skipped("an installed farbench has no tests; run this in a checkout")
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(tests)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tests.parent)
    last = (done.stdout.strip().splitlines() or ["no output"])[-1]
    return _passed(last) if done.returncode == 0 else _failed(last)


def _passed(said: str) -> Result:
    return {"state": "passed", "said": said}


def _failed(said: str) -> Result:
    return {"state": "failed", "said": said}


def _skipped(said: str) -> Result:
    return {"state": "skipped", "said": said}
