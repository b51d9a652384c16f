"""The workflows of GitHub Actions: inputs, and what their steps do in a shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"

STUB = """#!{python}
import json, os, sys
with open("called.jsonl", "a") as log:
    log.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""


def workflow(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return loaded


GATE = workflow("gate.yml")
# YAML 1.1 reads the key `on` as true.
INPUTS = GATE[True]["workflow_call"]["inputs"]
JOB = GATE["jobs"]["gate"]
SCRIPTS = {step["name"]: step["run"] for step in JOB["steps"] if "run" in step}


def test_inputs_are_declared_and_used():
    text = (FOLDER / "gate.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(INPUTS)
    for name, declared in INPUTS.items():
        assert declared.get("required") or "default" in declared, name


def test_no_input_reaches_a_shell_as_text():
    every = [*SCRIPTS.values(), *(step.get("run", "") for step in ci_job("test")["steps"])]
    assert not [script for script in every if "${{" in script]
    used = set(re.findall(r"\$\{?([A-Z_]+)", "".join(SCRIPTS.values())))
    assert used <= set(JOB["env"])


def ci_job(name: str) -> dict[str, Any]:
    job: dict[str, Any] = workflow("ci.yml")["jobs"][name]
    return job


def test_this_project_uses_its_own_gate():
    job = ci_job("gate")
    assert ROOT / job["uses"] == FOLDER / "gate.yml"
    given = job["with"]
    assert set(given) <= set(INPUTS)
    assert {name for name, declared in INPUTS.items() if declared.get("required")} <= set(given)
    assert (ROOT / given["baseline"]).is_file()
    assert [step["run"] for step in ci_job("test")["steps"] if "run" in step] == [".ci/run"]


@pytest.fixture
def shell(tmp_path):
    """Return a function that runs a step as a runner does, with commands that only note calls."""
    for command in ("farbench", "python"):
        file = tmp_path / "bin" / command
        file.parent.mkdir(exist_ok=True)
        file.write_text(STUB.format(python=sys.executable))
        file.chmod(0o755)

    def run(step: str, **environment: str) -> tuple[int, list[list[str]]]:
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        given = {**dict.fromkeys(JOB["env"], ""), **environment, "PATH": path}
        done = subprocess.run(
            ["bash", "-e", "-c", SCRIPTS[step]], cwd=tmp_path, env={**os.environ, **given},
            check=False,
        )  # fmt: skip
        lines = (tmp_path / "called.jsonl").read_text().splitlines()
        return done.returncode, [json.loads(line) for line in lines]

    return run


def test_run_and_check(shell, farbench_cli):
    options = {"RUN_OPTIONS": "--seeds 0,1", "CHECK_OPTIONS": "--tolerance mA=1 --speed 2"}
    shell("Run", BENCHMARK="my bench.yaml", **options)
    code, calls = shell("Check", BASELINE="b.json", **options)
    assert code == 0
    run, check = calls
    assert run == [
        "farbench", "run", "my bench.yaml", "--results", ".farbench-runs", "--seeds", "0,1",
    ]  # fmt: skip
    assert check[:5] == ["farbench", "check", ".farbench-runs", "--baseline", "b.json"]
    assert check[-4:] == ["--tolerance", "mA=1", "--speed", "2"]
    for _, command, *words in calls:
        known = farbench_cli(command, "--help").out
        assert [w for w in words if w.startswith("--") and w not in known] == []


@pytest.mark.parametrize(("exit_code", "passes"), [("0", True), ("1", True), ("2", False)])
def test_a_failed_cell_is_left_to_the_gate(shell, exit_code, passes):
    code, _ = shell("Run", BENCHMARK="b", EXIT_CODE=exit_code)
    assert (code == 0) == passes


def test_a_gate_that_closes_fails_the_job(shell):
    assert shell("Check", BASELINE="b", EXIT_CODE="1")[0] == 1


def test_inputs_cannot_be_commands(shell, tmp_path):
    evil = "a; touch evil; $(touch evil) * `touch evil`"
    shell("Run", BENCHMARK=evil, RUN_OPTIONS=evil)
    shell("Check", BASELINE=evil, CHECK_OPTIONS=evil)
    _, calls = shell("Install", INSTALL=". -c constraints.txt")
    assert not (tmp_path / "evil").exists()
    assert calls[0][2] == evil
    assert "*" in calls[0]
    assert calls[-1] == ["python", "-m", "pip", "install", "--quiet", ".", "-c", "constraints.txt"]
