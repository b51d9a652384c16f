"""Seconds from a command to its answer: `--help`, `list`, and a run's first training step."""

from __future__ import annotations

import tempfile
from pathlib import Path

from farbench.bench.processes import Taken, farbench_command, run_process
from farbench.bench.side_by_side import Ratio, spread

STOP_AFTER_A_STEP = '''
"""A method that ends its process when its first training step is done."""

import os
from typing import ClassVar

from farbench_methods.baseline import Baseline


class FirstStep(Baseline):
    """The baseline, until its second step begins."""

    name: ClassVar[str] = "first_step"

    def build(self, problem):
        """Return the baseline's network, which counts its steps."""
        network, steps = super().build(problem), []

        def count(module, inputs):
            steps.append(module.training)
            if sum(steps) == 2:
                os._exit(0)

        network.register_forward_pre_hook(count)
        return network
'''


def measure(rounds: int = 5, first_step: bool = True) -> dict[str, Ratio]:
    """Start farbench anew for every figure.

    The first step is that of `baseline` under the protocol `quick`: data set, plan, network, images
    from the cache, one step. All files are in the system's cache, as after a first call.

    Args:
        rounds: Calls of each that count, after one that does not.
        first_step: Whether to run to a first step as well.

    Returns:
        ``help_seconds``, ``list_seconds``, ``first_step_seconds``, and the processor's share of
        each as ``..._cpu_seconds``.
    """
    taken = {
        "help": _calls(farbench_command("--help"), rounds),
        "list": _calls(farbench_command("list"), rounds),
    }
    if first_step:
        with tempfile.TemporaryDirectory(prefix="farbench-") as name:
            taken["first_step"] = _first_steps(Path(name), rounds)
    figures: dict[str, Ratio] = {}
    for what, calls in taken.items():
        figures[f"{what}_seconds"] = spread([one.wall for one in calls])
        figures[f"{what}_cpu_seconds"] = spread([one.cpu for one in calls])
    return figures


def _first_steps(folder: Path, rounds: int) -> list[Taken]:
    plugin, file = folder / "first_step.py", folder / "first_step.yaml"
    plugin.write_text(STOP_AFTER_A_STEP, encoding="utf-8")
    file.write_text("protocol: quick\nrows: {first_step: {method: first_step}}\n", encoding="utf-8")
    words = farbench_command("run", str(file), "--plugins", str(plugin), "--device", "cpu")
    return _calls(
        [*words, "--results", str(folder / "runs")],
        rounds,
        {"FARBENCH_CACHE": str(folder / "cache")},
    )


def _calls(words: list[str], rounds: int, environment: dict[str, str] | None = None) -> list[Taken]:
    """Run a command once for the caches, then as often as it counts."""
    return [run_process(words, environment) for _ in range(rounds + 1)][1:]
