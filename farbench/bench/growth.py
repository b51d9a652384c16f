"""How cost grows: with the number of images, the side of the images, and the number of cells."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from farbench.bench.overhead import ATTRIBUTES, stage_of
from farbench.bench.processes import farbench_command, run_process
from farbench.bench.side_by_side import Ratio, ratio, spread, time_in_turn
from farbench.bench.workload import make_ready, plan_method
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages
from farbench.data.targets import Targets
from farbench.plugins.manager import load_plugins
from farbench.tasks.attributes import BinaryAttributes
from farbench.training.device import Compute, Forward
from farbench.training.epoch import train_epoch
from farbench.training.optimizer import make_optimizer
from farbench.training.stage import StageData

SIDE = 64
"""Of the images that memory is measured over."""
BATCH = 36


def measure(
    images: Sequence[int] = (1000, 4000, 16000),
    sides: Sequence[int] = (64, 128, 224),
    cells: Sequence[int] = (1, 4, 16),
    rounds: int = 3,
) -> dict[str, Ratio]:
    """Measure memory and time at several sizes.

    Args:
        images: Train an epoch over so many, with a network of one layer, in a process of its own.
        sides: Step `baseline` (ResNet-10-T, a batch of 8) at these sides, in turn.
        cells: Run so many tiny cells with ``farbench run``.
        rounds: That count, of the sides.

    Returns:
        ``memory_<n>_images_mb``: the most memory of the process without mapped files;
        ``memory_<n>_over_<first>_images``; ``time_<n>_over_<first>_images``;
        ``step_<side>_over_<first>_px``; ``a_cell_of_<n>_over_<first>``: processor time a cell, and
        ``memory_<n>_over_<first>_cells``.
    """
    return _images(images) | _sides(sides, rounds) | _cells(cells)


def _images(counts: Sequence[int]) -> dict[str, Ratio]:
    figures: dict[str, Ratio] = {}
    memory: list[float] = []
    seconds: list[float] = []
    for count in counts:
        code = f"from farbench.bench.growth import train_over; print(*train_over({count}))"
        last = run_process([sys.executable, "-c", code]).output.strip().splitlines()[-1]
        megabytes, taken = map(float, last.split())
        memory.append(megabytes)
        seconds.append(taken)
        figures[f"memory_{count}_images_mb"] = spread([megabytes])
    for count, megabytes, taken in list(zip(counts, memory, seconds, strict=True))[1:]:
        figures[f"memory_{count}_over_{counts[0]}_images"] = spread([megabytes / memory[0]])
        figures[f"time_{count}_over_{counts[0]}_images"] = spread([taken / seconds[0]])
    return figures


def train_over(count: int) -> tuple[float, float]:
    """Train an epoch over packed noise in a memory map, as a cell does.

    Returns:
        The most anonymous memory of this process in MB, seen after each step, and the processor
        seconds of the epoch.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:
        pixels = np.lib.format.open_memmap(
            Path(name) / "pixels.npy", "w+", np.uint8, (count, SIDE, SIDE, 3)
        )
        noise = np.random.default_rng(0).integers(0, 256, (1000, SIDE, SIDE, 3), dtype=np.uint8)
        for start in range(0, count, len(noise)):
            pixels[start : start + len(noise)] = noise[: count - start]
        pixels.flush()
        run, compute = stage_of("resnet10t", SIDE), Compute(torch.device("cpu"), "float32", 1)
        task = BinaryAttributes("attributes", tuple(f"a{i}" for i in range(ATTRIBUTES)))
        labels = np.zeros((count, ATTRIBUTES), np.int8)
        targets = Targets((task,), {}, {task.name: labels})
        mapped = np.load(Path(name) / "pixels.npy", mmap_mode="r")
        batches = Batches(mapped, targets, None, SIDE, 0, BATCH)
        everything = np.arange(count)
        sizes = np.full((count, 2), SIDE, np.int32)
        data = StageData(batches, PackedImages(mapped, sizes, {}), {}, everything, everything[:0])
        network = _OneLayer()
        forward = Forward(network, (task,), compute, masked=False)
        optimizer = make_optimizer(list(network.parameters()), run.protocol, 1e-4, compute)
        seen: list[float] = []
        started = time.process_time()
        train_epoch(
            run,
            1,
            forward,
            run.build_loss(network),
            optimizer,
            data,
            lambda *_: seen.append(_anonymous_mb()),
        )
        return max(seen), time.process_time() - started


class _OneLayer(nn.Module):
    """As little as can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, ATTRIBUTES)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"attributes": self.layer(images.mean((2, 3)))}


def _anonymous_mb() -> float:
    """Return this process's memory that is no mapped file, in MB; on Linux alone."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1000


def _sides(sides: Sequence[int], rounds: int) -> dict[str, Ratio]:
    registry = load_plugins(())
    works = {
        str(side): make_ready(
            plan_method(
                "baseline",
                registry,
                image_size=side,
                batch_size=8,
                steps=2,
                sets=["method.backbone=resnet10t"],
                device="cpu",
            )
        )
        for side in sides
    }
    timed = time_in_turn({name: work.epoch for name, work in works.items()}, rounds)
    first = str(sides[0])
    return {
        f"step_{name}_over_{first}_px": ratio(timed[name].cpu, timed[first].cpu)
        for name in works
        if name != first
    }


def _cells(counts: Sequence[int]) -> dict[str, Ratio]:
    """Run one row with more and more seeds, from nothing."""
    sets = (
        "protocol.images.train=72",
        "protocol.images.valid=16",
        "protocol.images.test=16",
        "protocol.crop=32",
        "protocol.resize=40",
        "protocol.epochs=1",
        "protocol.stage_epochs.global=0",
        "protocol.threads=1",
    )
    cpu, memory = [], []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="farbench-") as name:
            seeds = ",".join(map(str, range(count)))
            words = farbench_command(
                *("run", "quickstart", "--rows", "baseline", "--seeds", seeds, "--device", "cpu"),
                *("--results", f"{name}/runs", *(w for one in sets for w in ("--set", one))),
            )
            taken = run_process(words, {"FARBENCH_CACHE": f"{name}/cache"})
        cpu.append(taken.cpu / count)
        memory.append(taken.memory_mb)
    figures: dict[str, Ratio] = {}
    for count, seconds, megabytes in list(zip(counts, cpu, memory, strict=True))[1:]:
        figures[f"a_cell_of_{count}_over_{counts[0]}"] = spread([seconds / cpu[0]])
        figures[f"memory_{count}_over_{counts[0]}_cells"] = spread([megabytes / memory[0]])
    return figures
