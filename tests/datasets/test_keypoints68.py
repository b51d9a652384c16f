"""68 points beside images: split by person, crops that keep the points, gaps, malformed rows."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from farbench.benchmark.schema import Images
from farbench.data.source import open_source
from farbench.errors import UserError
from farbench_datasets.keypoints68 import Keypoints68

NAMES = [f"{person}_{frame:02d}.jpg" for person in ("Ann_Lee", "Bo_Li", "Cy") for frame in (1, 22)]
NAMES += [f"Dora_van_Dam_{frame}.jpg" for frame in (10, 11)]
SIZES = [(200 + 10 * number, 150 + number) for number in range(len(NAMES))]  # height, width


def points_of(number: int) -> NDArray[np.float64]:
    """68 whole-pixel points that differ from image to image."""
    across, down = np.arange(68) % 17, np.arange(68) // 17
    return np.stack((30 + number + 5 * across, 60 + 2 * number + 20 * down), axis=1).astype(float)


def write(path: Path, names: list[str], points: list[NDArray[np.float64]]) -> None:
    lines = ["," + ",".join(map(str, range(136)))]
    for name, values in zip(names, points, strict=True):
        lines.append(f"{name},{','.join(map(str, values.ravel()))}")
    path.write_text("\n".join(lines) + "\n")


def draw(folder: Path, name: str, number: int) -> None:
    """RGBA PNG under a .jpg name: red where a point is, the number elsewhere in green."""
    folder.mkdir(parents=True, exist_ok=True)
    image = np.zeros((*SIZES[number], 4), np.uint8)
    image[..., 1], image[..., 3] = 20 * number + 5, 255
    for x, y in points_of(number).astype(int):
        if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
            image[y, x] = (0, 0, 255, 255)  # BGRA
    (folder / name).write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "keypoints68"
    for number, name in enumerate(NAMES):
        draw(folder / "training", name, number)
    write(folder / "training_frames_keypoints.csv", NAMES, [points_of(n) for n in range(8)])
    return folder


@pytest.mark.parametrize("crop", ["face", "frame"])
def test_points_lie_where_they_were_in_the_picture(root: Path, crop: str) -> None:
    dataset = Keypoints68(crop=crop)
    assert dataset.locate(root) == dataset.locate(root.parent) == root
    index = dataset.index(root)
    assert list(index.frame["image"]) == [f"training/{name}" for name in NAMES]
    points = index.points["dlib68"]
    assert points.shape == (8, 68, 2)
    assert points.dtype == np.float32
    for number, row in enumerate(index.frame.itertuples()):
        image = dataset.read(root, row)
        height, width = image.shape[:2]
        assert (height == width) if crop == "face" else ((height, width) == SIZES[number])
        for x, y in points[number].astype(int):
            assert image[y, x].tolist() == [255, 0, 0]
        assert (image == (0, 20 * number + 5, 0)).all(axis=2).mean() > 0.5
    task = dataset.tasks()[0]
    assert task.labels(index.frame, index.points).shape == (8, task.count, 2)


def test_the_box_is_square_centred_and_as_wide_as_asked(root: Path) -> None:
    for margin in (0.0, 0.25, 1.0):
        index = Keypoints68(margin=margin).index(root)
        points, side = index.points["dlib68"], index.frame["crop_side"].to_numpy()
        extent = 80  # points_of spans 80 x 60 pixels
        assert (side == np.ceil(extent * (1 + 2 * margin))).all()
        centre = (points.min(axis=1) + points.max(axis=1)) / 2
        np.testing.assert_allclose(centre, (side[:, None] - 1) / 2 * [1, 1], atol=0.5)
        assert any("box that comes from the labels" in note for note in index.notes)


def test_a_box_beyond_the_image_is_black_there(root: Path) -> None:
    dataset = Keypoints68(margin=1.0)
    index = dataset.index(root)
    row = next(index.frame.itertuples())
    assert row.crop_left < 0
    image = dataset.read(root, row)
    assert image.shape == (240, 240, 3)
    assert (image[:, : -row.crop_left] == 0).all()
    assert image[120, -row.crop_left].any()


def test_all_frames_of_a_person_are_in_one_split(root: Path) -> None:
    index = Keypoints68(shares=(0.4, 0.3, 0.3)).index(root)
    frame = index.frame
    assert frame["identity"].tolist()[6:] == ["keypoints68/Dora_van_Dam"] * 2
    assert frame.groupby("identity")["split"].nunique().max() == 1
    assert set(frame["split"]) == {"train", "valid", "test"}
    assert any("no official split: 40%, 30%, 30%" in note for note in index.notes)


def test_a_test_csv_is_the_official_test(root: Path) -> None:
    draw(root / "test", "Eve_00.jpg", 3)
    draw(root / "test", "Cy_30.jpg", 4)
    write(
        root / "test_frames_keypoints.csv",
        ["Eve_00.jpg", "Cy_30.jpg"],
        [points_of(3), points_of(4)],
    )
    with pytest.raises(ValidationError, match="shares must be 0 or more and add up to 1"):
        Keypoints68(shares=(0.6, 0.4, 0.1))
    index = Keypoints68(shares=(0.6, 0.4, 0.0)).index(root)
    frame = index.frame.set_index("image")
    assert set(frame.index[frame["split"] == "test"]) == {"test/Eve_00.jpg", "test/Cy_30.jpg"}
    train = frame[frame["split"] != "test"]
    assert set(train["split"]) == {"train", "valid"}
    assert train.groupby("identity")["split"].nunique().max() == 1
    assert any("1 persons are in train and in the official test" in note for note in index.notes)


def test_a_csv_of_other_images_beside_it(tmp_path: Path) -> None:
    draw(tmp_path, "one.png", 0)
    draw(tmp_path, "two.png", 1)
    draw(tmp_path, "three.png", 2)
    write(
        tmp_path / "mine.csv", ["one.png", "two.png", "three.png"], [points_of(n) for n in range(3)]
    )
    dataset = Keypoints68(csv="mine.csv")
    assert dataset.locate(tmp_path) == tmp_path
    source = open_source(dataset, tmp_path, Images())
    assert list(source.index.frame["image"]) == ["one.png", "two.png", "three.png"]
    assert source.index.frame["identity"].isna().all()  # a name without a frame number
    assert source.labels(dataset.tasks()[0]).shape == (3, 68, 2)


def test_points_outside_and_gaps_are_told(root: Path) -> None:
    points = [points_of(n) for n in range(8)]
    points[2][:, 0] += 60  # beyond the width of 152
    points[3][0] = np.nan
    points[4][:] = np.nan
    text_names = [*NAMES[:7], "Zoe_11.jpg"]
    write(root / "training_frames_keypoints.csv", text_names, points)
    index = Keypoints68().index(root)
    notes = "\n".join(index.notes)
    assert "1 images have points outside the image: training/Bo_Li_01.jpg." in notes
    assert "1 rows have no image and are left out: training/Zoe_11.jpg." in notes
    assert "1 rows have no points and are left out: training/Cy_01.jpg." in notes
    assert len(index.frame) == 6
    assert np.isnan(index.points["dlib68"]).any(axis=2).sum() == 1
    with pytest.raises(UserError, match="on_mismatch: skip"):
        Keypoints68(on_mismatch="error").index(root)


GOOD = ",".join(["1"] * 136)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"{NAMES[4]},{GOOD},1", "expected 136 numbers .* found 137"),
        (f"{NAMES[4]},{GOOD[2:]}", "expected 136 numbers .* found 135"),
        (f"{NAMES[4]},x{GOOD[1:]}", "'x' is not a number"),
        (f"../{NAMES[0]},{GOOD}", "'../Ann_Lee_01.jpg' is not an image name"),
        (f"{NAMES[1]},{GOOD}", "is there twice"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(root: Path, row: str, said: str) -> None:
    path = root / "training_frames_keypoints.csv"
    lines = path.read_text().splitlines()
    lines[5] = row
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=rf"training_frames_keypoints\.csv:6: .*{said}"):
        Keypoints68().index(root)


def test_what_is_missing_is_told_with_the_steps(root: Path) -> None:
    for image in (root / "training").iterdir():
        image.unlink()
    with pytest.raises(UserError, match=r"no image that .* names is in .*\n1\. Get frames"):
        Keypoints68().index(root)
    with pytest.raises(UserError, match=r"other\.csv is missing\.\n1\. Get frames"):
        Keypoints68(csv="other.csv").index(root)


def test_an_image_that_does_not_decode_is_named_when_it_is_read(root: Path) -> None:
    (root / "training" / NAMES[0]).write_bytes(b"no image")
    dataset = Keypoints68()
    index = dataset.index(root)
    assert len(index.frame) == 8
    with pytest.raises(UserError, match=f"{NAMES[0]} does not decode"):
        dataset.read(root, next(index.frame.itertuples()))


@pytest.mark.real_faces
def test_the_real_frames() -> None:
    data = Path(os.environ.get("FARBENCH_DATA", "nowhere"))
    dataset = Keypoints68()
    root = dataset.locate(data) if data.is_dir() else None
    if root is None:
        pytest.skip("no 68 keypoints below FARBENCH_DATA")
    index = dataset.index(root)
    frame, points = index.frame, index.points["dlib68"]
    assert len(frame) in (287, 3_462 + 770)
    assert frame.groupby("identity")["split"].nunique().max() == 1 or len(frame) > 287
    assert not np.isnan(points).any()
    eyes = points[:, 45, 0] - points[:, 36, 0]
    assert (eyes > 0).all()  # image-left comes first
    for row in frame.iloc[:: len(frame) // 20].itertuples():
        image = dataset.read(root, row)
        assert image.shape == (row.crop_side, row.crop_side, 3)
        assert image.std() > 5
