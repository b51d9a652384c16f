"""Pictures from anywhere are brought into the frame of the cell's own images."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from farbench.export.alignment import choose_aligner
from farbench.export.folder import export_folder
from farbench.export.predicting import predict_pictures
from farbench.plugins.aligned import FIVE_OF_98, upright_places
from farbench.plugins.manager import load_plugins
from farbench.running.trained import TrainedCell, load_trained
from farbench.store.artifacts import ArtifactStore

FOUND = '''
"""Finds the points of a picture in a file beside it."""

from pathlib import Path
from typing import ClassVar

from farbench import KeypointModel


class Beside(KeypointModel):
    """Knows the points of PICTURE by PICTURE.npy."""

    name: ClassVar[str] = "beside"
    gone: bool = False

    def unavailable(self, index):
        return "it is gone." if self.gone else ""

    def points(self, index, read):
        import numpy as np

        nothing = np.full((98, 2), np.nan, np.float32)
        files = [Path(f"{image}.npy") for image in index.frame["image"]]
        return np.stack([np.load(file) if file.is_file() else nothing for file in files])
'''


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "beside.py"
    path.write_text(FOUND)
    return load_plugins([path])


@pytest.fixture(scope="module")
def wild(trained_runs, registry, tmp_path_factory):
    """Return one face twice, as it is and large and turned on a canvas, and the map to it."""
    folder = tmp_path_factory.mktemp("wild")
    source = load_trained(trained_runs.cells["many"], registry).open_source(None)
    position = int(source.positions("test")[0])
    image, points = source.read(position), source.index.points["wflw98"][position]
    angle, factor = 0.4, 2.6
    linear = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([linear, [420.0, 60.0]])
    turned = cv2.warpAffine(image, matrix, (900, 800), flags=cv2.INTER_CUBIC)
    moved = points @ linear.T + matrix[:, 2]
    for name, pixels, at in (("plain", image, points), ("wild", turned, moved)):
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        np.save(folder / f"{name}.png.npy", at.astype(np.float32))
    cv2.imwrite(str(folder / "faceless.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folder, matrix


def many(trained_runs, registry, folder=None) -> TrainedCell:
    return load_trained(folder or trained_runs.cells["many"], registry)


def predicted(trained, wild, aligner):
    folder, _ = wild
    files = [folder / f"{name}.png" for name in ("plain", "wild", "faceless")]
    (chunk,) = predict_pictures(trained, None, files, aligner, 8)
    return chunk


def test_a_turned_face_is_predicted_like_the_upright_one(trained_runs, registry, wild):
    trained = many(trained_runs, registry)
    chunk = predicted(trained, wild, choose_aligner(trained, "beside"))
    assert chunk.faces == (True, True, False)
    logits = chunk.predictions["attributes"].astype(float)
    turned = abs(logits[0] - logits[1]).max()
    assert turned < 0.2 * abs(logits[0] - logits[2]).max()  # the third is not cut out
    # Points lie in the pixels of each picture, whatever was done to it.
    points, (_, matrix) = chunk.predictions["landmarks"], wild
    moved = points[0] @ matrix[:, :2].T + matrix[:, 2]
    assert points[1] == pytest.approx(moved, abs=3)
    assert np.ptp(points[1]) > 1.5 * np.ptp(points[0])


def test_without_alignment_pictures_are_taken_as_they_are(trained_runs, registry, wild):
    trained = many(trained_runs, registry)
    assert choose_aligner(trained, None) is None
    assert choose_aligner(trained, "none") is None
    chunk = predicted(trained, wild, None)
    assert chunk.faces is None
    values = chunk.predictions["attributes"]
    assert np.array_equal(values[0], values[2])


def test_the_frame_is_the_data_set_s_own_where_it_is_known(trained_runs, registry, wild, tmp_path):
    folder, _ = wild
    trained = many(trained_runs, registry)
    unknown = choose_aligner(trained, "beside")
    assert "ArcFace's crop" in unknown.like
    assert np.array_equal(unknown.places, upright_places(72, 0.0))
    export_folder(trained, tmp_path / "out", ArtifactStore(trained_runs.cache))
    path = tmp_path / "out" / "farbench.json"
    about = json.loads(path.read_text())
    # The face as it lies in the plain picture, so that nothing moves.
    five = np.load(folder / "plain.png.npy")[list(FIVE_OF_98)]
    about["dataset"]["framing"] = {"size": [178, 218], "five": five.tolist()}
    path.write_text(json.dumps(about))
    framed = many(trained_runs, registry, tmp_path / "out")
    aligner = choose_aligner(framed, "beside")
    assert (aligner.size, aligner.like) == ((178, 218), "Synthetic faces")
    values = predicted(framed, wild, aligner).predictions
    assert values["attributes"][0] == pytest.approx(values["attributes"][2], abs=0.01)
    assert values["landmarks"][0] == pytest.approx(values["landmarks"][2], abs=0.1)


def test_a_cell_of_aligned_faces_aligns_by_itself(
    farbench_cli, trained_runs, registry, wild, tmp_path
):
    def aligned(record):
        align = {"name": "beside", "gone": False, "side": 80, "margin": 0.5}
        record["dataset"]["entries"][0]["align"] = align

    def gone(record):
        aligned(record)
        record["dataset"]["entries"][0]["align"]["gone"] = True

    folder = trained_runs.changed("plain", tmp_path / "a", aligned)
    aligner = choose_aligner(load_trained(folder, registry), None)
    assert aligner.size == (80, 80)
    assert np.array_equal(aligner.places, upright_places(80, 0.5))
    plugin = tmp_path / "beside.py"
    plugin.write_text(FOUND)
    outcome = farbench_cli("predict", folder, wild[0], "--plugins", plugin)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("image,face,")
    assert "no face found in 1, taken as they are (face is 0): " in outcome.err
    assert "Files in the folders that are no pictures: .npy 2." in outcome.err
    lines = {line.split(",")[0].rpartition("/")[2]: line.split(",")[1]
             for line in outcome.out.splitlines()[1:]}  # fmt: skip
    assert lines == {"faceless.png": "0", "plain.png": "1", "wild.png": "1"}
    broken = trained_runs.changed("plain", tmp_path / "b", gone)
    outcome = farbench_cli("predict", broken, wild[0], "--plugins", plugin)
    assert outcome.code == 2
    assert "cannot find faces: it is gone. Or take the pictures as they are" in outcome.err
