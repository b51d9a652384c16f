"""This project's own quick benchmark through its own gate, with the commands that users type.

``own_gate.yaml`` is the quick start made smaller; the slow test takes the quick start itself. Where
the experiment itself is changed on purpose, the baseline is made again::

    farbench run tests/gate/own_gate.yaml --device cpu
    farbench baseline runs/own_gate -o tests/gate/own_gate.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from farbench.store.cells import read_record, write_scores_again

HERE = Path(__file__).parent
BASELINES = HERE.parents[1] / "benchmarks/baselines"


@pytest.mark.parametrize(
    ("benchmark", "baseline", "planted"),
    [
        (HERE / "own_gate.yaml", HERE / "own_gate.json", 0.04),
        # One seed against three whose mA differs by points: 4 are not more than its noise.
        pytest.param(
            *("quickstart", BASELINES / "quickstart.json", 0.1),
            marks=[pytest.mark.slow, pytest.mark.timeout(1200)],
        ),
    ],
    ids=["small", "quickstart"],
)
def test_the_quick_benchmark_passes_and_a_worse_one_does_not(
    tmp_path: Path, benchmark: str | Path, baseline: Path, planted: float
) -> None:
    def farbench(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "farbench", *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "FARBENCH_CACHE": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )

    run = farbench("run", benchmark, "--seeds", "0", "--device", "cpu")
    assert run.returncode == 0, run.stderr
    # One seed of three; an experiment that is another one must not pass unseen.
    check = ("check", "runs", "--baseline", baseline, "--allow-missing", "--all-comparable")
    checked = farbench(*check)
    assert checked.returncode == 0, checked.stdout + __doc__
    assert "the gate holds" in checked.stdout

    (scores,) = (tmp_path / "runs").glob("*/g2ff_ca-*/metrics.json")
    held = json.loads(scores.read_text())
    held["attributes"]["mA"] -= planted
    scores.write_text(json.dumps(held))
    write_scores_again(scores.parent, read_record(scores.parent))
    checked = farbench(*check)
    assert checked.returncode == 1, checked.stdout
    assert "worse     g2ff_ca on synthetic_faces, mA: " in checked.stdout
