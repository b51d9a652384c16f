"""`farbench predict`: the same numbers as the run's, in columns that say what they are."""

from __future__ import annotations

import csv
import dataclasses
import io
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from farbench.data.source import Source
from farbench.errors import UserError
from farbench.export.columns import header, read_thresholds, rows
from farbench.export.predicting import predict_pictures
from farbench.plugins.manager import load_plugins
from farbench.running.trained import load_trained
from farbench.scoring.calibration import class_probabilities, probability_of_yes
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar

COLOURS = BinaryAttributes("colours", ("Red", "Blue"))
MOOD = Classes("mood", ("glad", "sad"))


@pytest.fixture(scope="session")
def source(trained_runs) -> Source:
    """Return the drawn faces that the cells were trained on."""
    return load_trained(trained_runs.cells["plain"], load_plugins()).open_source(None)


@pytest.fixture(scope="session")
def faces(trained_runs, source, tmp_path_factory) -> Path:
    """Return a folder with the test faces as PNG, named in their order."""
    folder = tmp_path_factory.mktemp("faces")
    for number, position in enumerate(source.positions("test")):
        image = cv2.cvtColor(source.read(int(position)), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{number:02d}.png"), image)
    return folder


@pytest.fixture
def run(farbench_cli, trained_runs, monkeypatch):
    """Return a function that predicts with a row and gives the outcome and the lines."""
    monkeypatch.setenv("FARBENCH_CACHE", str(trained_runs.cache))

    def predict(row, *words, code=0):
        outcome = farbench_cli("predict", trained_runs.folder / row, *words)
        assert outcome.code == code, outcome.err
        return outcome, list(csv.DictReader(io.StringIO(outcome.out)))

    return predict


@pytest.mark.parametrize("row", ["plain", "masked", "scaled", "many"])
@pytest.mark.parametrize("batch", [5, 64])
def test_the_pictures_of_the_test_split_get_their_predictions(run, trained_runs, faces, row, batch):
    _, lines = run(row, faces, "--batch", batch)
    stored = np.load(trained_runs.cells[row] / "predictions.npz")
    assert [Path(line["image"]).name for line in lines] == [f"{n:02d}.png" for n in range(12)]
    logits = stored["attributes.output"]
    smiling = load_trained(trained_runs.cells[row], load_plugins()).tasks[0].attributes.index
    for name in ("Smiling", "Male", "Young"):
        yes = probability_of_yes(logits[:, smiling(name)])
        assert [float(line[f"{name}.p"]) for line in lines] == pytest.approx(yes, abs=6e-5)
        assert [int(line[name]) for line in lines] == list(logits[:, smiling(name)] > 0)
    if row == "many":
        ages = [float(line["age"]) for line in lines]
        assert ages == pytest.approx(stored["age.output"], abs=6e-3)
        tones = load_trained(trained_runs.cells[row], load_plugins()).tasks[2].classes
        shares = class_probabilities(stored["skin.output"])
        assert [line["skin"] for line in lines] == [tones[i] for i in shares.argmax(1)]
        assert [float(line["skin.p"]) for line in lines] == pytest.approx(shares.max(1), abs=6e-5)
        points = [[float(line[f"landmarks.{p}.{a}"]) for p in range(5) for a in "xy"]
                  for line in lines]  # fmt: skip
        assert np.array(points) == pytest.approx(
            stored["landmarks.output"].reshape(12, 10), abs=6e-3
        )


def test_a_file_and_what_is_said_beside_it(run, faces, tmp_path):
    (faces.parent / "odd").mkdir(exist_ok=True)
    outcome, _ = run("plain", faces, f"{faces}/00.png", "-o", tmp_path / "new" / "out.csv")
    assert outcome.out == ""
    assert len((tmp_path / "new" / "out.csv").read_text().splitlines()) == 13
    assert "plain, trained on Synthetic faces (seed 0), predicts 40 attributes" in outcome.err
    assert "Named more than once, and predicted once: 1." in outcome.err
    assert f"wrote {tmp_path / 'new' / 'out.csv'}: 12 pictures" in outcome.err


def test_broken_pictures_are_named_and_the_others_predicted(run, faces, tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "b.jpg").touch()
    outcome, lines = run("plain", tmp_path, f"{faces}/03.png", code=1)
    assert [Path(line["image"]).name for line in lines] == ["03.png"]
    assert "a.jpg does not decode" in outcome.err
    assert "b.jpg is empty" in outcome.err
    assert "could not be read: 2 (named above)" in outcome.err


def test_only_broken_pictures_leave_a_header(run, tmp_path):
    (tmp_path / "a.jpg").touch()
    outcome, lines = run("plain", tmp_path, code=1)
    assert lines == []
    assert outcome.out.startswith("image,5_o_Clock_Shadow,5_o_Clock_Shadow.p,")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.jpg"], "nowhere.jpg: there is no such file or folder"),
        (["FACES", "-o", "out.json"], "predictions are written as CSV"),
        (["FACES", "--threshold", "2"], "expected a probability between 0 and 1"),
        (["FACES", "--threshold", "Smilling=0.3"], "Did you mean 'Smiling'?"),
        (["FACES", "--align", "dlib86"], "Did you mean 'dlib68'?"),
        (["FACES", "--align", "exact"], "--align exact cannot find faces"),
        (["FACES", "--device", "tpu"], "unknown device 'tpu'"),
    ],
)
def test_mistakes(run, faces, words, message):
    words = [faces if word == "FACES" else word for word in words]
    assert message in run("plain", *words, code=2)[0].err


def test_a_cell_that_is_not_there(farbench_cli, trained_runs, faces):
    outcome = farbench_cli("predict", trained_runs.folder / "plian", faces)
    assert outcome.code == 2
    assert "Did you mean 'plain'?" in outcome.err


def test_thresholds(run, faces):
    _, usual = run("plain", faces)
    _, eager = run("plain", faces, "--threshold", "0.0001", "--threshold", "Male=0.9999")
    assert any(line["Bald"] == "0" for line in usual)
    assert {line["Bald"] for line in eager} == {"1"}
    assert {line["Male"] for line in eager} == {"0"}
    assert [line["Bald.p"] for line in eager] == [line["Bald.p"] for line in usual]


def test_thresholds_are_for_attributes():
    assert read_thresholds([], [COLOURS, MOOD]) == {"Red": 0.5, "Blue": 0.5}
    assert read_thresholds(["Red=0.2", "0.7", "Blue=0.1"], [COLOURS]) == {"Red": 0.7, "Blue": 0.1}
    with pytest.raises(UserError, match="--threshold is for binary attributes; this cell predicts"):
        read_thresholds(["0.3"], [MOOD])
    for word in ("x", "Red=", "1", "nan", "Red=-0.5"):
        with pytest.raises(UserError, match="expected a probability"):
            read_thresholds([word], [COLOURS])


def test_a_name_that_two_tasks_have_carries_the_task():
    tasks = [COLOURS, Scalar("Red", "metres", 0, 9)]
    assert header(tasks) == ["colours.Red", "Red.p", "Blue", "Blue.p", "Red.Red"]
    values = {"colours": np.array([[0.0, 3.0]], np.float16), "Red": np.array([2.5], np.float32)}
    assert rows(tasks, values, {"Red": 0.5, "Blue": 0.96}) == [
        ["0", "0.5000", "0", "0.9526", "2.50"]
    ]


def test_many_pictures_do_not_sit_in_memory(trained_runs, tmp_path):
    """100 pictures, 0.8 MB each once they are resized, five at a time and five read ahead."""
    trained = load_trained(trained_runs.cells["plain"], load_plugins())
    large = trained.protocol.model_copy(update={"resize": 512})
    trained = dataclasses.replace(trained, protocol=large)
    cv2.imwrite(str(tmp_path / "a.png"), np.full((600, 600, 3), 99, np.uint8))
    files = [tmp_path / "a.png"] * 100
    tracemalloc.start()
    try:
        seen = sum(len(chunk.files) for chunk in predict_pictures(trained, None, files, None, 5))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == 100
    assert peak < 40e6
