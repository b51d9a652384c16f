"""`farbench test-plugin`: one line a check, advice where one breaks, and the exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LOSSES = '''
"""Two losses, of which one is broken."""

from typing import ClassVar

from pydantic import Field

from farbench import Grouping, Loss


class Fine(Loss):
    """Squared error of known labels."""

    name: ClassVar[str] = "fine_loss"
    source: ClassVar[str] = "tests"
    factor: float = Field(1.0, gt=0, description="On the loss.")

    def build(self, task, statistics):
        import torch
        from torch import nn

        factor = self.factor

        class Module(nn.Module):
            def forward(self, outputs, targets):
                known = targets >= 0
                values = torch.where(known, outputs - (2 * targets - 1), 0.0).square()
                return factor * values.sum() / known.sum().clamp(min=1)

        return Module()


class Mean(Fine):
    """The mean of a selection."""

    name: ClassVar[str] = "mean_loss"

    def build(self, task, statistics):
        from torch import nn

        factor = self.factor

        class Module(nn.Module):
            def forward(self, outputs, targets):
                known = targets >= 0
                return factor * (outputs - (2 * targets - 1))[known].square().mean()

        return Module()


HALVES = Grouping(name="halves", source="tests", groups={"All": ("Bald",)}, regions={})
'''


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FARBENCH_PLUGINS", raising=False)
    monkeypatch.delenv("FARBENCH_DATA", raising=False)
    path = tmp_path / "losses.py"
    path.write_text(LOSSES)
    return path


def test_a_file_is_tried_whole_and_a_broken_line_is_told_with_advice(farbench_cli, file) -> None:
    done = farbench_cli("test-plugin", file)
    assert done.code == 1
    assert done.err == ""
    lines = done.out.split("\n")
    assert lines[0].startswith("loss fine_loss (")
    assert lines[0].endswith(f"{file}:11)")
    assert "  ok      documented" in lines
    assert "  ok      builds: attributes" in lines
    at = lines.index(
        "  failed  all_unknown_is_zero: for attributes the loss of a batch without labels is nan"
    )
    assert lines[at + 1].startswith("          contract: A batch without any known label gives 0")
    assert lines[at + 2].startswith("          why: Such batches occur where data sets are joined")
    assert lines[at + 3].startswith("          to fix: Divide by known.sum().clamp(min=1)")
    assert "grouping halves" in done.out
    assert "covers_once: no group has 5_o_Clock_Shadow" in done.out
    assert "never_waits: boolean indexing asks the device" in done.out
    assert re.search(r"^\d+ ok, 3 failed, \d skipped in \d+ s$", done.out, re.MULTILINE)
    # A path is never broken, and how long this one is, is not for the command to say.
    assert max(len(line) for line in lines if str(file) not in line) <= 100


def test_what_keeps_to_its_contract_ends_well(farbench_cli, file) -> None:
    done = farbench_cli("test-plugin", "fine_loss", "--plugins", file, "--set", "factor=3")
    assert done.code == 0, done.out
    assert "losses.py:11; with factor 3)" in done.out
    assert "failed" not in done.out
    assert "mean_loss" not in done.out


def test_what_waits_for_a_failure_is_one_line(farbench_cli, file) -> None:
    file.write_text(LOSSES.replace("factor = self.factor\n", "return nope\n", 1))
    done = farbench_cli("test-plugin", file)
    assert done.code == 1
    assert "failed  builds: NameError: name 'nope' is not defined (losses.py:" in done.out
    assert "to fix: Mend the name at that line" in done.out
    assert "skipped scalar, gradients, leads_to_the_labels," in done.out
    assert " ".join(done.out.split()).count("say nothing while builds fails") == 1


def test_an_exception_that_no_contract_speaks_of_comes_without_one(farbench_cli, file) -> None:
    file.write_text(LOSSES.replace("outputs - (2", "outputs[:, :1, None].expand(2, 3, 4) - (2", 1))
    done = farbench_cli("test-plugin", file, "--kind", "losses")
    lines = done.out.split("\n")
    at = next(
        i for i, line in enumerate(lines) if line.startswith("  failed  scalar: RuntimeError")
    )
    assert "(losses.py:" in "".join(lines[at : at + 3])
    advice = next(line for line in lines[at + 1 :] if line.startswith(" " * 10 + "to fix"))
    assert advice.startswith("          to fix: Mend what is raised at that line. Outputs are")
    assert "contract: The module maps outputs" not in done.out


def test_one_kind_alone(farbench_cli, file) -> None:
    done = farbench_cli("test-plugin", file, "--kind", "groupings")
    assert done.code == 1
    assert "loss" not in done.out.replace("losses.py", "")


def test_a_data_set_without_its_files_skips_what_needs_them(farbench_cli, file) -> None:
    done = farbench_cli("test-plugin", "utkface")
    assert done.code == 0, done.out
    assert (
        "skipped located: it reads files, and no data root is known: give --data-root" in done.out
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fine_los"], "unknown plugin 'fine_los'"),
        (["bce", "--kind", "loss"], "unknown kind 'loss'. Did you mean 'losses'?"),
        (["bce", "--kind", "methods"], "unknown method 'bce'"),
        (["nowhere.py"], "plugin path nowhere.py does not exist"),
        (["bce", "--set", "reductoin=sum"], "no option 'reductoin'. Did you mean 'reduction'?"),
        (["bce", "--set", "reduction"], "write OPTION=VALUE"),
        (
            ["bce", "--set", "reduction=max"],
            "options of 'bce': reduction: expected 'mean' or 'sum'",
        ),
    ],
)
def test_mistakes_are_told(farbench_cli, file, arguments, words) -> None:
    done = farbench_cli("test-plugin", *arguments)
    assert done.code == 2
    assert words in done.err
    assert done.out == ""


def test_a_file_that_does_not_load_or_holds_nothing_is_a_mistake(farbench_cli, file) -> None:
    file.write_text("1 / 0\n")
    done = farbench_cli("test-plugin", file)
    assert done.code == 2
    assert "ZeroDivisionError: division by zero (line 1)" in done.err
    assert f"{file} cannot be tested: it does not load, see the warning above." in done.err
    other = file.with_name("nothing.py")
    other.write_text("x = 1\n")
    done = farbench_cli("test-plugin", other)
    assert (done.code, "provides no plugin" in done.err) == (2, True)


def test_it_is_listed_with_the_commands(farbench_cli) -> None:
    assert "test-plugin" in farbench_cli("--help").out
