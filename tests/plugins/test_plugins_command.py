"""`farbench plugins`, and FARBENCH_AUTOLOAD: which plugins there are, and which are loaded."""

from __future__ import annotations

import json
import sys

import pytest

from farbench.errors import UserError
from farbench.plugins.manager import load_plugins

GOOD = '''
from typing import ClassVar

from farbench import Method, hookimpl


class Mine(Method):
    """Mine."""

    name: ClassVar[str] = "mine"


@hookimpl
def farbench_cell_started(cell):
    print(cell)
'''


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.delenv("FARBENCH_PLUGINS", raising=False)
    monkeypatch.delenv("FARBENCH_AUTOLOAD", raising=False)


def install(folder, monkeypatch, name, text):
    """Put a distribution with one plugin beside the installed ones."""
    (folder / f"{name}.py").write_text(text)
    info = folder / f"{name}_package-1.2.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.2\n"
    (info / "METADATA").write_text(head)
    (info / "entry_points.txt").write_text(f"[farbench]\n{name} = {name}\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)  # of another test


PROVIDES = GOOD + "\n\n@hookimpl\ndef farbench_methods():\n    return [Mine]\n"


def test_every_plugin_is_shown_with_source_state_and_what_it_provides(
    farbench_cli, tmp_path, monkeypatch
):
    install(tmp_path, monkeypatch, "theirs", PROVIDES.replace('"mine"', '"their_method"'))
    (tmp_path / "own.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text("1 / 0\n")
    files = [w for name in ("own", "bad") for w in ("--plugins", tmp_path / f"{name}.py")]
    outcome = farbench_cli("plugins", *files)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    words = [line.split(maxsplit=2) for line in lines]
    assert ["theirs", "loaded", "theirs-package 1.2"] in words
    assert ["own", "loaded", str(tmp_path / "own.py")] in words
    after = lines[words.index(["own", "loaded", str(tmp_path / "own.py")]) + 1 :]
    assert after[0].split() == ["methods", "mine", "(line", "7)"]
    assert after[1].split() == ["hooks", "farbench_cell_started"]
    bad = words.index(["bad", "broken", str(tmp_path / "bad.py")])
    assert lines[bad + 1] == "  ZeroDivisionError: division by zero (line 1)"
    assert any(line.split()[:3] == ["tensorboard", "on", "request"] for line in lines)
    assert lines[-1].endswith(" loaded, 1 broken, 2 on request.")
    assert max(map(len, lines)) <= 100 or len(str(tmp_path)) > 60
    strict = farbench_cli("plugins", *files, "--strict")
    assert (strict.code, strict.out) == (1, outcome.out)


def test_as_json(farbench_cli, tmp_path):
    (tmp_path / "own.py").write_text(GOOD)
    told = json.loads(
        farbench_cli("plugins", "--plugins", tmp_path / "own.py", "--format", "json").out
    )
    assert told["clashes"] == []
    (own,) = [plugin for plugin in told["plugins"] if plugin["found"] == "file"]
    assert own == {
        "name": "own",
        "source": str(tmp_path / "own.py"),
        "found": "file",
        "state": "loaded",
        "error": None,
        "provides": {"methods": [{"name": "mine", "origin": f"{tmp_path / 'own.py'}:7"}]},
        "hooks": ["farbench_cell_started"],
    }
    assert farbench_cli("plugins", "--format", "yaml").code == 2


def test_a_clash_of_installed_plugins_is_shown_and_can_be_ended(
    farbench_cli, tmp_path, monkeypatch
):
    install(tmp_path, monkeypatch, "theirs", PROVIDES.replace('"mine"', '"baseline"'))
    outcome = farbench_cli("plugins")
    assert outcome.code == 1
    last = outcome.out.splitlines()[-1]
    assert last.startswith("method 'baseline' is provided twice: by ")
    assert "theirs-package 1.2" in last
    assert "farbench 0." in last
    for name in ("theirs", "farbench_methods"):
        assert f"FARBENCH_AUTOLOAD=no:{name}" in last
    refused = farbench_cli("list", "methods")
    assert (refused.code, refused.err) == (2, f"farbench: error: {last}\n")
    monkeypatch.setenv("FARBENCH_AUTOLOAD", "no:theirs")
    shown = farbench_cli("list", "methods")
    assert shown.code == 0
    assert shown.err == "farbench: note: FARBENCH_AUTOLOAD switches off: theirs.\n"


def loaded():
    return {plugin.name for plugin in load_plugins().found if plugin.state == "loaded"}


def test_none_some_or_all_but_some_are_loaded(tmp_path, monkeypatch):
    every = loaded()
    assert {"farbench_methods", "farbench_losses"} <= every
    for value, wanted in {
        "all": every,
        " ": every,
        "none": set(),
        "farbench_losses, farbench_methods": {"farbench_losses", "farbench_methods"},
        "no:farbench_losses": every - {"farbench_losses"},
        "farbench_losses,farbench_methods,no:farbench_losses": {"farbench_methods"},
    }.items():
        monkeypatch.setenv("FARBENCH_AUTOLOAD", value)
        assert loaded() == wanted, value
    assert not load_plugins().losses
    # Files are always loaded: whoever names one wants it.
    monkeypatch.setenv("FARBENCH_AUTOLOAD", "none")
    (tmp_path / "own.py").write_text(GOOD)
    assert set(load_plugins([tmp_path / "own.py"]).methods) == {"mine"}


def test_what_is_switched_off_is_not_imported(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "theirs", "raise SystemExit('imported')\n")
    assert [broken.name for broken in load_plugins().broken] == ["theirs"]
    monkeypatch.setenv("FARBENCH_AUTOLOAD", "no:theirs")
    assert load_plugins().broken == []


def test_an_unknown_name_is_told(monkeypatch):
    monkeypatch.setenv("FARBENCH_AUTOLOAD", "no:farbench_loses")
    message = r"FARBENCH_AUTOLOAD: unknown installed plugin 'farbench_loses'. Did you mean 'farb"
    with pytest.raises(UserError, match=message):
        load_plugins()


def test_a_file_of_an_installed_package_needs_not_be_given(farbench_cli, tmp_path, monkeypatch):
    two = PROVIDES.replace("[Mine]", '[Mine, type("Own", (Mine,), {"name": "own"})]')
    install(tmp_path, monkeypatch, "theirs", two)
    outcome = farbench_cli("list", "methods", "--plugins", tmp_path / "theirs.py")
    assert outcome.code == 2
    assert outcome.err == (
        f"farbench: error: {tmp_path / 'theirs.py'} is given as a plugin file, and theirs-package "
        "1.2, which is installed, provides what it holds already: leave it out of `plugins:`, "
        "--plugins and FARBENCH_PLUGINS (`farbench test-plugin` takes a name as well).\n"
    )


def test_a_folder_that_is_a_package_is_to_be_installed(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    with pytest.raises(UserError, match=rf"is a package: type `pip install -e {tmp_path}`\."):
        load_plugins([tmp_path])
