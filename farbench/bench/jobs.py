"""Cells side by side: `farbench run --jobs N`, and Ray, against one after the other, end to end."""

from __future__ import annotations

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path

from farbench.bench.processes import Taken, farbench_command, run_process
from farbench.bench.side_by_side import Ratio, ratio

PROTOCOL = {
    "dataset": "synthetic_faces",
    "resize": 72,
    "crop": 64,
    "pretrained": False,
    "threads": 1,
    "stage_epochs": {"global": 0, "groups": 0},
    "method": {"backbone": "resnet10t"},
}


def measure(
    cells: int = 4, images: int = 800, epochs: int = 3, jobs: int = 2, rounds: int = 3
) -> dict[str, Ratio]:
    """Run a benchmark of equal cells that share no stage, from the command to the table.

    Each cell computes with one thread. All start from an empty cache but for the packed images.

    Args:
        cells: Rows of `baseline`, each with a learning rate of its own.
        images: Train images.
        epochs: Of each cell.
        jobs: N.
        rounds: That count, in turn.

    Returns:
        ``wall`` and ``cpu``: the seconds with ``--jobs N`` divided by those without. What
        processes cost (each loads torch and plans) is in both. Where Ray is installed,
        ``ray_wall``: the same with as many workers of a cluster on this machine, its start
        included; they are no children of the command, so their processor time is not known.
    """
    ways: dict[str, tuple[str, ...]] = {
        "serial": ("--jobs", "1"),
        "jobs": ("--jobs", str(jobs)),
    }
    if find_spec("ray") is not None:
        ways["ray"] = ("--executor", "ray", "--jobs", str(jobs))
    taken: dict[str, list[Taken]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:
        folder = Path(name)
        file = _benchmark(folder, cells, images, epochs)
        for turn in range(rounds):
            for way in sorted(ways, reverse=bool(turn % 2)):
                taken[way].append(_run(file, folder / f"{turn}-{way}", ways[way]))
    wall = {way: tuple(one.wall for one in each) for way, each in taken.items()}
    cpu = {way: tuple(one.cpu for one in each) for way, each in taken.items()}
    found = {
        "wall": ratio(wall["jobs"], wall["serial"]),
        "cpu": ratio(cpu["jobs"], cpu["serial"]),
    }
    if "ray" in wall:
        found["ray_wall"] = ratio(wall["ray"], wall["serial"])
    return found


def _benchmark(folder: Path, cells: int, images: int, epochs: int) -> Path:
    """Write the benchmark, and pack its images into the cache ``packed``."""
    few = max(images // 4, 2)
    counts = {"train": images, "valid": few, "test": few}
    rates = {f"cell{number}": 3e-4 * (1 + number) for number in range(cells)}
    rows = {
        row: {"method": "baseline", "protocol": {"learning_rate": rate}}
        for row, rate in rates.items()
    }
    (folder / "small.yaml").write_text(json.dumps({**PROTOCOL, "epochs": epochs, "images": counts}))
    file = folder / "jobs.yaml"
    file.write_text(json.dumps({"protocol": "small.yaml", "rows": rows}))
    words = ("--rows", "cell0", "--set", "protocol.epochs=1", "--device", "cpu")
    run_process(
        farbench_command("run", str(file), *words, "--results", str(folder / "packing")),
        {"FARBENCH_CACHE": str(folder / "cache")},
    )
    return file


def _run(file: Path, results: Path, way: tuple[str, ...]) -> Taken:
    """Run the benchmark with a cache of its own that has the packed images."""
    cache = results.with_suffix(".cache")
    cache.mkdir()
    (cache / "packed").symlink_to(file.parent / "cache" / "packed")
    words = ("--device", "cpu", *way, "--results", str(results))
    return run_process(farbench_command("run", str(file), *words), {"FARBENCH_CACHE": str(cache)})
