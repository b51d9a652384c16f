"""Is there memory to train in?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from farbench.plugins.health import Diagnosis, Machine

LEAST = 2e9
"""Bytes. torch, its libraries and a small network take about one GB."""
LEAST_GPU = 4e9
"""Bytes. A ResNet-50 at 224 px with batches of 36 takes about so much."""
CGROUP = Path("/sys/fs/cgroup")


def check_memory(machine: Machine) -> Iterator[Diagnosis]:
    """Tell what is free in main memory, heeding a container's limit, and on every GPU."""
    import torch

    from farbench.data.placement import free_memory

    free = free_memory(torch.device("cpu"))
    room = _room_in_container()
    if room is not None and (free is None or room < free):
        yield _told("memory", room, LEAST, " (the container's limit)", "Give the container more.")
    elif free is not None:
        advice = "End other programs, or run with --jobs 1 and FARBENCH_WORKERS=1."
        yield _told("memory", free, LEAST, "", advice)
    if not torch.cuda.is_available():
        return
    for index in range(torch.cuda.device_count()):
        left = free_memory(torch.device("cuda", index)) or 0
        advice = "nvidia-smi tells who holds it; or --set protocol.micro_batch=N"
        yield _told(f"cuda:{index} memory", left, LEAST_GPU, "", advice)


def _told(about: str, free: float, least: float, why: str, advice: str) -> Diagnosis:
    text = f"{free / 1e9:.1f} GB free{why}"
    if free >= least:
        return Diagnosis(about, "ok", text)
    return Diagnosis(about, "warning", f"{text}: little", advice)


def _room_in_container() -> int | None:
    """Return what a control group leaves of its memory; None where it sets no limit.

    Files that lie in memory count as used there, but those that nobody reads any more are given up
    when the memory is wanted.
    """
    try:
        limit = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
        parts = (CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    idle = sum(int(line.split()[1]) for line in parts if line.startswith("inactive_file "))
    return max(int(limit) - used + idle, 0) if limit.isdecimal() else None
