"""RAF-DB: the official tree, both kinds of images, and the manual annotations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from farbench.errors import UserError
from farbench.tasks.landmarks import Landmarks
from farbench_datasets.expressions import EXPRESSIONS
from farbench_datasets.rafdb import RAFDB

TRAIN, TEST = 70, 14
NAMES = [f"train_{n:05d}" for n in range(1, TRAIN + 1)]
NAMES += [f"test_{n:04d}" for n in range(1, TEST + 1)]


def points(number: int) -> list[tuple[float, float]]:
    """Image-left eye, image-right eye, nose, mouth corners, a little further on each time."""
    five = [(30.5, 40.25), (70.5, 41.0), (50.0, 60.0), (35.0, 80.0), (66.0, 81.0)]
    return [(x + number, y) for x, y in five]


def build(basic: Path, separator: str = " ", manual: bool = True) -> None:
    """Write the official tree with all images; red tells an image's number."""
    lines = [f"{name}.jpg{separator}{n % 7 + 1}" for n, name in enumerate(NAMES)]
    (basic / "EmoLabel").mkdir(parents=True)
    (basic / "EmoLabel" / "list_patition_label.txt").write_text("\n".join(lines) + "\n")
    for kind, suffix, side in (("aligned", "_aligned", 100), ("original", "", 180)):
        folder = basic / "Image" / kind
        folder.mkdir(parents=True)
        for n, name in enumerate(NAMES):
            image = np.full((side, side, 3), (0, 0, 2 * n), np.uint8)
            cv2.imwrite(str(folder / f"{name}{suffix}.jpg"), image)
    if manual:
        (basic / "Annotation" / "manual").mkdir(parents=True)
        for n in range(len(NAMES)):
            annotate(basic, n, points(n), (n % 3, n % 3, n % 5))


def annotate(
    basic: Path, number: int, five: list[tuple[float, float]], values: tuple[int, int, int]
) -> None:
    lines = [f"{x:.4f}\t{y:.4f}" for x, y in five] + [str(value) for value in values]
    path = basic / "Annotation" / "manual" / f"{NAMES[number]}_manu_attri.txt"
    path.write_text("\r\n".join(lines))


@pytest.fixture
def official(tmp_path: Path) -> Path:
    build(tmp_path / "rafdb" / "basic")
    return tmp_path / "rafdb"


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """The root is basic/ itself, with tabs in the label list."""
    build(tmp_path / "RAF-DB", separator="\t")
    return tmp_path / "RAF-DB"


@pytest.mark.parametrize("layout", ["official", "inner"])
def test_every_layout_gives_the_same_faces(layout: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(layout)
    dataset = RAFDB()
    assert dataset.locate(root) == root
    assert dataset.locate(root.parent) == root
    index = dataset.index(root)
    frame = index.frame
    assert frame["image"][2] == "Image/aligned/train_00003_aligned.jpg"
    assert list(frame["expression"]) == [EXPRESSIONS[n % 7] for n in range(len(NAMES))]
    assert EXPRESSIONS[3] == "Happiness"
    test = frame["image"].str.contains("/test_")
    assert (frame["split"][test] == "test").all()
    assert set(frame["split"][~test]) == {"train", "valid"}
    assert frame["gender"][:2].to_list() == ["Male", "Female"]
    assert frame["gender"][2::3].isna().all()  # unsure
    assert frame["race"][:3].to_list() == ["Caucasian", "African-American", "Asian"]
    assert frame["age"][:5].to_list() == ["0-3", "4-19", "20-39", "40-69", "70+"]
    assert index.points == {}
    assert any("gender of 28 images is unsure" in note for note in index.notes)
    assert any("valid is a tenth of train" in note for note in index.notes)
    assert [task.name for task in dataset.tasks()] == ["expression", "gender", "race", "age"]
    for task, least in zip(dataset.tasks(), (0, -1, 0, 0), strict=True):
        labels = task.labels(frame, index.points)
        assert (labels.min(), labels.max()) == (least, task.outputs - 1)
    for n, row in list(enumerate(frame.itertuples()))[::20]:
        image = dataset.read(root, row)
        assert image.shape == (100, 100, 3)
        assert abs(int(image[50, 50, 0]) - 2 * n) < 6  # red comes first: RGB
    assert min(dataset.sizes(root, list(frame["image"]))) > 0


def test_original_images_come_with_their_landmarks(official: Path) -> None:
    dataset = RAFDB(images="original")
    index = dataset.index(official)
    assert index.frame["image"][2] == "Image/original/train_00003.jpg"
    assert dataset.read(official, next(index.frame.itertuples())).shape == (180, 180, 3)
    found = index.points["landmarks5"]
    assert found.dtype == np.float32
    assert found[2].tolist() == [list(point) for point in points(2)]
    landmarks = dataset.tasks()[-1]
    assert isinstance(landmarks, Landmarks)
    assert landmarks.known(landmarks.labels(index.frame, index.points)).all()
    aligned = RAFDB().index(official).frame
    assert index.frame["split"].to_list() == aligned["split"].to_list()


def test_landmarks_are_put_in_the_order_of_the_image(official: Path) -> None:
    for n in range(len(NAMES)):
        left, right, nose, mouth_left, mouth_right = points(n)
        mirrored = [right, left, nose, mouth_right, mouth_left]
        annotate(official / "basic", n, points(n) if n % 9 == 0 else mirrored, (0, 0, 0))
    found = RAFDB(images="original").index(official).points["landmarks5"]
    assert found[1].tolist() == [list(point) for point in points(1)]
    assert found[0, 0, 0] > found[0, 1, 0]  # the few others are swapped as well, not sorted


def test_annotations_are_optional(official: Path, tmp_path: Path) -> None:
    manual = official / "basic" / "Annotation" / "manual"
    for name in NAMES[:4]:
        (manual / f"{name}_manu_attri.txt").unlink()
    index = RAFDB(images="original").index(official)
    assert any("4 images have no file in Annotation/manual" in note for note in index.notes)
    assert any("gender of 27 images is unsure" in note for note in index.notes)
    assert np.isnan(index.points["landmarks5"]).all((1, 2)).tolist() == [True] * 4 + [False] * 80
    for path in manual.iterdir():
        path.unlink()
    assert RAFDB(images="original").index(official).points == {}
    manual.rmdir()
    index = RAFDB(images="original").index(official)
    assert index.frame[["gender", "race", "age"]].isna().all(axis=None)
    assert any("there is no Annotation/manual" in note for note in index.notes)
    for task in RAFDB(images="original").tasks()[1:]:
        assert not task.known(task.labels(index.frame, index.points)).any()


@pytest.mark.parametrize(
    ("line", "text", "said"),
    [
        (2, "70.5", "expected x and y of a landmark, found '70.5'"),
        (6, "3", "gender is '3'; allowed are 0 to 2"),
        (7, "3", "race is '3'; allowed are 0 to 2"),
        (8, "x", "age is 'x'; allowed are 0 to 4"),
        (8, "", "age is ''"),
    ],
)
def test_a_malformed_annotation_is_named_with_its_line(
    official: Path, line: int, text: str, said: str
) -> None:
    path = official / "basic" / "Annotation" / "manual" / "train_00005_manu_attri.txt"
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=rf"train_00005_manu_attri\.txt:{line}: {said}"):
        RAFDB().index(official)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train_00003.jpg 8", "the label 8; allowed are 1 to 7"),
        ("train_00003.jpg 0", "the label 0; allowed"),
        ("train_00003.jpg", "expected a name and a label"),
        ("../train_00003.jpg 1", "expected a name and a label"),
        ("valid_00003.jpg 1", "expected a name and a label"),
        ("train_00001.jpg 1", r"train_00001\.jpg is there twice"),
    ],
)
def test_a_malformed_label_is_named_with_its_line(official: Path, text: str, said: str) -> None:
    path = official / "basic" / "EmoLabel" / "list_patition_label.txt"
    lines = path.read_text().splitlines()
    lines[2] = text
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=rf"list_patition_label\.txt:3: .*{said}"):
        RAFDB().index(official)


def test_labels_and_images_without_partner_are_counted_and_listed(official: Path) -> None:
    folder = official / "basic" / "Image" / "aligned"
    (folder / "train_00002_aligned.jpg").rename(folder / "train_99999_aligned.jpg")
    index = RAFDB().index(official)
    assert len(index.frame) == TRAIN + TEST - 1
    notes = "\n".join(index.notes)
    assert "1 label rows of list_patition_label.txt have no image in aligned/" in notes
    assert "left out: train_00002." in notes
    assert "1 images of aligned/ have no row in list_patition_label.txt" in notes
    assert "train_99999_aligned.jpg" in notes
    with pytest.raises(UserError, match="on_mismatch: skip"):
        RAFDB(on_mismatch="error").index(official)


def test_what_is_missing_is_named_with_the_steps(official: Path, tmp_path: Path) -> None:
    folder = official / "basic" / "Image" / "aligned"
    for path in folder.iterdir():
        path.rename(path.with_name(f"face{path.name}"))
    with pytest.raises(UserError, match=r"no image of .*aligned is named in .*facet"):
        RAFDB().index(official)
    folder.rename(official / "gone")
    with pytest.raises(UserError, match=r"(?s)images are not in .*aligned\.zip"):
        RAFDB().index(official)
    assert RAFDB().locate(tmp_path / "nowhere") is None
    (tmp_path / "x" / "rafdb").mkdir(parents=True)
    assert RAFDB().locate(tmp_path / "x") == tmp_path / "x" / "rafdb"
