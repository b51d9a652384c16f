"""The command that a plan records for each cell: it makes that cell, and names no other place."""

import json
import shlex

import pytest

from farbench.benchmark.command import run_command


def commands(tiny):
    held = json.loads((tiny.results / "tiny_bench" / "plan.json").read_text())
    return {cell["row"]: cell["command"] for cell in held["cells"]}


def test_a_cell_s_command_makes_it_again(tiny, farbench_cli, monkeypatch):
    monkeypatch.chdir(tiny.folder)
    words = ["--set", "protocol.epochs=2", "--seeds", "0,3"]
    tiny.run(*words, "--rows", "coarse")
    done = commands(tiny)
    assert done == {
        "coarse": "farbench run tiny_bench.yaml --set protocol.epochs=2 --rows coarse --seeds 3"
    }
    first = tiny.cells()["coarse"]
    again = farbench_cli(*shlex.split(done["coarse"])[1:], "--results", tiny.folder / "again")
    assert again.code == 0, again.err
    (made,) = (tiny.folder / "again" / "tiny_bench").glob("*-s3-*")
    assert made.name == first.name


def test_cells_of_other_runs_keep_their_command(tiny):
    tiny.run("--rows", "coarse", "--protocol", tiny.folder / "tiny.yaml")
    tiny.run("--rows", "fine")
    assert commands(tiny) == {
        "coarse": "farbench run tiny_bench.yaml --protocol tiny.yaml --rows coarse --seeds 0",
        "fine": "farbench run tiny_bench.yaml --rows fine --seeds 0",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("ablation", "mini", None, (), ()), "farbench run ablation --protocol mini"),
        (
            ("sub/mine.yaml", None, "a,b", ("method.width=2", "protocol.epochs=1"), ("m.py",)),
            "farbench run sub/mine.yaml --dataset a,b --set method.width=2 "
            "--set protocol.epochs=1 --plugins m.py",
        ),
        (
            ("/home/me/mine.yaml", "/home/me/p.yaml", None, (), ("/home/me/m.py",)),
            "farbench run mine.yaml --protocol p.yaml --plugins m.py",
        ),
    ],
)
def test_words_are_those_that_were_typed_without_absolute_places(given, expected):
    assert shlex.join(run_command(*given)) == expected
