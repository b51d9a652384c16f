"""UTKFace: labels in file names, the traps among them, and the seeded split."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from farbench.errors import UserError
from farbench_datasets.utkface import UTKFace

BROKEN = [
    "39_1_20170116174525125.jpg.chip.jpg",
    "61_1_20170109142408075.jpg.chip.jpg",
    "61_1_20170109150557335.jpg.chip.jpg",
]
"""The three official names without a race."""


def names(count: int) -> list[str]:
    """Proper names: ages 0 to 116 in turn, every gender and race."""
    return [
        f"{number % 117}_{number % 2}_{number % 5}_{20170116000000000 + number}.jpg.chip.jpg"
        for number in range(count)
    ]


def draw(folder: Path, files: list[str], level: int = 200) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = np.full((200, 200, 3), (0, 0, level), np.uint8)  # BGR: red only
    data = cv2.imencode(".jpg", image)[1].tobytes()
    for name in files:
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("place", ["UTKFace", ".", "utkface_aligned_cropped/UTKFace"])
def test_every_layout_gives_the_same_faces(tmp_path: Path, place: str) -> None:
    draw(tmp_path / "utkface" / place, names(60))
    dataset = UTKFace()
    root = dataset.locate(tmp_path)
    assert root == tmp_path / "utkface"
    assert dataset.locate(root) is not None
    index = dataset.index(root)
    frame = index.frame.set_index("image")
    assert sorted(frame.index) == sorted(names(60))  # bare names, wherever they lie
    row = frame.loc["33_1_3_20170116000000033.jpg.chip.jpg"]
    assert (row["age"], row["gender"], row["race"]) == (33, "Female", "Indian")
    row = frame.loc["40_0_0_20170116000000040.jpg.chip.jpg"]
    assert (row["age"], row["gender"], row["race"]) == (40, "Male", "White")
    assert frame["identity"].isna().all()
    ages, genders, races = (task.labels(index.frame, {}) for task in dataset.tasks())
    assert (ages.min(), ages.max()) == (0, 59)
    assert set(genders) == {0, 1}
    assert set(races) == set(range(5))
    red = dataset.read(root, next(index.frame.itertuples()))
    assert red.shape == (200, 200, 3)
    assert red[9, 9, 0] > 190 > 10 > red[9, 9, 2]  # red comes first: RGB
    sizes = dataset.sizes(root, list(index.frame["image"]))
    assert set(sizes) == {(root / place / names(1)[0]).stat().st_size}


def test_a_folder_of_images_is_known_without_its_name(tmp_path: Path) -> None:
    draw(tmp_path / "faces", names(10))
    assert UTKFace().locate(tmp_path / "faces") == tmp_path / "faces"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1.jpg").touch()
    assert UTKFace().locate(tmp_path / "other") is None


def test_odd_names_are_read_and_malformed_ones_are_counted(tmp_path: Path) -> None:
    odd = ["24_0_1_20170116220224657 .jpg.chip.jpg", "55_0_2_20170116232725357jpg.chip.jpg"]
    wrong = ["117_0_1_20170116220224657.jpg", "25_2_1_20170116220224657.jpg", "25_0_5_2017.jpg"]
    draw(tmp_path, [*names(40), *odd, *BROKEN, *wrong])
    (tmp_path / "._24_0_1_20170116220224657.jpg").touch()
    (tmp_path / "24_0_1_20170116220224657.txt").touch()
    index = UTKFace().index(tmp_path)
    frame = index.frame.set_index("image")
    assert sorted(frame.index) == sorted([*names(40), *odd])
    assert frame.loc[odd[1], ["age", "gender", "race"]].tolist() == [55, "Male", "Asian"]
    note = next(note for note in index.notes if "left out" in note)
    assert note.startswith("6 images have no valid age, gender and race")
    assert "(3 of them known: set repair: true)" in note
    assert wrong[0] in note
    with pytest.raises(UserError, match=r"utkface: 6 images .*on_mismatch: skip"):
        UTKFace(on_mismatch="error").index(tmp_path)


def test_the_three_known_names_can_be_repaired(tmp_path: Path) -> None:
    other_packaging = "61_3_20170109150557335.jpg.chip.jpg"
    draw(tmp_path, [*names(40), *BROKEN, other_packaging])
    index = UTKFace(repair=True, on_mismatch="error").index(tmp_path)
    frame = index.frame.set_index("image")
    assert frame.loc[BROKEN[0], ["age", "gender", "race"]].tolist() == [39, "Female", "Black"]
    assert frame.loc[BROKEN[1], ["age", "gender", "race"]].tolist() == [61, "Female", "Black"]
    assert frame.loc[BROKEN[2], ["age", "gender", "race"]].tolist() == [61, "Female", "Indian"]
    assert frame.loc[other_packaging, "race"] == "Indian"
    assert any(note.startswith("4 images whose names lack") for note in index.notes)


def test_the_split_is_seeded_and_keeps_photographs_together(tmp_path: Path) -> None:
    twins = [f"{number % 100}_0_0_{20180101000000000 + number // 3}.jpg" for number in range(300)]
    twins = list(dict.fromkeys(twins))
    draw(tmp_path, twins)
    index = UTKFace().index(tmp_path)
    split = index.frame.set_index("image")["split"]
    assert set(split) == {"train", "valid", "test"}
    assert 0.7 < (split == "train").mean() < 0.9
    photograph = split.index.str.split("_").str[3]
    assert (split.groupby(photograph).nunique() == 1).all()
    assert "no official split" in index.notes[0]
    other = UTKFace(split_seed=1).index(tmp_path).frame.set_index("image")["split"]
    assert (other != split).any()


def test_nothing_that_fits_is_an_error_with_the_steps(tmp_path: Path) -> None:
    (tmp_path / "utkface").mkdir()
    root = UTKFace().locate(tmp_path)
    assert root == tmp_path / "utkface"
    with pytest.raises(UserError, match=r"(?s)images are not in .*susanqq\.github\.io"):
        UTKFace().index(root)
    draw(tmp_path / "utkface" / "UTKFace", ["face.jpg"])
    with pytest.raises(UserError, match=r"(?s)\[age\]_\[gender\].*look like face\.jpg.*susanqq"):
        UTKFace().index(root)


def test_broken_images_are_named(tmp_path: Path) -> None:
    draw(tmp_path, names(3))
    rows = list(UTKFace().index(tmp_path).frame.itertuples())
    (tmp_path / rows[0].image).write_bytes(b"no jpeg")
    (tmp_path / rows[1].image).unlink()
    with pytest.raises(UserError, match=f"{rows[0].image} does not decode"):
        UTKFace().read(tmp_path, rows[0])
    with pytest.raises(UserError, match=f"{rows[1].image} is missing"):
        UTKFace().read(tmp_path, rows[1])
