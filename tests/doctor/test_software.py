"""What is installed: Python, libraries, builds that do not match, plugins in trouble."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from types import SimpleNamespace

from diagnoses import problem, states

from farbench.doctor.libraries import check_libraries
from farbench.doctor.plugins import check_plugins
from farbench.doctor.python import check_python
from farbench.doctor.torchvision import check_torchvision


def test_python_that_is_too_old(machine, monkeypatch):
    assert states(check_python(machine())) == ["ok"]
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.1")
    assert problem(check_python(machine())).text == "3.9.1; farbench needs >=3.11"


def fake_versions(monkeypatch, versions, requires):
    version, needed = importlib.metadata.version, importlib.metadata.requires

    def fake(name):
        found = versions.get(name) or version(name)
        if found == "gone":
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", fake)
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda name: requires.get(name) or needed(name)
    )


def test_torch_that_torchvision_was_not_built_for(machine, monkeypatch):
    assert states(check_libraries(machine())) == ["ok"]
    wanted = {"torchvision": ["numpy", "torch (==2.5.0)", "scipy ; extra == 'scipy'"]}
    fake_versions(monkeypatch, {"torch": "2.6.0", "torchvision": "0.21.0"}, wanted)
    found = problem(check_libraries(machine()))
    assert (found.about, found.state) == ("torch", "problem")
    assert found.text == "2.6.0 is installed; torchvision 0.21.0 needs ==2.5.0"
    assert found.advice == "pip install --upgrade 'torch==2.5.0' torchvision"


def test_a_library_that_is_gone_or_too_old(machine, monkeypatch):
    fake_versions(monkeypatch, {"tabulate": "gone", "jinja2": "2.0"}, {})
    found = {one.about: one for one in check_libraries(machine())}
    assert found["tabulate"].text == "not installed; farbench needs it"
    assert found["tabulate"].advice == "pip install 'tabulate>=0.9'"
    assert found["jinja2"].text.startswith("2.0 is installed; farbench ")


def test_farbench_that_is_not_installed(machine, monkeypatch):
    def gone(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", gone)
    assert "none of its plugins is found" in problem(check_libraries(machine())).text


def test_torchvision_of_another_build(machine, monkeypatch):
    assert states(check_torchvision(machine())) == ["ok"]

    def nms(*_):
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    broken = SimpleNamespace(ops=SimpleNamespace(nms=nms), __version__="0")
    monkeypatch.setitem(sys.modules, "torchvision", broken)
    found = problem(check_torchvision(machine()))
    assert found.text.endswith("RuntimeError: operator torchvision::nms does not exist")


METHOD = "from farbench import Method\n\n\nclass Mine(Method):\n    name = 'baseline'\n"


def test_plugins_in_trouble(machine, tmp_path, monkeypatch):
    assert states(check_plugins(machine())) == ["ok"]
    (tmp_path / "bad.py").write_text("1 / 0\n")
    found = problem(check_plugins(machine([tmp_path / "bad.py"])))
    assert found.text == (
        f"{tmp_path / 'bad.py'} is broken: ZeroDivisionError: division by zero (line 1)"
    )
    assert found.advice == f"Mend it: farbench test-plugin {tmp_path / 'bad.py'}"
    (tmp_path / "same.py").write_text(METHOD)
    (clash,) = [o for o in check_plugins(machine([tmp_path / "same.py"])) if o.state != "ok"]
    assert clash.state == "problem"
    assert clash.text.startswith("method 'baseline' is provided twice: by farbench ")
    monkeypatch.setenv("FARBENCH_AUTOLOAD", "no:farbench_losses")
    off = problem(check_plugins(machine()))
    assert (off.state, off.text) == (
        "warning",
        "switched off by FARBENCH_AUTOLOAD: farbench_losses",
    )
