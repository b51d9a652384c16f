"""What machine and software a cell ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import farbench
from farbench.benchmark.identity import library_versions
from farbench.training.device import Compute


def environment(compute: Compute, cells_at_once: int = 1) -> dict[str, Any]:
    """Return versions, processor, device and, in a checkout, the commit.

    Args:
        compute: Device and precision.
        cells_at_once: The most cells that shared the machine; speeds depend on it.
    """
    return {
        "farbench": farbench.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cells_at_once": cells_at_once,
        **compute.numerics(),
        "libraries": library_versions(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    """Return the commit of the checkout that farbench runs from; None for an installed one."""
    root = Path(farbench.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
