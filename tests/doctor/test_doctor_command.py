"""`farbench doctor` on the command line: lines, JSON, exit codes."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("FARBENCH_DATA", "FARBENCH_PLUGINS", "FARBENCH_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)


def test_a_machine_that_is_well(farbench_cli):
    outcome = farbench_cli("doctor", "python", "plugins")
    assert outcome.code == 0
    assert outcome.out.startswith("ok       Python               3.")
    assert outcome.out.endswith("\n\n0 problems, 0 warnings.\n")


def test_a_problem_is_told_with_what_to_type_and_the_exit_code_is_1(farbench_cli, tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    outcome = farbench_cli("doctor", "plugins", "--plugins", "bad.py")
    assert outcome.code == 1
    assert outcome.out.startswith("problem  plugin bad           ")
    assert "-> Mend it: farbench test-plugin" in outcome.out
    assert "1 problem, 0 warnings." in outcome.out
    found = farbench_cli("doctor", "plugins", "--plugins", "bad.py", "--format", "json")
    assert found.code == 1
    told = json.loads(found.out)
    assert (told["problems"], told["warnings"]) == (1, 0)
    assert told["diagnoses"][0]["check"] == "plugins"
    assert told["diagnoses"][0]["state"] == "problem"


def test_mistakes(farbench_cli):
    assert farbench_cli("doctor", "discs").code == 2
    outcome = farbench_cli("doctor", "python", "--format", "yaml")
    assert outcome.err == (
        "farbench: error: --format: unknown format 'yaml'. Known: json, terminal.\n"
    )


def test_nothing_is_written(farbench_cli, tmp_path):
    farbench_cli("doctor", "disk", "plugins", "datasets")
    assert list(tmp_path.iterdir()) == []
