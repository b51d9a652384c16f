"""The gate on files of `farbench bench`."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from farbench.gate.outcome import Outcome
from farbench.gate.ratios import check_ratios

FIGURE = {"median": 1.0, "low": 0.99, "high": 1.01, "rounds": 5}
BENCH = {
    "kind": "farbench bench",
    "machine": {"processor": "P", "cores": 2, "device": "cpu"},
    "benches": {
        "overhead": {"seconds": 1.0, "figures": {"cpu": {**FIGURE, "at_most": 1.02, "met": True}}},
        "loader": {
            "seconds": 1.0,
            "figures": {"later": {**FIGURE, "median": 6.0, "at_least": 5, "met": True}},
        },
        "start": {"seconds": 1.0, "figures": {"help_seconds": FIGURE}},
    },
}


def verdict(folder: Path, change, **options):
    """Return the verdict on a copy that ``change`` changed, against the original."""
    new = deepcopy(BENCH)
    change(new)
    for name, content in (("before", BENCH), ("after", new)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return check_ratios(folder / "after.json", folder / "before.json", **options)


def figure(bench: dict, name: str, key: str, **values) -> None:
    bench["benches"][name]["figures"][key].update(values)


@pytest.mark.parametrize(
    ("change", "outcome", "holds"),
    [
        (lambda b: None, Outcome.SAME, True),
        (lambda b: figure(b, "start", "help_seconds", median=1.04), Outcome.SAME, True),
        (lambda b: figure(b, "start", "help_seconds", median=1.2), Outcome.WORSE, False),
        (lambda b: figure(b, "start", "help_seconds", median=0.8), Outcome.BETTER, True),
        (lambda b: figure(b, "start", "help_seconds", median=1.2, high=1.9), Outcome.SAME, True),
        (lambda b: figure(b, "loader", "later", median=5.2), Outcome.WORSE, False),
        (lambda b: figure(b, "loader", "later", median=7.0), Outcome.BETTER, True),
        (lambda b: figure(b, "overhead", "cpu", median=1.03, met=False), Outcome.WORSE, False),
        (lambda b: b["benches"].pop("start"), Outcome.VANISHED, False),
        (lambda b: b["benches"]["start"].update(error="x", figures={}), Outcome.BROKE, False),
        (lambda b: b["benches"].update(jobs={"seconds": 1, "figures": {}}), Outcome.NEW, True),
        (lambda b: b["machine"].update(cores=4), Outcome.NOT_COMPARABLE, True),
    ],
)
def test_what_became_of_a_figure(tmp_path, change, outcome, holds):
    found = verdict(tmp_path, change)
    assert found.judgements[0].outcome is outcome
    assert found.holds is holds


def test_how_much_worse_is_the_users_to_say(tmp_path):
    def slower(bench):
        figure(bench, "start", "help_seconds", median=1.2)

    assert verdict(tmp_path, slower, slower=1.3).holds


def test_the_command_takes_such_files(tmp_path, farbench_cli):
    verdict(tmp_path, lambda b: figure(b, "start", "help_seconds", median=1.2))
    after, before = tmp_path / "after.json", tmp_path / "before.json"
    done = farbench_cli("check", after, "--baseline", before)
    assert done.code == 1
    assert "start on bench, help_seconds: 1.000 -> 1.200 (+0.200" in done.out
    assert farbench_cli("check", before, "--baseline", before).code == 0


def test_another_file_is_refused(tmp_path, farbench_cli):
    other = tmp_path / "other.json"
    other.write_text("{}")
    done = farbench_cli("check", other, "--baseline", other)
    assert done.code == 2
    assert "is no file of `farbench bench --json FILE`" in done.err
