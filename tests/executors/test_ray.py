"""Ray: a cluster of two workers on this machine, one of which is killed."""

from __future__ import annotations

import importlib.util
import json

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="needs the extra ray"),
]


def test_two_workers_and_one_killed_in_mid_cell(tiny, tmp_path, monkeypatch):
    """In a process of its own: Ray leaves threads and sockets behind."""
    serial = tmp_path / "serial"
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run(results=serial)
    # In the third of three epochs of five steps; the second try has but that epoch to do.
    ray = ("--executor", "ray", "--jobs", 2)
    strike = {"TINY_SIGNAL": "SIGKILL", "TINY_STEP": "12", "RAY_ADDRESS": ""}
    process = tiny.start(*ray, **strike)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert err.count("tried again") == 2
    for row, cell in tiny.cells().items():
        other = tiny.cells(serial)[row]
        assert (cell / "metrics.json").read_text() == (other / "metrics.json").read_text()
        one, two = (json.loads((c / "cell.json").read_text()) for c in (cell, other))
        assert one["identity"] == two["identity"]
        assert one["environment"]["cells_at_once"] == 2


def test_one_that_dies_at_every_try_is_one_failed_cell(tiny):
    strike = {"TINY_SIGNAL": "SIGKILL", "TINY_STEP": "3", "RAY_ADDRESS": ""}
    process = tiny.start("--executor", "ray", "--rows", "fine", **strike)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1, err
    assert err.count("tried again") == 1
    assert "fine: failed: its Ray worker ended" in err
    assert err.splitlines()[-1] == "1 of 1 cells failed."


def test_a_cluster_that_is_not_there_is_told_before_anything_is_done(tiny):
    process = tiny.start("--executor", "ray", "--executor-option", "address=127.0.0.1:1")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 2, err
    assert "--executor ray: no cluster at 127.0.0.1:1" in err
    assert not tiny.results.exists()
