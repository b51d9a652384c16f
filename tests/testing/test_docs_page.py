"""The page on testing plugins has every line as the checks state it, and its examples run."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from farbench.plugins.registry import KINDS
from farbench.testing.catalogue import checks_of

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "testing-plugins.md").read_text(encoding="utf-8")
HEADINGS = {
    "methods": "Methods",
    "datasets": "Data sets",
    "losses": "Losses",
    "weightings": "Task weightings",
    "keypoints": "Keypoint models",
    "groupings": "Groupings",
    "corruptions": "Corruptions",
}


def section(heading: str) -> dict[str, str]:
    """Return the checks that a section names, and what it says of them."""
    text = PAGE.split(f"### {heading}\n")[1].split("\n### ")[0]
    entries = re.findall(r"^- `(\w+)`: (.*?)(?=^- |\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: " ".join(told.split()) for name, told in entries}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_every_line(kind: str) -> None:
    said = section(HEADINGS[kind])
    if kind != "groupings":
        said = section("Every plugin with options") | said
    assert said == {check.name: f"{check.contract} {check.why}" for check in checks_of(kind)}


def test_the_failure_on_the_page_is_one_that_is_printed() -> None:
    (check,) = [one for one in checks_of("methods") if one.name == "parameters_learn"]
    shown = " ".join(PAGE.split("```text\n")[1].split("```")[0].split())
    told = f"contract: {check.contract} why: {check.why} to fix: Use it in forward, do not"
    assert told in shown


def test_the_examples_parse() -> None:
    for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        ast.parse(code if code.startswith('"""') else f"class Mine:\n{code}")


LOSS = '''
"""A loss."""

from farbench import Loss


class MyLoss(Loss):
    """A loss that gives a vector."""

    name = "my_loss"
    source = "here"
    gamma: float = 2.0

    def build(self, task, statistics):
        from torch import nn

        return nn.{}(reduction="none")
'''


def test_the_class_of_the_page_fails_in_the_words_of_the_contract(tmp_path: Path) -> None:
    code = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (example,) = [text for text in code if "TestMyLoss" in text]
    (tmp_path / "my_loss.py").write_text(LOSS.format("MSELoss"))
    (tmp_path / "test_my_loss.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_my_loss.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "scalar: for attributes the loss is (12, 40)" in done.stdout
    assert "contract: The module maps outputs (N, task.outputs) and targets to one" in done.stdout
    assert "to fix: Reduce to a scalar" in done.stdout
    assert "documented: MyLoss lacks the description of option 'gamma'" in done.stdout
    assert "2 failed, 3 passed, 10 skipped" in done.stdout
    assert "says nothing while scalar fails" in done.stdout
