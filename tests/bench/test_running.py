"""`farbench bench`: what it runs, how it judges, and that a failed part stops nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farbench.bench import gpu, running
from farbench.bench.catalogue import BENCHES, Bench, Goal
from farbench.bench.gpu import MARKS, Part, _mark, run_parts
from farbench.bench.running import in_own_process, run_bench


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal(at_most=1.02), 1.02, True),
        (Goal(at_most=1.02), 1.03, False),
        (Goal(at_least=5), 5.1, True),
        (Goal(at_least=5), 4.9, False),
    ],
)
def test_a_goal_is_met_on_its_side(goal, value, met):
    assert goal.met(value) is met


def record(monkeypatch, figures: dict, goals: dict) -> dict:
    """Return the record of a bench that found these figures."""
    monkeypatch.setitem(BENCHES, "overhead", Bench("a / b", goals))
    answer = {"seconds": 1.0, "value": figures}
    monkeypatch.setattr(running, "in_own_process", lambda *_: dict(answer))
    return run_bench("overhead", {})


def test_figures_are_judged_by_their_medians(monkeypatch):
    figure = {"median": 1.5, "low": 1.0, "high": 2.0, "rounds": 3}
    found = record(monkeypatch, {"x": figure, "y": figure}, {"x": Goal(at_most=1.4)})
    assert found["figures"]["x"] == {**figure, "at_most": 1.4, "met": False}
    assert found["figures"]["y"] == figure


def test_a_missed_goal_is_said_and_is_the_exit_code(monkeypatch, farbench_cli, tmp_path):
    def measured(*_: object) -> dict:
        figure = {"median": 1.5, "low": 1.4, "high": 1.6, "rounds": 3, "at_most": 1.02}
        return {"seconds": 2.0, "figures": {"cpu": {**figure, "met": False}}}

    monkeypatch.setattr(running, "run_bench", measured)
    file = tmp_path / "bench.json"
    done = farbench_cli("bench", "overhead", "--json", file)
    assert done.code == 1
    assert "cpu     1.500  (1.400 to 1.600, 3 rounds)   at most 1.02: MISSED" in done.out
    written = json.loads(file.read_text())
    assert written["kind"] == "farbench bench"
    assert written["benches"]["overhead"]["figures"]["cpu"]["median"] == 1.5
    assert written["machine"]["device"] == "cpu"


def test_every_bench_has_a_measure():
    for name in BENCHES:
        text = (Path(running.__file__).parent / f"{name}.py").read_text()
        assert "\ndef measure(" in text, name


def test_an_unknown_bench_is_refused(farbench_cli):
    done = farbench_cli("bench", "overhed")
    assert done.code == 2
    assert "Did you mean 'overhead'?" in done.err


def test_a_failed_gpu_part_is_the_exit_code(monkeypatch, farbench_cli):
    part = {"state": "failed", "said": "no", "seconds": 1.0}
    monkeypatch.setattr(gpu, "run_parts", lambda *_, **__: {"parts": {"resume": part}})
    assert farbench_cli("bench", "gpu", "--device", "cpu").code == 1
    part["state"] = "skipped"
    assert farbench_cli("bench", "gpu", "--device", "cpu").code == 0
    assert farbench_cli("bench", "gpu", "start").code == 2


def test_the_list_has_every_bench(farbench_cli):
    done = farbench_cli("bench", "--list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == [*BENCHES, "gpu"]


def test_a_process_that_fails_or_lasts_is_an_error():
    failed = in_own_process("json", "loads", {"s": "{"}, 60)
    assert "JSONDecodeError" in failed["error"]
    assert in_own_process("json", "dumps", {"obj": [1]}, 60)["value"] == "[1]"
    lasted = in_own_process("subprocess", "run", {"args": ["sleep", "60"]}, 1)
    assert lasted["error"] == "given up after 1 s"


def test_a_failed_gpu_part_stops_no_other():
    said: list[str] = []
    step = {"backbone": "resnet10t", "method": "baseline", "sizes": [36]}
    chosen = [
        Part("crashes", "farbench.bench.gpu_checks", "no_such_check"),
        Part("steps", "farbench.bench.gpu_times", "step_rate", step),
    ]
    found = run_parts("cpu", quick=True, say=said.append, chosen=chosen)["parts"]
    assert found["crashes"]["state"] == "failed"
    assert "no_such_check" in found["crashes"]["said"]
    assert found["steps"]["state"] == "measured"
    assert found["steps"]["profile"]["batch_size"] == 4
    assert len(said) == 3


@pytest.mark.parametrize(
    ("rate", "word"), [(2000, "below parity"), (2800, "parity"), (3600, "good"), (7000, "best")]
)
def test_resnet_50_is_marked(rate, word):
    profile = {"images_per_second": rate, "image_size": 224, "device": {"device": "NVIDIA H100"}}
    parts = {"resnet50 baseline, batch 36": {"state": "measured", "profile": profile}}
    assert f"images/s: {word}" in _mark(parts)
    assert MARKS[0][0] == 7000
    parts["resnet50 baseline, batch 36"]["profile"] = {**profile, "image_size": 32}
    assert _mark(parts) == ""
