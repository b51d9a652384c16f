"""The fixture ``farbench_cell`` in somebody's own repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from farbench.gate.pytest_plugin import _results

ROOT = Path(__file__).parents[2]

TESTS = """
import pytest

from farbench import UserError


def test_is_no_worse(farbench_cell):
    cell = farbench_cell("tiny_bench.yaml", row="fine")
    assert cell.metrics["attributes"]["accuracy"] > 0.1
    assert cell.record["row"] == "fine"
    cell.check("kept.json")
    cell.check("kept.json", tolerance="accuracy=1")


def test_is_found_again(farbench_cell):
    first = farbench_cell("tiny_bench.yaml", row="fine")
    log = (first.folder / "log.txt").read_text()
    assert farbench_cell("tiny_bench.yaml", row="fine").record == first.record
    assert (first.folder / "log.txt").read_text() == log


def test_worse(farbench_cell):
    farbench_cell("tiny_bench.yaml", row="fine").check("better.json")


def test_another_option(farbench_cell):
    cell = farbench_cell("tiny_bench.yaml", row="fine", sets=["method.cells=5"])
    cell.check("kept.json")


def test_no_baseline(farbench_cell):
    cell = farbench_cell("tiny_bench.yaml", row="fine")
    with pytest.raises(UserError, match="farbench baseline runs/tiny_bench -o none.json"):
        cell.check("none.json")


def test_a_baseline_without_the_row(farbench_cell):
    cell = farbench_cell("tiny_bench.yaml", row="coarse", seed=1)
    with pytest.raises(UserError, match="has no numbers of row 'coarse'"):
        cell.check("kept.json")


def test_which_row(farbench_cell):
    farbench_cell("tiny_bench.yaml")


def test_unknown_row(farbench_cell):
    farbench_cell("tiny_bench.yaml", row="fin")


def test_failing(farbench_cell):
    farbench_cell("tiny_bench.yaml", row="fine", sets=["protocol.learning_rate=1e38"])
"""

LIGHT = """
import sys


def test_nothing_is_loaded():
    heavy = {"torch", "numpy", "pandas", "farbench.running.run", "farbench.gate.finished"}
    assert heavy & set(sys.modules) == set()
"""
"""A test of a project that has nothing to do with farbench."""


@pytest.fixture
def repository(tiny, farbench_cli):
    """The tiny benchmark with two baselines of its row `fine` and a test beside it."""
    tiny.run("--rows", "fine", "--seeds", "0,1")
    tiny.write({"test_a.py": LIGHT, "test_mine.py": TESTS})
    kept = tiny.folder / "kept.json"
    assert farbench_cli("baseline", tiny.results, "-o", kept).code == 0
    better = json.loads(kept.read_text())
    for trained in better["rows"]["fine"]["dots"]["tasks"]["attributes"]["seeds"].values():
        trained["metrics"]["accuracy"] += 0.5
    better["rows"]["fine"]["dots"]["tasks"]["attributes"]["spread"]["accuracy"] = 0.001
    (tiny.folder / "better.json").write_text(json.dumps(better))
    return tiny.folder


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest where the plugin is given by name: installed or not, it is there once."""
    command = [sys.executable, "-m", "pytest", "-p", "farbench.gate.pytest_plugin", "-W", "error"]
    return subprocess.run(
        [*command, "-q", "--tb=short", "-rA"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_in_a_repository(repository):
    done = run_pytest(repository)
    lines = done.stdout.splitlines()
    states = {
        line.split()[1].partition("::")[2]: line.split()[0]
        for line in lines
        if line.startswith(("PASSED", "FAILED", "ERROR"))
    }
    assert states == {
        "test_nothing_is_loaded": "PASSED",
        "test_is_no_worse": "PASSED",
        "test_is_found_again": "PASSED",
        "test_worse": "FAILED",
        "test_another_option": "FAILED",
        "test_no_baseline": "PASSED",
        "test_a_baseline_without_the_row": "PASSED",
        "test_which_row": "FAILED",
        "test_unknown_row": "FAILED",
        "test_failing": "FAILED",
    }, done.stdout
    assert "worse  fine on dots, accuracy: " in done.stdout
    assert "recipe: method.options.cells 4 -> 5" in done.stdout
    assert "has rows coarse, fine: say which, row=..." in done.stdout
    assert "no row 'fin' in benchmark 'tiny_bench'. Did you mean 'fine'?" in done.stdout
    assert "vanished" not in done.stdout  # the baseline's other seed is not missed
    assert "During handling" not in done.stdout
    assert "row 'fine' failed: " in done.stdout
    assert (repository / ".pytest_cache" / "d" / "farbench" / "tiny_bench" / "plan.json").is_file()


def test_where_cells_are_kept(tmp_path):
    def config(given, cache):
        return SimpleNamespace(getoption=lambda name: given, **({"cache": cache} if cache else {}))

    cache = SimpleNamespace(mkdir=lambda name: tmp_path / name)
    assert _results(config(None, cache)) == tmp_path / "farbench"
    assert _results(config(tmp_path / "mine", cache)) == tmp_path / "mine"
    assert _results(config(None, None)) is None


def test_pytest_finds_it_where_farbench_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"farbench": "farbench.gate.pytest_plugin"}
