"""Which faces are most wrong, what is said of them, and whose pictures are embedded."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from report_store import change_record, store
from sklearn.metrics import log_loss

from farbench.plugins.manager import load_plugins
from farbench.report.faces import CELLS, FACES, WorstFaces, errors_of, said_of
from farbench.report.pool import Pool
from farbench.scoring.predictions import Predictions
from farbench.store.cells import write_predictions
from farbench.tables.results import read_results
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

NAMES = ("Bald", "Smiling", "Wearing_Hat")


def predictions(output, target):
    output = np.asarray(output)
    ids = np.array([f"face_{number:06d}" for number in range(len(output))])
    return Predictions(ids, output, np.asarray(target))


def test_attributes_are_wrong_by_their_mean_cross_entropy():
    logits = np.array([[2.0, -1.0, 0.5], [65504.0, -65504.0, 0.0]], np.float16)
    labels = np.array([[0, 1, -1], [0, 0, -1]], np.int8)
    task = BinaryAttributes("attributes", NAMES)
    errors = errors_of(task, predictions(logits, labels))
    shares = 1 / (1 + np.exp(-logits[0, :2].astype(float)))
    assert errors[0] == pytest.approx(log_loss([0, 1], shares, labels=[0, 1]))
    assert errors[1] == pytest.approx(65504 / 2)
    assert said_of(task, predictions(logits, labels), 0) == [
        "Bald: 88% yes, labelled no",
        "Smiling: 27% yes, labelled yes",
    ]
    # What is right, or unknown, is not among what is wrong.
    assert said_of(task, predictions(logits, labels), 1) == ["Bald: 100% yes, labelled no"]


def test_an_image_without_labels_is_not_wrong():
    task = BinaryAttributes("attributes", NAMES)
    errors = errors_of(task, predictions(np.zeros((1, 3)), -np.ones((1, 3))))
    assert np.isnan(errors).all()


def test_classes_are_wrong_by_their_cross_entropy():
    task = Classes("mood", ("glad", "sad", "calm"))
    logits = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.0, 1.0]], np.float16)
    held = predictions(logits, np.array([1, 1, -1], np.int16))
    errors = errors_of(task, held)
    shares = np.exp(logits[:2].astype(float))
    shares /= shares.sum(1, keepdims=True)
    assert errors[:2] == pytest.approx(-np.log(shares[:, 1]))
    assert np.isnan(errors[2])
    assert said_of(task, held, 0) == ["mood: 67% glad, labelled sad"]


def test_a_number_is_wrong_by_its_distance():
    task = Scalar("age", "years", 0, 100)
    held = predictions(np.array([[30.0], [20.0]], np.float32), np.array([[33.5], [np.nan]]))
    errors = errors_of(task, held)
    assert errors[0] == pytest.approx(3.5)
    assert np.isnan(errors[1])
    assert said_of(task, held, 0) == ["age: 30.0, labelled 33.5 years"]


def test_points_are_wrong_by_their_normalised_error_and_identities_are_not():
    task = Landmarks("points", "landmarks5", 2, (1, 0), ((0,), (1,)))
    output = np.array([[[0.0, 0.0], [10.0, 0.0]]], np.float32)
    held = predictions(output, output + np.float32(1) * np.array([0, 1]))
    assert errors_of(task, held) == pytest.approx(0.1)
    assert errors_of(Identity("identity"), held) is None


@pytest.fixture
def drawn(tmp_path):
    """Six drawn faces, and a cell that is most wrong on face_000009, least on face_000008."""
    made = store(tmp_path)
    place = made.folder / made.plan["cells"][0]["folder"]
    record = json.loads((place / "cell.json").read_text())
    options = {"train": 2, "valid": 2, "test": 6}
    entry = {"name": "synthetic_faces", **options}
    change_record(
        place, dataset={**record["dataset"], "images_may_be_shown": True, "entries": [entry]}
    )
    images = np.array([f"face_{number:06d}" for number in range(4, 10)])
    wrong = np.array([[1], [2], [3], [4], [0], [9]], np.float16) * np.ones((1, 3), np.float16)
    labels = np.zeros((6, 3), np.int8)
    write_predictions(
        place / "predictions.npz", images, {"attributes": wrong}, {"attributes": labels}
    )
    return made


def part_of(made, worst):
    name = made.plan["cells"][0]["folder"]
    return worst(read_results(made.folder).planned[name], made.folder / name)


def test_the_worst_faces_come_first_with_their_pictures(drawn):
    registry = load_plugins()
    if not registry.datasets:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    pool = Pool()
    part = part_of(drawn, WorstFaces(registry, None, pool))
    images = [image for _, image, _ in part.content["faces"]]
    assert images == [f"face_{number:06d}" for number in (9, 7, 6, 5, 4, 8)][:FACES]
    uri = json.loads(pool.json())[part.content["faces"][0][0]]
    head, _, body = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(body)))
    assert picture.height == 120
    assert len(body) < 10_000
    assert "cross-entropy of attributes" in part.content["note"]


def test_faces_of_very_many_cells_are_not_shown(drawn):
    registry = load_plugins()
    if not registry.datasets:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    worst = WorstFaces(registry, None, Pool())
    parts = [part_of(drawn, worst) for _ in range(CELLS + 1)]
    assert all(part.content["faces"] for part in parts[:-1])
    assert parts[-1].content["faces"] == []
    assert str(CELLS) in parts[-1].content["note"]


def test_data_that_is_not_there_is_told(drawn):
    place = drawn.folder / drawn.plan["cells"][0]["folder"]
    record = json.loads((place / "cell.json").read_text())
    gone = {**record["dataset"], "entries": [{"name": "gone_faces"}]}
    change_record(place, dataset=gone)
    part = part_of(drawn, WorstFaces(load_plugins(), None, Pool()))
    assert part.content["faces"] == []
    assert "gone_faces" in part.content["note"]
