"""FER-2013: the CSV of pixels in two spellings, and the folders in three."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from farbench.benchmark.schema import Images
from farbench.data.contents import notice_exchanged
from farbench.data.source import open_source
from farbench.errors import UserError
from farbench.store.artifacts import ArtifactStore
from farbench_datasets import fer2013_table
from farbench_datasets.fer2013 import FER2013

NUMBERED = ["Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral"]
"""What the column emotion counts from 0."""

FOLDERS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
USAGES = ["Training"] * 14 + ["PublicTest"] * 7 + ["PrivateTest"] * 7


def face(number: int) -> NDArray[np.uint8]:
    """A grey image with a gradient, so that a transposed one is told apart."""
    across = np.arange(48, dtype=np.int64)
    return ((across[None] * 2 + across[:, None] + number) % 256).astype(np.uint8)


def csv(path: Path, *, spaced: bool = False) -> None:
    """Write the table in the order of fer2013.csv, or in that of icml_face_data.csv."""
    lines = ["emotion, Usage, pixels" if spaced else "emotion,pixels,Usage"]
    for number, usage in enumerate(USAGES):
        pixels = " ".join(map(str, face(number).ravel()))
        values = [number % 7, usage, pixels] if spaced else [number % 7, pixels, usage]
        lines.append(",".join(map(str, values)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def folders(root: Path, places: dict[str, list[str]], each: int = 2) -> None:
    """Write ``each`` images a class and prefix; places: split folder -> prefixes of names."""
    for place, prefixes in places.items():
        for label, name in enumerate(FOLDERS):
            folder = root / place / name
            folder.mkdir(parents=True)
            for prefix in prefixes:
                for number in range(each):
                    image = face(10 * label)  # one channel
                    cv2.imwrite(str(folder / f"{prefix}_{number}.png"), image)


@pytest.mark.parametrize(
    ("place", "spaced"),
    [("fer2013.csv", False), ("fer2013/fer2013.csv", False), ("icml_face_data.csv", True)],
)
def test_the_csv_gives_labels_official_splits_and_pixels(
    tmp_path: Path, place: str, spaced: bool
) -> None:
    root = tmp_path / "FER2013"
    csv(root / place, spaced=spaced)
    dataset = FER2013()
    assert dataset.locate(tmp_path) == root
    assert dataset.locate(root) == (root if "/" not in place else root / "fer2013")
    index = dataset.index(root)
    frame = index.frame
    assert list(frame["split"]) == ["train"] * 14 + ["valid"] * 7 + ["test"] * 7
    assert list(frame["expression"]) == NUMBERED * 4
    assert set(dataset.tasks()[0].labels(frame, {})) == set(range(7))
    assert frame["image"].is_unique
    assert not index.notes
    for number, row in enumerate(frame.itertuples()):
        image = dataset.read(root, row)
        assert image.dtype == np.uint8
        assert image.shape == (48, 48, 3)
        assert (image == face(number)[..., None]).all()
    assert min(dataset.sizes(root, list(frame["image"]))) > 2304


def test_the_csv_is_scanned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv(tmp_path / "fer2013.csv")
    dataset = FER2013()
    rows = list(dataset.index(tmp_path).frame.itertuples())
    before = fer2013_table._scan.cache_info().misses
    for row in rows:
        dataset.read(tmp_path, row)
    dataset.sizes(tmp_path, [row.image for row in rows])
    assert fer2013_table._scan.cache_info().misses == before


def test_an_exchanged_row_makes_another_manifest(tmp_path: Path) -> None:
    root, store = tmp_path / "fer2013", ArtifactStore(tmp_path / "cache")

    def now() -> tuple[str, str]:
        source = open_source(FER2013(), root, Images())
        return source.manifest, notice_exchanged(source, store, keep=True).manifest

    csv(root / "fer2013.csv")
    before, noticed = now()
    assert (before, noticed) == (before, before) == now()
    text = (root / "fer2013.csv").read_text()
    (root / "fer2013.csv").write_text(text.replace(" 44 ", " 45 ", 1))
    assert now()[0] == before
    assert now()[1] != before
    (root / "fer2013.csv").write_text(text.replace(" 44 ", " 144 ", 1))
    assert now()[0] != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\n3,", "\n7,", "emotion is '7'; allowed are 0 to 6"),
        ("\n3,", "\nhappy,", "emotion is 'happy'"),
        (",Training\n4", ",Train\n4", "Usage is 'Train'; allowed"),
        (",Training\n4", "\n4", "expected 3 values, found 2"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    csv(tmp_path / "fer2013.csv")
    text = (tmp_path / "fer2013.csv").read_text()
    (tmp_path / "fer2013.csv").write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=rf"fer2013\.csv:5: {said}"):
        FER2013().index(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\n1,1 ", "\n1,x ", "its pixels are no whole numbers"),
        ("\n1,1 ", "\n1,256 ", "expected 2,304 pixels of 0 to 255"),
        ("\n1,1 ", "\n1,", "expected 2,304 pixels of 0 to 255, found 2,303"),
    ],
)
def test_broken_pixels_are_named_when_they_are_read(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    csv(tmp_path / "fer2013.csv")
    text = (tmp_path / "fer2013.csv").read_text()
    (tmp_path / "fer2013.csv").write_text(text.replace(old, new, 1))
    rows = list(FER2013().index(tmp_path).frame.itertuples())
    FER2013().read(tmp_path, rows[0])
    with pytest.raises(UserError, match=rf"Training_00001 .*\(line 3\) does not decode: {said}"):
        FER2013().read(tmp_path, rows[1])


def test_the_files_of_the_competition_without_test_labels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("emotion,pixels\n0,1 2 3\n")
    with pytest.raises(UserError, match=r"header lacks usage.*train\.csv and test\.csv"):
        FER2013().index(tmp_path)
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n")
    with pytest.raises(UserError, match="holds no rows"):
        FER2013().index(tmp_path)


def test_folders_with_three_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    folders(tmp_path, {"Train": ["a"], "Validation": ["b"], "Test": ["c"]})
    index = FER2013().index(tmp_path)
    assert index.frame["split"].value_counts().to_dict() == dict.fromkeys(
        ("train", "valid", "test"), 14
    )
    assert not index.notes


def test_two_test_sets_in_one_folder_are_told_apart_by_their_names(tmp_path: Path) -> None:
    root = tmp_path / "fer2013"
    folders(root, {"train": ["Training"], "test": ["PublicTest", "PrivateTest"]})
    assert FER2013().locate(tmp_path) == root
    index = FER2013().index(root)
    frame = index.frame
    public = frame["image"].str.contains("PublicTest")
    assert (frame["split"][public] == "valid").all()
    assert (frame["split"][frame["image"].str.contains("PrivateTest")] == "test").all()
    assert (frame["split"] == "train").sum() == 14
    assert any("PublicTest_" in note for note in index.notes)


@pytest.mark.parametrize("held_out", ["test", "validation"])
def test_one_held_out_folder_is_test_and_valid_is_carved(tmp_path: Path, held_out: str) -> None:
    folders(tmp_path / "images", {"train": ["Training"], held_out: ["PublicTest"]}, each=12)
    dataset = FER2013()
    assert dataset.locate(tmp_path) == tmp_path
    index = dataset.index(tmp_path)
    frame = index.frame
    folder = frame["image"].str.partition("/")[0]
    assert (frame["split"][folder == held_out] == "test").all()
    assert set(frame["split"][folder == "train"]) == {"train", "valid"}
    assert any(f"test is the one held-out set ({held_out}/)" in note for note in index.notes)
    by_folder = frame.groupby(frame["image"].str.split("/").str[1])["expression"].unique()
    assert {name: list(found) for name, found in by_folder.items()} == {
        name: [label] for name, label in zip(FOLDERS, NUMBERED, strict=True)
    }
    image = dataset.read(tmp_path, next(frame[frame["expression"] == "Fear"].itertuples()))
    assert (image == face(20)[..., None]).all()  # three equal channels
    assert min(dataset.sizes(tmp_path, list(frame["image"]))) > 0


def test_the_carved_split_does_not_depend_on_how_folders_are_spelt(tmp_path: Path) -> None:
    folders(tmp_path / "a", {"train": ["Training"], "test": ["x"]}, each=12)
    folders(tmp_path / "b", {"training": ["Training"], "val": ["x"]}, each=12)
    (tmp_path / "b" / "training" / "happy").rename(tmp_path / "b" / "training" / "Happiness")
    lots = []
    for place in ("a", "b"):
        frame = FER2013().index(tmp_path / place).frame
        frame = frame.assign(file=frame["image"].str.rpartition("/")[2])
        lots.append(frame.sort_values(["expression", "file", "split"])["split"].to_list())
    assert lots[0] == lots[1]


def test_two_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    folders(tmp_path, {"train": ["a"], "val": ["b"], "validation": ["c"]})
    assert FER2013().locate(tmp_path) == tmp_path
    with pytest.raises(UserError, match=r"val/ and validation/ both stand for the valid split"):
        FER2013().index(tmp_path)


def test_folders_of_no_expression_are_counted(tmp_path: Path) -> None:
    folders(tmp_path, {"train": ["a"], "validation": ["b"], "test": ["c"]})
    (tmp_path / "train" / "sad").rename(tmp_path / "train" / "contempt")
    index = FER2013().index(tmp_path)
    assert len(index.frame) == 40
    assert "2 images lie in a folder that names none of the expressions" in index.notes[0]
    assert "train/contempt/a_0.png" in index.notes[0]
    with pytest.raises(UserError, match="on_mismatch: skip"):
        FER2013(on_mismatch="error").index(tmp_path)


def test_nothing_there_is_an_error_with_the_steps(tmp_path: Path) -> None:
    (tmp_path / "fer2013" / "train" / "cats").mkdir(parents=True)
    assert FER2013().locate(tmp_path / "fer2013" / "train") is None
    root = FER2013().locate(tmp_path)
    assert root == tmp_path / "fer2013"
    with pytest.raises(UserError, match=r"(?s)images are not in .*fer2013\.csv"):
        FER2013().index(root)
    (root / "train" / "happy").mkdir()
    with pytest.raises(UserError, match=r"(?s)has no images in folders of expressions.*Kaggle"):
        FER2013().index(root)
