"""FairFace: layouts, paddings, damaged ages, and val as test."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from farbench.errors import UserError
from farbench_datasets.fairface import FairFace

AGES = ["0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"]
RACES = ["White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian"]
RACES += ["Middle Eastern"]
HEADER = "file,age,gender,race,service_test"
TRAIN, VAL = 90, 20


def rows(split: str, count: int) -> list[str]:
    return [
        f"{split}/{n}.jpg,{AGES[n % 9]},{('Male', 'Female')[n % 2]},{RACES[n % 7]},{n % 3 == 0}"
        for n in range(1, count + 1)
    ]


def labels(folder: Path, pattern: str = "fairface_label_{}.csv") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", TRAIN), ("val", VAL)):
        text = "\n".join([HEADER, *rows(split, count)]) + "\n"
        (folder / pattern.format(split)).write_text(text)


def draw(folder: Path, side: int = 24) -> None:
    """Write images whose red tells their number."""
    for split, count in (("train", TRAIN), ("val", VAL)):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number in range(1, count + 1):
            image = np.full((side, side, 3), (0, 0, 2 * number), np.uint8)
            cv2.imwrite(str(folder / split / f"{number}.jpg"), image)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    root = tmp_path / "fairface"
    labels(root)
    draw(root)
    return root


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Both paddings under the names of the official zips; one doubled by unpacking."""
    root = tmp_path / "FairFace"
    labels(root)
    draw(root / "fairface-img-margin025-trainval", 24)
    draw(root / "fairface-img-margin125-trainval" / "fairface-img-margin125-trainval", 48)
    return root


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    root = tmp_path / "fairface"
    labels(root / "FairFace", "{}_labels.csv")
    draw(root / "FairFace")
    return root / "FairFace"


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Labels beside the images instead of in the root."""
    root = tmp_path / "fairface"
    labels(root / "margin025")
    draw(root / "margin025")
    return root


@pytest.mark.parametrize("layout", ["plain", "both", "kaggle", "beside"])
def test_every_layout_gives_the_same_faces(
    layout: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    root = request.getfixturevalue(layout)
    dataset = FairFace()
    assert dataset.locate(root) == root
    assert dataset.locate(root.parent) == root
    index = dataset.index(root)
    frame = index.frame
    assert len(frame) == TRAIN + VAL
    assert frame["image"][3] == "train/4.jpg"
    assert frame["age"][3] == "30-39"
    assert frame["gender"][3] == "Male"
    assert frame["race"][3] == "Southeast Asian"
    assert frame["identity"].isna().all()
    official = frame["image"].str.partition("/")[0]
    assert (frame["split"][official == "val"] == "test").all()
    assert set(frame["split"][official == "train"]) == {"train", "valid"}
    assert 2 <= (frame["split"] == "valid").sum() <= 20
    assert any("test is the official validation set" in note for note in index.notes)
    assert len(index.notes) == 1
    for task, count in zip(dataset.tasks(), (9, 2, 7), strict=True):
        assert set(task.labels(frame, {})) == set(range(count))
    for row in list(frame.itertuples())[::25]:
        number = int(Path(row.image).stem)
        image = dataset.read(root, row)
        assert image.shape == (24, 24, 3)
        assert abs(int(image[5, 5, 0]) - 2 * number) < 6  # red comes first: RGB
    assert min(dataset.sizes(root, list(frame["image"]))) > 0


def test_the_padding_is_chosen_by_an_option(both: Path) -> None:
    frames = {}
    for padding, side in (("0.25", 24), ("1.25", 48)):
        dataset = FairFace(padding=padding)  # type: ignore[arg-type]
        frames[padding] = dataset.index(both).frame
        assert dataset.read(both, next(frames[padding].itertuples())).shape == (side, side, 3)
    assert frames["0.25"].equals(frames["1.25"])  # the same ids and splits
    (both / "fairface-img-margin025-trainval").rename(both / "elsewhere")
    with pytest.raises(UserError, match=r"padding 1\.25, not of 0\.25\. Set padding: '1\.25'"):
        FairFace().index(both)


def test_bare_folders_do_for_either_padding_with_a_word(plain: Path) -> None:
    index = FairFace(padding="1.25").index(plain)
    assert any("do not tell their padding" in note for note in index.notes)


@pytest.mark.parametrize(
    ("damaged", "age"),
    [
        *(("9-Mar", "3-9"), ("3-Sep", "3-9"), ("09-Mar-24", "3-9"), ("2024-03-09", "3-9")),
        *(("19-Oct", "10-19"), ("Oct-19", "10-19"), ("10/19/2024", "10-19"), ("70+", AGES[8])),
    ],
)
def test_ages_that_a_spreadsheet_damaged_are_repaired(plain: Path, damaged: str, age: str) -> None:
    path = plain / "fairface_label_train.csv"
    text = path.read_text()
    path.write_text("\ufeff" + text.replace(f",{age},", f",{damaged},"), encoding="utf-8")
    index = FairFace().index(plain)
    assert index.frame["age"][:TRAIN].to_list() == [AGES[n % 9] for n in range(1, TRAIN + 1)]
    note = next(note for note in index.notes if "repaired" in note)
    assert "fairface_label_train.csv: 10 ages" in note
    assert f"({damaged} -> {age})" in note


def test_rows_and_images_without_partner_are_counted_and_listed(plain: Path) -> None:
    (plain / "train" / "7.jpg").unlink()
    (plain / "val" / "999.jpg").write_bytes((plain / "val" / "1.jpg").read_bytes())
    index = FairFace().index(plain)
    assert len(index.frame) == TRAIN + VAL - 1
    notes = "\n".join(index.notes)
    assert "1 label rows of fairface_label_train.csv have no image and are left out" in notes
    assert "train/7.jpg" in notes
    assert (
        "1 images of val/ have no row in fairface_label_val.csv and are left out: val/999.jpg"
        in notes
    )
    with pytest.raises(UserError, match="on_mismatch: skip"):
        FairFace(on_mismatch="error").index(plain)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train/4.jpg,more then 70,Male,White,True", "Did you mean 'more than 70'"),
        ("train/4.jpg,1-Jan,Male,White,True", "age is '1-Jan'.*Allowed: 0-2"),
        ("train/4.jpg,30-39,M,White,True", "gender is 'M'.*Allowed: Male, Female"),
        ("train/4.jpg,30-39,Male,Asian,True", "race is 'Asian'"),
        ("train/4.jpg,30-39,Male", "expected 5 values, found 3"),
        ("train/1.jpg,30-39,Male,White,True", r"train/1\.jpg is there twice"),
        ("../4.jpg,30-39,Male,White,True", "is not an image of train"),
        ("train/../../4.jpg,30-39,Male,White,True", "is not an image of train"),
        ("val/4.jpg,30-39,Male,White,True", "is not an image of train"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(plain: Path, line: str, said: str) -> None:
    path = plain / "fairface_label_train.csv"
    lines = path.read_text().splitlines()
    lines[4] = line
    path.write_text("\n".join(lines) + "\n\n")
    with pytest.raises(UserError, match=rf"label_train\.csv:5: .*{said}"):
        FairFace().index(plain)


def test_what_is_missing_is_named_with_the_steps(plain: Path, tmp_path: Path) -> None:
    (plain / "fairface_label_val.csv").rename(plain / "gone")
    with pytest.raises(UserError, match=r"(?s)fairface_label_val\.csv is missing.*joojs/fairface"):
        FairFace().index(plain)
    (plain / "gone").write_text("file,age,gender\n")
    (plain / "gone").rename(plain / "fairface_label_val.csv")
    with pytest.raises(UserError, match="the header lacks race"):
        FairFace().index(plain)
    (plain / "val").rename(plain / "validation")
    with pytest.raises(UserError, match=r"(?s)images are not in .*joojs/fairface"):
        FairFace().index(plain)
    assert FairFace().locate(tmp_path / "nowhere") is None


def test_nothing_in_common_is_an_error(plain: Path) -> None:
    for path in (plain / "val").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(UserError, match=r"no image of .*val .*val/x1\.jpg.*val/1\.jpg"):
        FairFace().index(plain)
