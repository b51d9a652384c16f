"""Finished cells are evaluated from their weights: once, resumably, and never trained again."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from farbench.store.robustness import FILE, read_robustness

SETTINGS = (
    "robustness={corruptions: [noise, rotation], strengths: [5, 1], images: 8}",
    "dataset.test=30",
)
SETS = tuple(word for change in SETTINGS for word in ("--set", change))
PLUGINS = ("--plugins", "tiny_method.py", "--plugins", "tiny_dataset.py")


def places(folder):
    return [(e["corruption"], e["strength"]) for e in read_robustness(folder).entries]


def keys(folder):
    return [entry["key"] for entry in read_robustness(folder).entries]


ALL = [(None, 0), ("noise", 1), ("noise", 5), ("rotation", 1), ("rotation", 5)]


@pytest.fixture
def command(tiny, farbench_cli):
    """Return a function that runs ``farbench robustness`` on the results."""
    plugins = [
        word
        for path in ("tiny_method.py", "tiny_dataset.py")
        for word in ("--plugins", tiny.folder / path)
    ]

    def run(*words, code=0):
        outcome = farbench_cli("robustness", tiny.results, *plugins, "--device", "cpu", *words)
        assert outcome.code == code, outcome.err
        return outcome

    return run


def test_a_run_evaluates_what_it_trained(tiny):
    outcome = tiny.run(*SETS)
    for folder in tiny.cells().values():
        assert places(folder) == ALL
        held = json.loads((folder / FILE).read_text())
        assert held["cell"] == json.loads((folder / "cell.json").read_text())["identity"]["key"]
        for entry in held["entries"]:
            scores = entry["scores"]["attributes"]
            assert scores["images"] == 8
            assert len(scores["accuracy_per_attribute"]) == 4
    assert outcome.err.count("robustness of ") == 2
    assert outcome.err.count("    noise: ") == 2
    assert (tiny.results / "tiny_bench/tables/robustness.md").is_file()


def test_a_plan_says_that_cells_are_evaluated(tiny):
    assert "under 2 corruptions at 2 strengths" in tiny.run(*SETS, "--dry-run").out


def test_clean_images_score_as_the_cell_did(tiny):
    tiny.run("--set", "robustness={corruptions: [noise], strengths: [1]}", "--rows", "fine")
    (folder,) = tiny.cells().values()
    metrics = json.loads((folder / "metrics.json").read_text())["attributes"]
    clean, noisy = read_robustness(folder).entries
    for metric in ("accuracy", "mA", "average_precision"):
        assert clean["scores"]["attributes"][metric] == metrics[metric]
    assert clean["scores"]["attributes"]["reference"]["mA"] == 0.5
    assert noisy["scores"]["attributes"] != clean["scores"]["attributes"]


def test_what_is_done_is_not_done_again_and_nothing_is_trained(tiny):
    tiny.run(*SETS, "--rows", "fine")
    (folder,) = tiny.cells().values()
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.*")}
    outcome = tiny.run(*SETS, "--rows", "fine")
    assert "robustness of" not in outcome.err
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.*")}
    assert {name for name in before if before[name] != after[name]} <= {"log.txt"}


def test_a_finished_cell_is_evaluated_where_it_is_asked_for_later(tiny):
    tiny.run("--rows", "fine", "--set", "dataset.test=30")
    (folder,) = tiny.cells().values()
    weights = (folder / "model.safetensors").stat().st_mtime_ns
    assert not (folder / FILE).exists()
    tiny.run(*SETS, "--rows", "fine")
    assert places(folder) == ALL
    assert (folder / "model.safetensors").stat().st_mtime_ns == weights


def test_a_killed_evaluation_goes_on(tiny):
    tiny.run(*SETS, "--rows", "fine")
    (folder,) = tiny.cells().values()
    whole = (folder / FILE).read_bytes()
    held = read_robustness(folder)
    del held.entries[2:]
    held.write()
    outcome = tiny.run(*SETS, "--rows", "fine")
    assert "3 conditions on 8 test images" in outcome.err
    assert (folder / FILE).read_bytes() == whole


def test_other_options_of_a_corruption_are_evaluated_alone(tiny):
    tiny.run(*SETS, "--rows", "fine")
    (folder,) = tiny.cells().values()
    before = keys(folder)
    stronger = "robustness.corruptions=[{name: noise, std: [0.1, 0.2, 0.3, 0.4, 0.5]}, rotation]"
    outcome = tiny.run(*SETS, "--set", stronger, "--rows", "fine")
    assert "2 conditions on" in outcome.err
    assert sorted(places(folder), key=str) == sorted(ALL, key=str)
    assert len(set(before) & set(keys(folder))) == 3


def test_other_images_and_seeds_stand_beside_one_another(tiny):
    tiny.run(*SETS, "--rows", "fine")
    (folder,) = tiny.cells().values()
    tiny.run(*SETS, "--set", "robustness.images=12", "--rows", "fine")
    tiny.run(*SETS, "--set", "robustness.seed=1", "--rows", "fine")
    held = read_robustness(folder)
    assert len(held.entries) == 15
    assert held.settings["seed"] == 1
    outcome = tiny.run(*SETS, "--rows", "fine")
    assert "robustness of" not in outcome.err
    assert read_robustness(folder).settings["seed"] == 0


def test_the_images_of_a_small_number_are_among_those_of_a_larger_one(tiny):
    from farbench.benchmark.schema import Images
    from farbench.data.source import open_source
    from farbench.plugins.manager import load_plugins
    from farbench.robustness.faces import choose_faces

    registry = load_plugins([tiny.folder / "tiny_dataset.py"])
    source = open_source(registry.datasets["dots"].value(test=30), None, Images())
    few, more, every = (choose_faces(source, (), n, 40) for n in (5, 12, None))
    assert (len(few), len(more), len(every)) == (5, 12, 30)
    assert set(few.ids) < set(more.ids) < set(every.ids)
    assert few.digest != more.digest
    assert np.array_equal(few.read(1, 3)[0], few.read(0, 5)[1])
    assert (few.sizes == 48).all()


def test_the_command_evaluates_from_the_folder_alone_and_gives_the_same(tiny, command):
    tiny.run(*SETS)
    by_run = {row: read_robustness(folder).entries for row, folder in tiny.cells().items()}
    for folder in tiny.cells().values():
        (folder / FILE).unlink()
    asked = ("--corruptions", "noise,rotation", "--strengths", "1,5", "--images", "8")
    outcome = command(*asked)
    assert {row: read_robustness(f).entries for row, f in tiny.cells().items()} == by_run
    assert "--kind robustness" in outcome.out
    assert command(*asked).err.count("evaluated before") == 2


def test_weights_that_predict_otherwise_are_refused(tiny, command):
    tiny.run("--rows", "fine")
    (folder,) = tiny.cells().values()
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file({name: -value for name, value in weights.items()}, path)
    # As in a cell of an earlier version, whose record knows no checksum of its weights.
    record = json.loads((folder / "cell.json").read_text())
    kept = {key: value for key, value in record.items() if key not in ("files", "checksum")}
    (folder / "cell.json").write_text(json.dumps(kept))
    outcome = command("--images", "8", code=1)
    assert "predicts 'attributes' otherwise than when it was trained" in outcome.err
    assert read_robustness(folder).entries == []


def test_cells_without_weights_are_told_and_the_others_go_on(tiny, command):
    tiny.run()
    first, second = tiny.cells().values()
    (first / "model.safetensors").unlink()
    outcome = command("--corruptions", "noise", "--images", "8", code=1)
    assert "has no model.safetensors" in outcome.err
    assert "1 of 2 cells could not be evaluated" in outcome.err
    assert len(read_robustness(second).entries) == 6


@pytest.mark.parametrize("error", ["ZeroDivisionError", "SystemExit"])
def test_a_corruption_that_fails_costs_no_cell(tiny, error):
    tiny.write(
        {
            "crash.py": '''
            """A corruption that fails."""

            from typing import ClassVar

            from farbench import Corruption


            class Crash(Corruption):
                """Fails."""

                name: ClassVar[str] = "crash"

                def apply(self, image, strength, random):
                    raise ERROR("no lens")
            '''.replace("ERROR", error)
        }
    )
    asked = "robustness={corruptions: [crash], strengths: [1]}"
    words = ("--plugins", tiny.folder / "crash.py", "--set", asked, "--rows", "fine")
    outcome = tiny.run(*words, code=1)
    assert f"trained, but not evaluated: {error}: no lens" in outcome.err
    (folder,) = tiny.cells().values()
    assert json.loads((folder / "cell.json").read_text())["status"] == "finished"
    assert error in (folder / "log.txt").read_text()
    assert places(folder) == [(None, 0)]


def test_a_damaged_file_is_told(tiny, command):
    tiny.run("--rows", "fine")
    (folder,) = tiny.cells().values()
    (folder / FILE).write_text("{")
    assert "Delete it to have the cell evaluated again" in command(code=1).err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("robustness: {corruptions: [blurr]}", "unknown corruption 'blurr'. Did you mean 'blur'?"),
        ("robustness: {corruptions: [blur, blur]}", "'blur' is given twice"),
        ("robustness: {corruptions: []}", "at least 1"),
        ("robustness: {corruptions: [{name: blur, width: 1}]}", "has no option 'width'"),
        ("robustness: {strengths: [1, 6]}", "expected 1, 2, 3, 4 or 5, got 6"),
        ("robustness: {strengths: [1, 1]}", "1 given more than once"),
        ("robustness: {images: 0}", "at least 1"),
        ("robustness: {masks: [true]}", "'predicted' or 'clean'"),
        ("robustness: {strength: [1]}", "Did you mean 'strengths'?"),
        ("robustnes: {}", "Did you mean 'robustness'?"),
        ("robustness: {}\nprotocol: {extends: tiny.yaml, keep_weights: false}", "are not kept"),
    ],
)
def test_mistakes_are_told_with_their_line_before_anything_runs(tiny, line, words):
    text = tiny.file.read_text()
    if "protocol" in line:
        text = text.replace("protocol: tiny.yaml\n", "")
    tiny.file.write_text(text + line + "\n")
    outcome = tiny.run(code=2)
    assert words in outcome.err
    assert "tiny_bench.yaml:" in outcome.err
    assert not tiny.results.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--strengths", "1,x"), "--strengths: strengths[1]: expected 1, 2, 3, 4 or 5, got 'x'"),
        (("--corruptions", "nois"), "--corruptions: unknown corruption 'nois'."),
        (("--masks", "all"), "--masks: masks[0]: expected 'predicted' or 'clean', got 'all'"),
    ],
)
def test_mistakes_of_the_command_are_told(tiny, command, words, told):
    tiny.results.mkdir()
    assert told in command(*words, code=2).err
