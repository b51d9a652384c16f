"""A plugin's file imports nothing heavy as it is loaded, seen from another process."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken import told, tried
from good_plugins import Good

from farbench.plugins.manager import load_plugins

FILE = """
from farbench import Method
{}

class Mine(Method):
    name = "mine"
"""


def test_a_file_that_imports_torch_is_slow_to_list(tmp_path: Path) -> None:
    outcomes = {}
    for number, line in enumerate(
        ("import torch", "import json", "from importlib.util import find_spec; find_spec('torch')")
    ):
        file = tmp_path / f"plugin{number}.py"
        file.write_text(FILE.format(line))
        plugin = load_plugins([file]).methods["mine"].value
        outcomes[number] = tried("methods", plugin, "light_import")
    assert "loading it imports torch (plugin0.py:3) -> Import inside" in told(outcomes[0])
    assert outcomes[1].status == outcomes[2].status == "ok"


@pytest.mark.parametrize(
    ("line", "said"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("raise SystemExit(0)", "SystemExit: 0")],
)
def test_a_file_that_loads_once_alone_is_told(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "once.py"
    file.write_text(FILE.format(""))
    plugin = load_plugins([file]).methods["mine"].value
    file.write_text(line)
    assert f"cannot be imported in a new process: {said} -> Make" in told(
        tried("methods", plugin, "light_import")
    )


def test_what_a_test_file_defines_is_not_asked_how_it_is_imported() -> None:
    class Here(Good):
        """Defined in a test."""

    outcome = tried("methods", Here, "light_import")
    assert (outcome.status, "no plugin file" in outcome.seen) == ("skipped", True)
