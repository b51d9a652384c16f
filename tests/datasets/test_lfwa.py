"""LFWA: the official MATLAB 7.3 files, re-saved older ones, the split, and malformed files."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from farbench.benchmark.schema import Images
from farbench.data.source import open_source
from farbench.errors import UserError
from farbench.tasks.attributes import CELEBA_ATTRIBUTES
from farbench_datasets.lfwa import LFWA, LFWA_ATTRIBUTES

h5py = pytest.importorskip("h5py", reason="reading MATLAB 7.3 files needs h5py")

PERSONS = ["Aaron_Eckhart", "Bo_Derek", "Carl_Reiner", "Dan_Snyder", "Ed_Rosenthal", "Fay_Wray"]
NAMES = [f"{person}/{person}_{number:04d}.jpg" for person in PERSONS for number in (1, 2)]
TRAIN, TEST = [1, 2, 3, 4, 7, 8, 9, 10], [12, 11, 5, 6]  # 1-based; order means nothing
LABELS = np.array([[(row * 7 + column) % 3 == 0 for column in range(40)] for row in range(12)])


def official(path: Path, variables: dict[str, Any]) -> None:
    """Write a file as MATLAB 7.3 does: a text of 512 bytes, cells of references, transposed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            if not isinstance(value, list):
                file[name] = np.asarray(value, float).T
                continue
            held = file.require_group("#refs#")
            cells = np.empty((1, len(value)), h5py.ref_dtype)
            for place, text in enumerate(value):
                if text:
                    units = np.array([[ord(letter)] for letter in text], np.uint16)
                    cell = held.create_dataset(f"{name}{place}", data=units)
                else:
                    cell = held.create_dataset(f"{name}{place}", data=np.zeros(2, np.uint64))
                    cell.attrs["MATLAB_empty"] = np.uint8(1)
                cells[0, place] = cell.ref
            file.create_dataset(name, data=cells)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(512))


def resaved(path: Path, variables: dict[str, Any]) -> None:
    """Write the same variables in an older version."""
    from scipy.io import savemat

    cells = {
        name: np.array(value, object)[:, None] if isinstance(value, list) else value
        for name, value in variables.items()
    }
    savemat(path, cells)


def attributes(**changes: Any) -> dict[str, Any]:
    names = [name.replace("_", " ") for name in CELEBA_ATTRIBUTES]
    images = [name.replace("/", "\\") for name in NAMES]
    return {"AttrName": names, "label": LABELS, "name": images, **changes}


def indices(train: list[int] = TRAIN, test: list[int] = TEST) -> dict[str, Any]:
    return {
        "indices_img_train": np.array(train)[:, None],
        "indices_img_test": np.array(test)[:, None],
        "indices_identity_train": np.array([[1.0]]),
        "indices_identity_test": np.array([[2.0]]),
    }


def draw(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.full((250, 250, 3), (0, 0, 20 * number), np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "lfwa"
    draw(folder / "lfw")
    official(folder / "lfw_att_40.mat", attributes())
    official(folder / "indices_train_test.mat", indices())
    return folder


def test_the_official_layout(root: Path) -> None:
    dataset = LFWA()
    assert dataset.locate(root) == dataset.locate(root.parent) == root
    index = dataset.index(root)
    frame = index.frame
    assert list(frame["image"]) == NAMES
    columns = list(dataset.tasks()[0].columns)
    assert np.array_equal(frame[columns].to_numpy(), LABELS.astype(int))
    assert set(frame["image"][frame["split"] == "test"]) == {NAMES[i - 1] for i in TEST}
    assert frame["identity"][0] == "lfwa/Aaron_Eckhart"
    row = list(frame.itertuples())[5]
    assert dataset.read(root, row)[0, 0, 0] == pytest.approx(100, abs=3)  # red first: RGB
    assert dataset.default_tasks == ("attributes",)
    source = open_source(dataset, root.parent, Images())
    for task in dataset.tasks():
        assert task.known(source.labels(task)).all()


def test_valid_is_carved_from_train_by_person(root: Path) -> None:
    index = LFWA(valid_share=0.3).index(root)
    frame = index.frame
    assert frame.groupby("identity")["split"].nunique().max() == 1
    counts = frame["split"].value_counts().to_dict()
    assert counts["test"] == 4
    assert counts["valid"] >= 2
    assert counts["train"] + counts["valid"] == 8
    assert any("no official valid split: 30% of the train persons" in n for n in index.notes)
    splits = {
        tuple(LFWA(valid_share=0.3, split_seed=seed).index(root).frame["split"]) for seed in (1, 9)
    }
    assert len(splits) == 2


def test_attributes_in_another_order_are_put_in_celebas(root: Path) -> None:
    order = np.random.default_rng(0).permutation(40)
    names = [CELEBA_ATTRIBUTES[place].upper() for place in order]
    official(root / "lfw_att_40.mat", attributes(AttrName=names, label=LABELS[:, order]))
    dataset = LFWA()
    frame = dataset.index(root).frame
    assert np.array_equal(frame[list(dataset.tasks()[0].columns)].to_numpy(), LABELS.astype(int))


def test_the_73_attributes(root: Path) -> None:
    assert len(set(LFWA_ATTRIBUTES)) == 73
    labels = np.arange(12 * 73).reshape(12, 73) % 2
    names = [name.replace("5_o_Clock", "5_o'_Clock") for name in LFWA_ATTRIBUTES]
    official(root / "lfw_att_73.mat", attributes(AttrName=names, label=labels))
    dataset = LFWA(attributes=73)
    frame = dataset.index(root).frame
    assert np.array_equal(frame[list(dataset.tasks()[0].columns)].to_numpy(), labels)


def test_files_saved_again_in_an_older_version(root: Path) -> None:
    before = LFWA().index(root).frame
    resaved(root / "lfw_att_40.mat", attributes())
    resaved(root / "indices_train_test.mat", indices())
    assert LFWA().index(root).frame.equals(before)


@pytest.mark.parametrize("folder", ["lfw-deepfunneled", "lfw_funneled", "lfw/lfw", "elsewhere"])
def test_images_may_lie_elsewhere(root: Path, folder: str) -> None:
    (root / "lfw").rename(root / "moved")
    (root / folder).parent.mkdir(exist_ok=True)
    (root / "moved").rename(root / folder)
    dataset = LFWA(images="elsewhere") if folder == "elsewhere" else LFWA()
    index = dataset.index(root)
    assert list(index.frame["image"]) == NAMES
    assert dataset.read(root, next(index.frame.itertuples())).shape == (250, 250, 3)
    assert min(dataset.sizes(root, NAMES)) > 0


def test_gaps_are_counted_and_listed(root: Path) -> None:
    (root / "lfw" / NAMES[0]).unlink()
    official(root / "indices_train_test.mat", indices(test=TEST[1:]))
    index = LFWA().index(root)
    notes = "\n".join(index.notes)
    assert f"1 label rows have no image in lfw/ and are left out: {NAMES[0]}" in notes
    assert "1 labelled images are in no split of indices_train_test.mat and are left out: " in notes
    assert list(index.frame["image"]) == NAMES[1:11]
    labels = index.frame[list(LFWA().tasks()[0].columns)].to_numpy()
    assert np.array_equal(labels, LABELS[1:11].astype(int))
    with pytest.raises(UserError, match="on_mismatch: skip"):
        LFWA(on_mismatch="error").index(root)


def test_a_person_in_both_official_splits_is_told(root: Path) -> None:
    official(root / "indices_train_test.mat", indices(TRAIN[1:], [*TEST, TRAIN[0]]))
    notes = LFWA().index(root).notes
    assert any("1 persons are in train and in test of the official split" in n for n in notes)


NAN = LABELS.astype(float) + np.where(np.arange(40) == 3, np.nan, 0)


@pytest.mark.parametrize(
    ("file", "variables", "said"),
    [
        (
            "lfw_att_40.mat",
            attributes(label=LABELS * 2 - 1),
            r"Aaron.* has the label -1 .* 0 and 1",
        ),
        ("lfw_att_40.mat", attributes(label=NAN), "has the label nan for Bags_Under_Eyes"),
        ("lfw_att_40.mat", attributes(label=LABELS[:11]), "label is 11 x 40; expected 12 names"),
        ("lfw_att_40.mat", attributes(AttrName=["A"] * 40), "AttrName lacks 5_o_Clock_Shadow"),
        ("lfw_att_40.mat", attributes(name=["../a.jpg"] * 12), "'../a.jpg' is no image name"),
        ("lfw_att_40.mat", attributes(name=["", *NAMES[1:]]), "'' is no image name"),
        ("lfw_att_40.mat", attributes(name=[NAMES[1], *NAMES[1:]]), f"{NAMES[1]} is there twice"),
        ("lfw_att_40.mat", {"label": LABELS, "names": NAMES}, "no variable 'AttrName'"),
        ("lfw_att_40.mat", attributes(name=LABELS), "'name' is no list of strings"),
        ("lfw_att_40.mat", attributes(label=NAMES), "'label' holds strings"),
        ("indices_train_test.mat", indices([0, 1], [2]), "holds 0; allowed are 1 to 12"),
        ("indices_train_test.mat", indices([1], [13]), "holds 13; allowed are 1 to 12"),
        ("indices_train_test.mat", indices([1, 2], [2]), "image 2 is in train and in test"),
    ],
)
def test_malformed_files_are_named(
    root: Path, file: str, variables: dict[str, Any], said: str
) -> None:
    official(root / file, variables)
    with pytest.raises(UserError, match=rf"{file}.*{said}"):
        LFWA().index(root)


@pytest.mark.parametrize("file", ["lfw_att_40.mat", "indices_train_test.mat"])
def test_missing_and_broken_files_are_named(root: Path, file: str) -> None:
    path = root / file
    for content in (b"no MATLAB file at all" * 50, path.read_bytes()[:700], b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{file} "):
            LFWA().index(root)
    path.unlink()
    with pytest.raises(UserError, match=rf"{file} is missing in [^\n]*\n1\. Get LFWA"):
        LFWA().index(root)


def test_without_images_the_steps_are_told(root: Path) -> None:
    (root / "lfw").rename(root / "pictures")
    with pytest.raises(UserError, match="images are not in"):
        LFWA().index(root)
    draw(root / "lfw")
    for image in (root / "lfw").rglob("*.jpg"):
        image.rename(image.with_suffix(".png"))
    with pytest.raises(UserError, match=r"none of the images .* it names Aaron_Eckhart/"):
        LFWA().index(root)


def test_without_h5py_the_command_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_import = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return really_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"MATLAB 7\.3 file.* Type: pip install h5py"):
        LFWA().index(root)
