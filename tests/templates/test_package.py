"""`farbench new --package`: it installs, farbench finds it, and its own tests pass."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from farbench.templates.package import package_files
from farbench.templates.plugin_file import PROVIDED


@pytest.mark.parametrize("kind", PROVIDED)
def test_the_files_are_what_they_seem(kind):
    files = package_files(kind, "gate_net")
    for path, text in files.items():
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert max(map(len, text.split("\n"))) <= 110, path
        assert f"my_{kind}" not in text
        if path.suffix == ".py":
            ast.parse(text)
    assert Path("src/farbench_gate_net/gate_net.py") in files
    project = tomllib.loads(files[Path("pyproject.toml")])["project"]
    assert project["name"] == "farbench-gate-net"
    assert project["entry-points"]["farbench"] == {"farbench_gate_net": "farbench_gate_net"}
    assert "license" not in project  # the author's to choose
    steps = yaml.safe_load(files[Path(".github/workflows/test.yml")])["jobs"]["test"]["steps"]
    assert {"run": "python -m pytest"} in steps
    assert "LICENSE" in files[Path("README.md")]
    assert "After each change: pytest\n" in files[Path("src/farbench_gate_net/gate_net.py")]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, farbench_cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = farbench_cli("new", "loss", "gate_net", "--package")
    assert done.code == 0
    assert "wrote farbench-gate-net\nnext:\n  pip install -e 'farbench-gate-net[test]'" in done.out
    done = farbench_cli("new", "loss", "gate_net", "--package")
    assert (done.code, "farbench-gate-net is there already" in done.err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROVIDED)
def test_it_installs_and_its_own_tests_pass(tmp_path, farbench_cli, kind):
    pytest.importorskip("hatchling")
    package, site = tmp_path / "made", tmp_path / "site"
    done = farbench_cli("new", kind, "shop_faces", "--package", "--to", package)
    assert done.code == 0, done.err
    run("pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index",
        "--disable-pip-version-check", "--root-user-action", "ignore",
        "--target", site, package)  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)]),
        "FARBENCH_CACHE": str(tmp_path / "cache"),
    }
    listed = run("farbench", "list", PROVIDED[kind][0][0], env=environment)
    assert "\nshop_faces " in listed
    assert "farbench-shop-faces 0.1.0" in listed
    tested = run("pytest", "-q", "-p", "no:cacheprovider", package, env=environment, cwd=package)
    assert " passed" in tested
    assert "failed" not in tested
    if kind != "dataset":
        file = package / "shop_faces_benchmark.yaml"
        assert " to run" in run("farbench", "run", file, "--dry-run", env=environment, cwd=tmp_path)


def run(*words: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
