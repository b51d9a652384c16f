"""The pages on `farbench doctor` and on loggers keep up with the code."""

from __future__ import annotations

import re
from pathlib import Path

from farbench.doctor.examine import CHECKS
from farbench.plugins.installed import LOGGERS, installed
from farbench.plugins.modules import HOOKS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_has_every_check_in_its_order():
    text = (DOCS / "doctor.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE) == list(CHECKS)


def test_the_check_of_the_page_works(tmp_path, monkeypatch, farbench_cli):
    text = (DOCS / "doctor.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "licence.py").write_text(code)

    def refuse(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr("socket.create_connection", refuse)
    outcome = farbench_cli("doctor", "licence", "--plugins", tmp_path / "licence.py")
    assert outcome.code == 1
    assert "no route" in outcome.out


def test_the_page_has_every_logger_and_life_cycle_hook():
    text = (DOCS / "loggers.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)
    assert sorted(names[:2]) == sorted(logger.name for logger in installed(LOGGERS))
    life_cycle = {hook for hook in HOOKS if hook.startswith(("farbench_cell_", "farbench_epoch_"))}
    assert set(names[2:]) == life_cycle
