"""Which executor runs the cells: by its name, or by a file that names it with its options."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from farbench.errors import UserError, unknown_name
from farbench.executors.contract import Executor
from farbench.executors.options import (
    RayOptions,
    SlurmOptions,
    read_file,
    read_options,
    split_options,
)

NAMES = ("local", "ray", "slurm")
LOGS = "workers"
"""Folder beside the cells for what workers elsewhere say and print."""


def make_executor(
    asked: str,
    pairs: Sequence[str],
    jobs: int | None,
    device: str,
    threads: int,
    folder: Path,
    shared: Sequence[Path],
) -> Executor:
    """Make an executor; nothing is started.

    Args:
        asked: "local", "ray", "slurm", or a YAML file with a line ``executor:`` and options.
        pairs: ``KEY=VALUE``; they go before the file's.
        jobs: The most cells at the same time; None is one here, and on a cluster what it takes.
        device: As of ``--device``.
        threads: The most that a cell computes with.
        folder: Of the benchmark's results.
        shared: Folders that all workers must see.

    Raises:
        UserError: It is not known or not installed, or an option is wrong.
    """
    name, options = asked, dict[str, Any]()
    if asked.endswith((".yaml", ".yml")):
        name, options = read_file(Path(asked))
    if name not in NAMES:
        raise unknown_name("executor", name, NAMES)
    options |= split_options(pairs)
    if name == "local":
        if options:
            raise UserError("--executor-option is for --executor ray and slurm.")
        return _local(jobs or 1, device)
    logs, on_gpus = folder / LOGS, _on_gpus(device)
    if name == "ray":
        for_ray = read_options(RayOptions, name, options)
        _check_gpus(for_ray.gpus, on_gpus, device)
        _check_installed("ray", "ray")
        from farbench.executors.ray import RayExecutor

        return RayExecutor(jobs, logs, shared, for_ray, threads, on_gpus)
    for_slurm = read_options(SlurmOptions, name, options)
    _check_gpus(for_slurm.gpus, on_gpus, device)
    _check_installed("submitit", "slurm")
    from farbench.executors.slurm import SlurmExecutor

    return SlurmExecutor(jobs, logs, shared, for_slurm, threads, on_gpus)


def _local(jobs: int, device: str) -> Executor:
    from farbench.executors.memory import gpus_to_use
    from farbench.executors.processes import ProcessExecutor
    from farbench.executors.serial import SerialExecutor

    return SerialExecutor() if jobs == 1 else ProcessExecutor(jobs, gpus_to_use(device))


def _on_gpus(device: str) -> bool:
    """Tell whether cells run on GPUs: workers' devices must be of the kind that is planned here."""
    import torch

    return device.startswith("cuda=") or (device != "cpu" and torch.cuda.is_available())


def _check_gpus(gpus: float | None, on_gpus: bool, device: str) -> None:
    """Refuse GPUs for cells that would be planned for a processor, and so refuse them.

    Raises:
        UserError: It is so.
    """
    if gpus and not on_gpus:
        raise UserError(
            f"--executor-option gpus={gpus:g}: with --device {device} cells are planned for a "
            "processor, since no GPU is seen here. Name the kind of the workers' GPUs, as "
            "`nvidia-smi -L` does there: --device 'cuda=NVIDIA H100 80GB HBM3'."
        )


def _check_installed(package: str, extra: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise UserError(
            f"--executor {extra} needs {package}. Install with: pip install 'farbench[{extra}]'"
        )
