"""Runs that share a results folder: what stays in the tables, and that none is lost."""

from __future__ import annotations

import json
import shutil
import time

import pytest

GATE = """
import os
import time
from pathlib import Path

from farbench import hookimpl


@hookimpl
def farbench_cell_started(cell):
    if "GATE" in os.environ:
        gate = Path(os.environ["GATE"])
        (gate / f"{cell.row}.{cell.seed}").touch()
        while not (gate / "open").exists():
            time.sleep(0.02)
"""


def plan(tiny):
    return json.loads((tiny.results / "tiny_bench" / "plan.json").read_text())


def places(tiny):
    return [(cell["row"], cell["dataset"], cell["seed"]) for cell in plan(tiny)["cells"]]


def notes(outcome):
    return [line for line in outcome.err.splitlines() if line.startswith("note: the tables")]


KEPT = "note: the tables keep what other runs finished here: "


def test_rows_one_after_the_other_come_together(tiny):
    tiny.file.write_text(tiny.file.read_text() + "compare: coarse\n")
    assert notes(tiny.run("--rows", "fine")) == []
    assert plan(tiny)["benchmark"]["compare"] is None
    outcome = tiny.run("--rows", "coarse")
    assert notes(outcome) == [f"{KEPT}fine (1 cell)."]
    held = plan(tiny)
    # In the benchmark's order, whichever was first.
    assert [row["id"] for row in held["benchmark"]["rows"]] == ["coarse", "fine"]
    assert [cell["row"] for cell in held["cells"]] == ["coarse", "fine"]
    assert held["benchmark"]["compare"] == "coarse"
    assert "Δ Accuracy" in outcome.out
    tables = tiny.results / "tiny_bench" / "tables" / "main.csv"
    assert ",coarse," in tables.read_text()
    assert ",fine," in tables.read_text()
    # The plan that came together is the plan of a whole run.
    tiny.run()
    assert plan(tiny) == held


def test_seeds_and_data_sets_come_together(tiny):
    tiny.run("--rows", "fine", "--seeds", "1")
    assert notes(tiny.run("--seeds", "3")) == [f"{KEPT}fine (1 cell)."]
    # In one order, whichever was first.
    assert places(tiny) == [("coarse", "dots", 3), ("fine", "dots", 1), ("fine", "dots", 3)]
    assert plan(tiny)["benchmark"]["seeds"] == [1, 3]
    other = ("--dataset", "synthetic_faces", "--rows", "coarse", "--seeds", "1")
    small = [f"dataset.{split}=16" for split in ("train", "valid", "test")]
    sets = [word for value in small for word in ("--set", value)]
    outcome = tiny.run(*other, *sets)
    assert notes(outcome) == [f"{KEPT}coarse (1 cell), fine (2 cells)."]
    assert plan(tiny)["benchmark"]["datasets"] == [
        {"name": "synthetic_faces", "train": 16, "valid": 16, "test": 16},
        "dots",
    ]
    # And that list serves the next run.
    tiny.run("--rows", "fine", "--seeds", "1")
    assert len(places(tiny)) == 4


def test_nothing_is_planned_again_where_nothing_else_is_there(tiny, monkeypatch):
    from farbench.running.plan import Planner

    tiny.run()
    planned = []
    true = Planner.plan
    monkeypatch.setattr(
        Planner, "plan", lambda self, bench: planned.append(bench) or true(self, bench)
    )
    tiny.run()
    assert len(planned) == 1


LEFT_OUT = {
    "its option changed": ("tiny_bench.yaml", "cells: 2", "cells: 3"),
    "the protocol changed": ("tiny.yaml", "epochs: 3", "epochs: 2"),
    "the data changed": ("tiny.yaml", "dataset: dots", "dataset: {name: dots, turned: 3}"),
    "it is not in the benchmark": ("tiny_bench.yaml", "coarse:", "rough:"),
    "its method is gone": ("tiny_bench.yaml", "{method: tiny_net, cells: 2}", "{method: gone}"),
}


def assert_coarse_is_left_out(tiny, errors):
    assert places(tiny) == [("fine", "dots", 0)]
    assert [row["id"] for row in plan(tiny)["benchmark"]["rows"]] == ["fine"]
    wanted = "note: the tables leave out coarse (1 cell) of other runs: not finished, not in the"
    assert wanted in errors


@pytest.mark.parametrize("change", LEFT_OUT.values(), ids=list(LEFT_OUT))
def test_what_would_not_come_out_today_is_left_out_and_told(tiny, change):
    tiny.run()
    cell = tiny.cells()["coarse"]
    name, old, new = change
    text = (tiny.folder / name).read_text()
    assert old in text
    tiny.write({name: text.replace(old, new)})
    assert_coarse_is_left_out(tiny, tiny.run("--rows", "fine").err)
    assert (cell / "cell.json").is_file()


def test_what_another_program_made_is_left_out(tiny):
    tiny.run()
    method = (tiny.folder / "tiny_method.py").read_text()
    tiny.write({"tiny_method.py": method.replace("nn.Dropout(0.2)", "nn.Dropout(0.3)")})
    # In a process of its own, for a plugin file is loaded once.
    process = tiny.start("--rows", "fine")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert_coarse_is_left_out(tiny, err)


def test_a_new_title_or_label_keeps_all(tiny):
    tiny.run()
    text = tiny.file.read_text().replace("title: Tiny", "title: Very tiny")
    tiny.file.write_text(text.replace("cells: 2", "cells: 2, label: rough"))
    assert notes(tiny.run("--rows", "fine")) == [f"{KEPT}coarse (1 cell)."]
    assert [row["label"] for row in plan(tiny)["benchmark"]["rows"]] == ["rough", "fine"]
    assert [row for row, _, _ in places(tiny)] == ["coarse", "fine"]


def test_what_is_not_finished_or_damaged_is_left_out(tiny):
    tiny.run()
    coarse = tiny.cells()["coarse"]
    record = json.loads((coarse / "cell.json").read_text())
    (coarse / "cell.json").write_text(json.dumps({**record, "status": "failed"}))
    assert "leave out coarse (1 cell)" in tiny.run("--rows", "fine").err
    assert places(tiny) == [("fine", "dots", 0)]
    assert notes(tiny.run("--rows", "fine")) == []
    tiny.run()
    shutil.rmtree(tiny.cells()["coarse"])
    assert "leave out coarse (1 cell)" in tiny.run("--rows", "fine").err


def test_another_rows_defect_does_not_stop_a_run(tiny, monkeypatch):
    from farbench.running.plan import Planner

    tiny.run()
    true = Planner.plan

    def plan_again(self, benchmark):
        if benchmark.rows[-1].row.id == "coarse":
            raise RuntimeError("a defect of a plugin")
        return true(self, benchmark)

    monkeypatch.setattr(Planner, "plan", plan_again)
    assert "leave out coarse (1 cell)" in tiny.run("--rows", "fine").err


def test_an_option_that_only_the_rows_of_this_run_have(tiny):
    """`--set method.OPTION` is laid over the rows that have it, and asks nothing of others."""
    tiny.write(
        {"plain.py": (tiny.folder / "tiny_method.py").read_text().replace("cells", "columns")}
    )
    plain = (tiny.folder / "plain.py").read_text()
    tiny.write({"plain.py": plain.replace("TinyNet", "Plain").replace("tiny_net", "plain")})
    text = tiny.file.read_text().replace("plugins: [", "plugins: [plain.py, ")
    tiny.file.write_text(text.replace("{method: tiny_net, cells: 2}", "{method: plain}"))
    tiny.run()
    outcome = tiny.run("--rows", "fine", "--set", "method.cells=3")
    assert notes(outcome) == [f"{KEPT}coarse (1 cell)."]


@pytest.mark.parametrize("text", ['{"schema": 0}', "{}"])
def test_a_plan_of_another_time_is_replaced(tiny, text):
    tiny.run()
    (tiny.results / "tiny_bench" / "plan.json").write_text(text)
    tiny.run("--rows", "fine")
    assert places(tiny) == [("fine", "dots", 0)]


@pytest.fixture
def gate(tiny, tmp_path):
    """Return a function that starts a run which stops in its first cell, and the gate's folder."""
    folder = tmp_path / "gate"
    folder.mkdir()
    tiny.write({"gate.py": GATE})

    def start(*arguments):
        return tiny.start(
            *arguments, "--plugins", tiny.folder / "gate.py", GATE=str(folder), PYTHONUNBUFFERED="1"
        )

    return folder, start


def wait_for(condition):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_two_runs_at_once_lose_none_of_one_anothers_rows(tiny, gate):
    folder, start = gate
    runs = [start("--rows", "coarse"), start("--rows", "fine", "--seeds", "0,1")]
    # Both have written their plan, and neither has a finished cell: the last one's stands.
    wait_for(lambda: (folder / "coarse.0").exists() and (folder / "fine.0").exists())
    assert len({row for row, _, _ in places(tiny)}) == 1
    (folder / "open").touch()
    ended = [run.communicate(timeout=240) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ended
    assert places(tiny) == [("coarse", "dots", 0), ("fine", "dots", 0), ("fine", "dots", 1)]
    assert not list(tiny.results.rglob(".*"))  # neither locks nor temporary files
    table = tiny.cli("table", tiny.results).out
    assert "coarse" in table
    assert "fine" in table


@pytest.mark.slow
def test_two_runs_at_one_cell_train_it_once(tiny, gate):
    folder, start = gate
    first = start("--rows", "fine")
    wait_for(lambda: (folder / "fine.0").exists())
    second = start("--rows", "fine")
    heard = []
    wait_for(lambda: heard.append(second.stderr.readline()) or "waiting" in heard[-1])
    assert heard[-1] == "[1/1] fine, dots, seed 0: another run is at it, waiting\n"
    (folder / "open").touch()
    errors = [run.communicate(timeout=240)[1] for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0], errors
    assert "[1/1] fine, dots, seed 0: finished by another run" in errors[1]
    assert "joint" not in errors[1]
    log = (tiny.cells()["fine"] / "log.txt").read_text()
    assert log.count("joint 1/3") == 1
    assert log.count("[1/1] fine") == 1


@pytest.mark.slow
def test_many_runs_at_once_lose_none_of_one_anothers_cells(tiny, tmp_path, monkeypatch):
    """Each has its own cells, and one has all: together they are one run of all."""
    seeds = ("--seeds", "0,1")
    parts = [("--rows", row, "--seeds", seed) for row in ("coarse", "fine") for seed in (0, 1)]
    processes = [tiny.start(*part) for part in (*parts, seeds)]
    ended = [process.communicate(timeout=250) for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, ended
    together = places(tiny)
    assert together == [(row, "dots", seed) for row in ("coarse", "fine") for seed in (0, 1)]
    folder = tiny.results / "tiny_bench"
    for root in (folder, tmp_path / "cache"):
        strays = [path for path in root.rglob(".*") if path.is_file()]
        assert strays == []
    made = [(folder / cell["folder"] / "metrics.json").read_text() for cell in plan(tiny)["cells"]]
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run(*seeds, results=tmp_path / "alone")
    alone = json.loads((tmp_path / "alone" / "tiny_bench" / "plan.json").read_text())
    assert [cell["key"] for cell in alone["cells"]] == [c["key"] for c in plan(tiny)["cells"]]
    cells = (tmp_path / "alone" / "tiny_bench" / cell["folder"] for cell in alone["cells"])
    assert [(cell / "metrics.json").read_text() for cell in cells] == made
