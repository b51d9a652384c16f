"""The whole way, with a benchmark that trains in a second: run, keep, check, and ask why."""

import json
import shutil

import pytest

from farbench.store.cells import read_record, write_scores_again


@pytest.fixture
def ran(tiny):
    tiny.run()
    return tiny


def copied(tiny, name, *changes):
    """Return the benchmark file of a changed copy; plugin files load once a process."""
    folder = tiny.folder.parent / name
    shutil.copytree(tiny.folder, folder, ignore=shutil.ignore_patterns("results"))
    for file, old, new in changes:
        text = (folder / file).read_text()
        assert old in text, old
        (folder / file).write_text(text.replace(old, new))
    return folder / "tiny_bench.yaml"


def test_keep_and_check(ran, farbench_cli, tmp_path):
    file = tmp_path / "kept" / "tiny.json"
    outcome = farbench_cli("baseline", ran.results, "-o", file)
    assert outcome.code == 0
    assert f"farbench check {ran.results} --baseline {file}" in outcome.out
    outcome = farbench_cli("check", ran.results, "--baseline", file, "--speed", "1.01")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "tiny_bench: 6 same; the gate holds.\n"
    assert str(tmp_path) not in file.read_text()

    other = ran.results.with_name("other")
    ran.run("--set", "protocol.learning_rate=0.01", "--rows", "fine", results=other)
    outcome = farbench_cli("check", other, "--baseline", file)
    assert outcome.code == 1
    assert outcome.out.startswith("vanished        coarse on dots: not in the last run (--rows)\n")
    assert (
        "note: rows: coarse left out of the last run (--rows), and not finished with its code and "
        "settings: run without --rows, or check the others: --rows fine\n"
    ) in outcome.out
    alone = farbench_cli("check", other, "--baseline", file, "--rows", "fine")
    assert (alone.code, "coarse" in alone.out) == (0, False)
    assert "fine on dots, attributes: recipe: learning_rate 0.05 -> 0.01\n" in outcome.out

    worse = ran.cells()["fine"] / "metrics.json"
    held = json.loads(worse.read_text())
    held["attributes"]["mA"] -= 0.6
    worse.write_text(json.dumps(held))
    write_scores_again(worse.parent, read_record(worse.parent))  # as one who scored so would
    outcome = farbench_cli("check", ran.results, "--baseline", file)
    assert outcome.code == 1
    assert outcome.out.startswith("worse  fine on dots, mA: ")


def test_why(ran, farbench_cli):
    cell = ran.cells()["fine"]
    outcome = farbench_cli("why", cell, "--benchmark", ran.file)
    assert outcome.code == 0, outcome.err
    first, *lines = outcome.out.splitlines()
    assert first == f"{cell.name} (finished)"
    assert lines[:3] == ["recipe: no changes", "code: no changes", "numerics: no changes"]
    assert lines[3] == "Nothing changed: it is finished and would not run again."

    outcome = farbench_cli("why", cell.name[-8:], "--results", ran.results, "--benchmark", ran.file,
                           "--set", "protocol.epochs=4")  # fmt: skip
    lines = outcome.out.splitlines()
    assert lines[1:3] == ["recipe: 1 change", "  epochs 3 -> 4"]
    assert lines[-1].startswith("It would run again, as fine-dots-s0-")


def test_why_tells_the_row_s_option_code_and_data(ran, farbench_cli):
    cell = ran.cells()["fine"]
    changed = copied(
        ran,
        "changed",
        ("tiny_bench.yaml", "cells: 4", "cells: 5"),
        ("tiny_method.py", "nn.Dropout(0.2)", "nn.Dropout(0.1)"),
        ("tiny_dataset.py", "test: int = 12", "test: int = 13"),
    )
    lines = farbench_cli("why", cell, "--benchmark", changed).out.splitlines()
    assert lines[1:7] == [
        "recipe: 3 changes",
        "  data.manifest changed",
        "    test: 12 -> 13 images",
        "  method.options.cells 4 -> 5",
        "  data.options.test 12 -> 13",
        "code: 2 changes",
    ]
    assert lines[7:9] == ["  tiny_dataset.py changed", "  tiny_method.py changed"]


@pytest.mark.parametrize(
    ("turned", "said"),
    [
        (55, "test: labels of attributes differ in 1 of 12 images, the first is dot055"),
        (3, "not in images or labels of valid or test: in train, other tasks, points or sizes"),
    ],
)
def test_why_tells_whose_labels_changed(ran, farbench_cli, turned, said):
    words = ("--benchmark", ran.file, "--set", f"dataset.turned={turned}")
    lines = farbench_cli("why", ran.cells()["fine"], *words).out.splitlines()
    assert lines[2:4] == ["  data.manifest changed", f"    {said}"]


def test_why_of_the_plan_beside_the_cell(ran, farbench_cli):
    cell = ran.cells()["coarse"]
    outcome = farbench_cli("why", cell)
    assert outcome.code == 2
    assert (
        "plan.json needs tiny_dataset.py, tiny_method.py, and does not say where they lie."
        in outcome.err
    )
    file = ran.file.name  # an absolute path is not kept: results travel between machines
    assert outcome.err.endswith(f": add --benchmark {file}. Or add --plugins PATH.\n")
    plugins = [ran.folder / name for name in ("tiny_method.py", "tiny_dataset.py")]
    words = [word for plugin in plugins for word in ("--plugins", plugin)]
    outcome = farbench_cli("why", cell, *words)
    assert outcome.code == 0, outcome.err
    assert outcome.out.endswith("Nothing changed: it is finished and would not run again.\n")


def test_why_where_there_is_nothing_to_run(ran, farbench_cli):
    cell = ran.cells()["coarse"]
    outcome = farbench_cli("why", cell, "--benchmark", copied(
        ran, "renamed", ("tiny_bench.yaml", "coarse:", "rough:")))  # fmt: skip
    assert outcome.code == 2
    assert "benchmark 'tiny_bench' has it no longer: unknown row 'coarse'" in outcome.err
    (cell / "model.safetensors").unlink()
    outcome = farbench_cli("why", cell, "--benchmark", ran.file)
    assert "Nothing changed, but it is not finished here" in outcome.out


def test_why_needs_no_other_data_set(ran, farbench_cli):
    line = "protocol: tiny.yaml"
    more = copied(ran, "more", ("tiny_bench.yaml", line, f"{line}\ndatasets: [dots, celeba]"))
    outcome = farbench_cli("why", ran.cells()["coarse"], "--benchmark", more)
    assert outcome.code == 0, outcome.err
    assert "recipe: no changes\n" in outcome.out


def test_why_when_the_new_one_is_there_already(ran, farbench_cli):
    cell = ran.cells()["coarse"]
    ran.run("--set", "protocol.epochs=1")
    outcome = farbench_cli("why", cell, "--benchmark", ran.file, "--set", "protocol.epochs=1")
    assert "  epochs 3 -> 1\n" in outcome.out
    assert outcome.out.splitlines()[-1] == (
        f"It would not run: {ran.cells()['coarse'].name} is in its place and finished."
    )
