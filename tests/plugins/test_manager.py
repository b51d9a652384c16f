"""Plugins are found everywhere they may be; a broken one is reported and left out."""

from __future__ import annotations

import os
import re

import pytest

from farbench.errors import UserError
from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import KINDS, Registry

GOOD = '''
from typing import ClassVar

from farbench import Method


class Mine(Method):
    """Mine."""

    name: ClassVar[str] = "mine"
'''


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes files below an empty folder."""
    monkeypatch.delenv("FARBENCH_PLUGINS", raising=False)

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return tmp_path

    return write


def test_a_file_a_folder_and_the_environment(write, monkeypatch):
    folder = write(a=GOOD, _private="1 / 0\n", b=GOOD.replace("mine", "other"))
    assert load_plugins([folder / "a.py"]).methods["mine"].provider == str(folder / "a.py")
    both = load_plugins([folder, folder / "a.py"])  # the same file twice is one plugin
    assert {"mine", "other"} <= set(both.methods)
    assert not both.broken
    monkeypatch.setenv("FARBENCH_PLUGINS", f"{folder / 'a.py'}{os.pathsep}{folder / 'b.py'}")
    assert {"mine", "other"} <= set(load_plugins().methods)


def test_a_path_that_is_not_there_is_told_with_its_place_and_the_nearest_file(write, monkeypatch):
    monkeypatch.chdir(write(smooth_asl=GOOD))
    with pytest.raises(UserError, match=r"exist\. Did you mean 'smooth_asl\.py'\? Give a \.py"):
        load_plugins(["smooth_als.py"])
    monkeypatch.setenv("FARBENCH_PLUGINS", "gone.py")
    with pytest.raises(
        UserError, match=r"gone\.py \(from FARBENCH_PLUGINS\) does not exist\. Give"
    ):
        load_plugins()


def test_the_origin_is_file_and_line(write):
    folder = write(a=GOOD)
    assert load_plugins([folder]).methods["mine"].origin == f"{folder / 'a.py'}:7"


def test_what_is_private_imported_or_a_base_is_not_provided(write):
    text = GOOD + (
        "\n\nclass _Base(Method):\n    pass\n\n\n"
        "class Second(_Base):\n    name: ClassVar[str] = 'second'\n\n\n"
        "from farbench_methods.mgmtn import AML\n"
        "from farbench_methods.groupings import MGMTN\n"
    )
    before = load_plugins()
    registry = load_plugins([write(a=text)])
    assert not registry.broken
    assert set(registry.methods) - set(before.methods) == {"mine", "second"}
    assert registry.methods["aml"].provider == before.methods["aml"].provider
    assert registry.groupings["mgmtn"].provider == before.groupings["mgmtn"].provider


HOOKS = """
from farbench import Method, hookimpl


class Mine(Method):
    name = "mine"


class Unlisted(Method):
    name = "unlisted"


@hookimpl
def farbench_methods():
    return [Mine]
"""


def test_a_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "their_plugins.py").write_text(HOOKS)
    info = tmp_path / "their_package-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[farbench]\ntheirs = their_plugins\ngone = their_missing_module\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry = load_plugins()
    assert registry.methods["mine"].provider == "their-package 1.2"
    assert "unlisted" not in registry.methods  # packages say what they provide
    (broken,) = registry.broken
    assert (broken.name, broken.source) == ("gone", "their-package 1.2")
    assert broken.error.startswith("ModuleNotFoundError")


BROKEN = {
    "import nothing_of_the_kind\n": "ModuleNotFoundError: No module named 'nothing_of_the_kind'",
    "def f(:\n": "SyntaxError: invalid syntax",
    "import sys\nsys.exit(3)\n": "SystemExit: 3",
    "from farbench import UserError\nraise UserError('no')\n": "UserError: no",
    HOOKS.replace("farbench_methods", "farbench_metods"): (
        "NameError: unknown hook 'farbench_metods'. Did you mean 'farbench_methods'?"
    ),
    HOOKS.replace("@hookimpl\n", ""): (
        "TypeError: hook 'farbench_methods' is not marked with @farbench.hookimpl"
    ),
    HOOKS.replace("farbench_methods()", "farbench_cell_started(cel)"): "PluginValidationError",
    HOOKS.replace("[Mine]", "None"): "TypeError: 'NoneType' object is not iterable",
    HOOKS.replace("[Mine]", "[Mine()]"): "is not a Method",
    HOOKS.replace("farbench_methods", "farbench_losses"): "is not a Loss",
    HOOKS.replace("[Mine]", "[1 / 0]"): "ZeroDivisionError",
    GOOD.replace('    name: ClassVar[str] = "mine"\n', ""): (
        "TypeError: Method Mine needs `name: ClassVar[str]` of lower-case letters, digits and "
        "underscores (a class that is only a base starts with _)"
    ),
    GOOD.replace('"mine"', '"My Method"'): "underscores, not 'My Method'",
    GOOD.replace('"mine"', "3"): "underscores, not 3",
    GOOD.replace(
        "Method", "Dataset"
    ): "TypeError: Dataset Mine needs `info: ClassVar[DatasetInfo]`",
}


ONE_LINE = {
    "\n\n1 / 0\n": "ZeroDivisionError: division by zero (line 3)",
    GOOD + "    width = 3\n": (
        "PydanticUserError: A non-annotated attribute was detected: `width = 3`. All model fields "
        "require a type annotation"
    ),
    GOOD + "    width: int = 3\n\n\nMine(width='wide')\n": (
        "ValidationError: Mine.width: Input should be a valid integer, unable to parse string as "
        "an integer (line 14)"
    ),
    "raise ValueError('two\\n  lines')\n": "ValueError: two lines (line 1)",
    "raise AssertionError\n": "AssertionError (line 1)",
}


@pytest.mark.parametrize("text", ONE_LINE, ids=lambda text: ONE_LINE[text][:20])
def test_an_error_of_a_plugin_is_one_line_with_its_line_and_without_addresses(write, text):
    (broken,) = load_plugins([write(bad=text)]).broken
    assert broken.error.startswith(ONE_LINE[text])
    assert "\n" not in broken.error
    assert "http" not in broken.error
    assert re.search(r" \(line \d+\)$", broken.error)


def test_strict_names_every_broken_plugin(write):
    folder = write(one="1 / 0\n", two="import nothing_of_the_kind\n")
    with pytest.raises(UserError) as caught:
        load_plugins([folder], strict=True)
    lines = str(caught.value).split("\n")
    assert [line.split(" (")[0] for line in lines] == ["plugin 'one'", "plugin 'two'"]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: BROKEN[text][:40])
def test_a_broken_plugin_is_reported_and_left_out_whole(write, text):
    folder = write(a_broken=text + "\n", b_good=GOOD.replace("mine", "good"))
    registry = load_plugins([folder])
    (broken,) = registry.broken
    assert (broken.name, broken.source) == ("a_broken", str(folder / "a_broken.py"))
    assert BROKEN[text] in broken.error
    assert "mine" not in registry.methods
    assert "good" in registry.methods
    modules = [getattr(plugin, "__file__", "") for plugin in registry.hooks.get_plugins()]
    assert str(folder / "a_broken.py") not in modules
    registry.hooks.check_pending()
    with pytest.raises(UserError, match=r"plugin 'a_broken' \(.*a_broken.py\) is broken: "):
        load_plugins([folder], strict=True)


def test_a_mistake_in_the_syntax_is_shown_with_its_line(write, monkeypatch):
    folder = write(a="import os\n\nclass Mine(os.PathLike)\n    pass\n")
    (broken,) = load_plugins([folder]).broken
    assert broken.error == (
        "SyntaxError: expected ':' (line 3, column 24: `class Mine(os.PathLike)`)"
    )
    (folder / "a.py").unlink()
    monkeypatch.syspath_prepend(folder)
    write(_other="x = (\n", b="import _other\n")
    (broken,) = load_plugins([folder]).broken
    assert broken.error == (
        f"SyntaxError: '(' was never closed ({folder / '_other.py'}, line 1, column 5: `x = (`)"
    )


def test_a_name_clash_names_both_providers(write):
    folder = write(a=GOOD, b=GOOD)
    both = rf"by {re.escape(str(folder / 'a.py'))} .*by {re.escape(str(folder / 'b.py'))} "
    with pytest.raises(UserError, match=f"method 'mine' is provided twice: {both}"):
        load_plugins([folder])
    with pytest.raises(UserError, match=r"'baseline' is provided twice: by farbench .* and by /"):
        load_plugins([write(c=GOOD.replace("mine", "baseline")) / "c.py"])


def test_a_path_that_is_no_plugin(write, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        load_plugins([tmp_path / "gone.py"])
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UserError, match="is not a Python file or a folder"):
        load_plugins([tmp_path / "notes.txt"])
    (tmp_path / "_private.py").write_text(GOOD)
    with pytest.raises(UserError, match=r"plugin folder .* holds no plugin"):
        load_plugins([tmp_path])
    with pytest.raises(UserError, match=r"plugin path ~nobody_here/x\.py: there is no such home"):
        load_plugins(["~nobody_here/x.py"])


def test_every_kind_has_a_place_in_the_registry_and_is_called_by_its_singular(write):
    assert set(KINDS) <= set(vars(Registry(hooks=None)))
    loss = "from farbench import Loss\n\n\nclass Mine(Loss):\n    name = 'mine'\n"
    with pytest.raises(UserError, match=r"^loss 'mine' is provided twice"):
        load_plugins([write(a=loss, b=loss)])


def test_run_warns_of_a_broken_plugin_and_strict_stops(tiny):
    tiny.write({"bad.py": "1 / 0\n"})
    bad = ("--plugins", tiny.folder / "bad.py")
    outcome = tiny.run(*bad, "--rows", "fine")
    assert f"warning: plugin 'bad' ({tiny.folder / 'bad.py'}) is left out: Zero" in outcome.err
    strict = tiny.run(*bad, "--strict", results=tiny.folder / "other", code=2)
    assert strict.err.count("\n") == 1
    assert not (tiny.folder / "other").exists()
