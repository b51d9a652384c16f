"""Where images are read and warped: recorded, told, and no other result."""

import json

import pytest


def record(folder):
    return json.loads((folder / "cell.json").read_text())


def test_a_cell_says_how_it_was_fed(tiny):
    tiny.run("--rows", "coarse")
    on_host = record(tiny.cells()["coarse"])
    assert on_host["input"] == {"warp": "opencv", "place": "mmap"}
    assert "warp" not in on_host["identity"]["numerics"]
    history = (tiny.cells()["coarse"] / "history.csv").read_text().splitlines()
    assert "input_share" in history[0]
    shares = [stage["input_share"] for stage in on_host["stages"]]
    assert all(0 <= share <= 1 for share in shares)
    assert on_host["costs"]["input_share"] == shares[-1]

    warped = ("--rows", "coarse", "--set", "protocol.warp=device", "--results")
    done = tiny.run(*warped, tiny.folder / "device", "--set", "protocol.input=pinned")
    assert "images: pinned (" in done.err
    (folder,) = (tiny.folder / "device" / "tiny_bench").glob("coarse-*")
    on_device = record(folder)
    assert on_device["input"] == {"warp": "device", "place": "pinned"}
    assert on_device["identity"]["numerics"]["warp"] == "device"
    assert on_device["identity"]["recipe"] == on_host["identity"]["recipe"]
    assert folder.name != tiny.cells()["coarse"].name
    scores = [
        json.loads((cell / "metrics.json").read_text())["attributes"]["accuracy"]
        for cell in (folder, tiny.cells()["coarse"])
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)

    again = tiny.run(*warped, tiny.folder / "device", "--set", "protocol.input=resident")
    assert "1 of 1 cell finished already" in again.err  # the place is no part of a cell
