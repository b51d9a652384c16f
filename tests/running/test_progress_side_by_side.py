"""What several workers say at once, as one terminal shows it."""

from __future__ import annotations

import io
import pickle

from farbench.executors.contract import WorkItem
from farbench.running.progress import Progress, SaidProgress, SideBySide
from farbench.running.work import Todo


class Terminal(io.StringIO):
    def isatty(self):
        return True


def item(key, name, artifact=None):
    return WorkItem(key, name, Todo(key, "key", artifact))


def screen(out: io.StringIO) -> list[str]:
    """Return the lines as a terminal shows them: what is behind a carriage return overwrites."""
    lines = []
    for line in out.getvalue().split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_lines_have_the_name_of_their_item_and_a_last_line_has_all():
    out = Terminal()
    shown = SideBySide(Progress(out), 2)
    coarse, fine = item("a", "[1/2] coarse"), item("b", "[2/2] fine")
    shown.hear(coarse, ("line", "[1/2] coarse, dots, seed 0"))
    shown.hear(coarse, ("step", "joint 1/3", 1, 4))
    shown.hear(fine, ("line", "  joint 1/3: loss 0.5"))
    shown.hear(fine, ("step", "joint 2/3", 3, 4))
    assert screen(out) == [
        "[1/2] coarse, dots, seed 0",
        "[2/2] fine: joint 1/3: loss 0.5",
        "  0/2 done | [1/2] coarse joint 1/3 25% | [2/2] fine joint 2/3 75%",
    ]
    shown.ended(coarse)
    assert screen(out)[-1] == "  1/2 done | [2/2] fine joint 2/3 75%"
    shown.ended(item("c", "[first 1/1] joint", ("stages", "key")))
    assert "1/2 done" in screen(out)[-1]


def test_the_last_line_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    shown = SideBySide(Progress(out), 9)
    for number in range(9):
        shown.hear(item(str(number), f"[{number}/9] row"), ("step", "joint 1/3", 1, 4))
    assert len(screen(out)[-1]) < 40


def test_without_a_terminal_there_are_lines_alone():
    out = io.StringIO()
    shown = SideBySide(Progress(out), 1)
    shown.hear(item("a", "[1/1] a"), ("step", "joint 1/3", 1, 4))
    shown.hear(item("a", "[1/1] a"), ("line", "  done"))
    assert out.getvalue() == "[1/1] a: done\n"


def test_a_worker_says_its_lines_and_keeps_its_log(tmp_path):
    said = []
    progress = SaidProgress(said.append, live=False)
    with progress.log_to(tmp_path / "log.txt"):
        progress.line("  joint 1/3: loss 0.5")
        progress.step("joint", 1, 2)
        progress.memory(3, 4)
    assert said == [("line", "  joint 1/3: loss 0.5"), ("memory", 3, 4)]
    assert (tmp_path / "log.txt").read_text().endswith(" joint 1/3: loss 0.5\n")


def test_what_evaluates_cells_is_found_by_its_name():
    from farbench.cli.run import _evaluator

    assert pickle.loads(pickle.dumps(_evaluator)) is _evaluator
