"""What rows share: two benchmarks with one cache, against each row by itself from an empty one."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from farbench.bench.side_by_side import Ratio, spread
from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import Registry
from farbench.running.prepare import Preparation
from farbench.running.progress import Progress
from farbench.running.run import BenchmarkRun
from farbench.store.artifacts import ArtifactStore

BENCHMARKS = ("ablation", "mask_scale")


def measure(
    images: int = 160,
    benchmarks: Sequence[str] = BENCHMARKS,
    rows: Sequence[str] | None = None,
    sets: Sequence[str] = (),
    rounds: int = 1,
    device: str = "cpu",
) -> dict[str, Ratio]:
    """Run benchmarks under `quick` on few drawn faces, from packing to the table's numbers.

    All in this process, so that nobody pays for loading torch: as commands, the rows by themselves
    would pay once each.

    Args:
        images: Train images; a quarter as many to validate, and to test.
        benchmarks: What is run.
        rows: Only these, where a benchmark has them; None is all.
        sets: ``--set`` of ``farbench run``, beside the number of images.
        rounds: Of both ways, in turn.
        device: Where.

    Returns:
        ``cpu`` and ``wall``: the seconds with one cache divided by those of the rows one by one.
    """
    few = max(images // 4, 4)
    counts = {"train": images, "valid": few, "test": few}
    changes = [f"protocol.images.{split}={count}" for split, count in counts.items()]
    changes += [f"dataset.{split}={count}" for split, count in counts.items()]
    changes += sets
    registry = load_plugins(())
    chosen = {name: _rows(name, registry, rows, changes) for name in benchmarks}
    # What a first cell finds cold (kernels, libraries) is neither way's.
    first = next(name for name in benchmarks if chosen[name])
    _seconds(registry, [(first, chosen[first][:1])], changes, device)
    together = [(name, own) for name, own in chosen.items() if own]
    alone = [(name, [row]) for name, own in together for row in own]
    cpu, wall = [], []
    for _ in range(rounds):
        shared = _seconds(registry, together, changes, device)
        singly = [_seconds(registry, [one], changes, device) for one in alone]
        cpu.append(shared[0] / sum(one[0] for one in singly))
        wall.append(shared[1] / sum(one[1] for one in singly))
    return {"cpu": spread(cpu), "wall": spread(wall)}


def _rows(
    name: str, registry: Registry, wanted: Sequence[str] | None, sets: Sequence[str]
) -> list[str]:
    """Return the rows of a benchmark that are run."""
    resolved = resolve_benchmark(load_benchmark(name, protocol="quick", sets=sets), registry)
    return [row.row.id for row in resolved.rows if wanted is None or row.row.id in wanted]


def _seconds(
    registry: Registry,
    runs: Sequence[tuple[str, Sequence[str]]],
    sets: Sequence[str],
    device: str,
) -> tuple[float, float]:
    """Run rows of benchmarks from an empty cache; return seconds of processor and clock.

    Raises:
        RuntimeError: A cell failed.
    """
    with tempfile.TemporaryDirectory(prefix="farbench-") as folder:
        progress = Progress(io.StringIO())
        store = ArtifactStore(Path(folder) / "cache", progress.line)
        began, busy = time.perf_counter(), _processor_seconds()
        for name, rows in runs:
            loaded = load_benchmark(name, protocol="quick", rows=rows, sets=sets)
            preparation = Preparation(
                registry, store, Path(folder) / "runs", None, device, progress
            )
            run = BenchmarkRun(preparation)
            _, failed = run.execute(resolve_benchmark(loaded, registry))
            if failed:
                raise RuntimeError(f"{failed} cells of {name} failed")
        return _processor_seconds() - busy, time.perf_counter() - began


def _processor_seconds() -> float:
    """Return what this process took, and those that it waited for (packing forks some)."""
    return sum(os.times()[:4])
