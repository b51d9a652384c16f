"""All checks: farbench's own and those of plugins, each by its name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from farbench.doctor import examine as examining
from farbench.doctor.examine import CHECKS, examine
from farbench.errors import UserError


def test_every_check_runs_alone_and_an_unknown_name_is_told(machine):
    with pytest.raises(UserError, match=r"unknown check 'disks'. Did you mean 'disk'\? Known: "):
        list(examine(machine(), ["disks"]))
    found = list(examine(machine(), ["plugins", "python"]))
    assert [one.check for one in found] == ["plugins", "python"]
    assert set(CHECKS) == {path.stem for path in Path(examining.__file__).parent.glob("*.py")} - {
        "__init__",
        "examine",
    }


PLUGIN = """
from farbench import Diagnosis, hookimpl


def moon(machine):
    yield Diagnosis("moon", "warning", f"full over {machine.device}", "wait")


def broken(machine):
    raise ValueError("no moon")


@hookimpl
def farbench_health_checks():
    return [moon, broken]
"""


def test_a_plugin_adds_checks_and_one_that_raises_is_a_problem(machine, tmp_path):
    (tmp_path / "moon.py").write_text(PLUGIN)
    moon, broken = examine(machine([tmp_path / "moon.py"], device="cpu"), ["moon", "broken"])
    assert (moon.check, moon.diagnosis.text) == ("moon", "full over cpu")
    assert broken.diagnosis.state == "problem"
    assert broken.diagnosis.text == "the check failed: ValueError: no moon"
    (wrong,) = examine(machine(method="basline"), ["speed"])
    assert wrong.diagnosis.state == "problem"
    assert wrong.diagnosis.text.startswith("METHOD: unknown method 'basline'. Did you mean 'base")
    (tmp_path / "moon.py").write_text(PLUGIN.replace("[moon, broken]", "[1 / 0]"))
    sys.modules.pop(next(name for name in sys.modules if name.startswith("farbench_plugin_moon")))
    *_, last = examine(machine([tmp_path / "moon.py"]), ["python"])
    assert last.check == "plugins"
    assert "checks of moon" in last.diagnosis.about


def test_a_check_of_a_plugin_replaces_none_of_farbench_s_own(machine, tmp_path):
    (tmp_path / "own_disk.py").write_text(PLUGIN.replace("moon", "disk"))
    found = [one.diagnosis for one in examine(machine([tmp_path / "own_disk.py"]), ["disk"])]
    assert found[-1].about.startswith("checks of own_disk ")
    assert found[-1].text.startswith("there is a check 'disk' already")
    assert not any("full over" in one.text for one in found)
