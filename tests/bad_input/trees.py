"""Every data set's official layout, written with a dozen tiny images, to be spoiled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from farbench.plugins.dataset import Dataset
from farbench.tasks.attributes import CELEBA_ATTRIBUTES
from farbench_datasets.celeba import CelebA
from farbench_datasets.fairface import FairFace
from farbench_datasets.fer2013 import FER2013
from farbench_datasets.image_folder import ImageFolder
from farbench_datasets.keypoints68 import Keypoints68
from farbench_datasets.lfwa import LFWA
from farbench_datasets.rafdb import RAFDB
from farbench_datasets.utkface import UTKFace

COUNT = 12
MARKS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
POINTS = (69, 111, 108, 112, 88, 135, 73, 152, 105, 153)


class Tree(NamedTuple):
    """One layout of one data set.

    Attributes:
        dataset: The data set, with the options that read all of it.
        write: Writes the tree into a folder.
        spoil: The files that may be spoiled, below that folder.
    """

    dataset: Dataset
    write: Callable[[Path], None]
    spoil: tuple[str, ...]


def picture(path: Path, number: int = 0, side: int = 24) -> None:
    """Write one image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(number, side, path.suffix))


def encoded(number: int, side: int = 24, suffix: str = ".jpg") -> bytes:
    """Return the file of one image."""
    image = np.full((side, side, 3), (0, 100, 10 * number), np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


def text(path: Path, lines: Sequence[str]) -> None:
    """Write lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


FACES = [f"{number:06d}.jpg" for number in range(1, COUNT + 1)]
SPLITS = [(0, 0, 1, 2)[number % 4] for number in range(COUNT)]


def celeba(root: Path, separator: str, suffix: str) -> None:
    """Write CelebA's tables as text (official) or CSV (Kaggle)."""
    csv = suffix == ".csv"

    def rows(values: Callable[[int], Sequence[object]]) -> list[str]:
        return [
            separator.join(map(str, (name, *values(number)))) for number, name in enumerate(FACES)
        ]

    def headed(columns: Sequence[str]) -> list[str]:
        if csv:
            return [separator.join(("image_id", *columns))]
        return [str(COUNT), separator.join(columns)]

    marks = [f"{mark}_{axis}" for mark in MARKS for axis in "xy"]
    labels = rows(lambda n: [1 if (c + n) % 3 == 0 else -1 for c in range(40)])
    text(root / f"list_attr_celeba{suffix}", [*headed(CELEBA_ATTRIBUTES), *labels])
    places = rows(lambda n: [value + n for value in POINTS])
    text(root / f"list_landmarks_align_celeba{suffix}", [*headed(marks), *places])
    partition = rows(lambda n: [SPLITS[n]])
    text(root / f"list_eval_partition{suffix}", [*headed(["partition"])[: int(csv)], *partition])
    text(root / "identity_CelebA.txt", [f"{name} {n // 2}" for n, name in enumerate(FACES)])


def celeba_official(root: Path) -> None:
    """Write CelebA with text tables and a folder of images."""
    celeba(root, "  ", ".txt")
    for number, name in enumerate(FACES):
        picture(root / "img_align_celeba" / name, number)


def celeba_kaggle(root: Path) -> None:
    """Write CelebA with CSV tables and a zip of images."""
    celeba(root, ",", ".csv")
    with zipfile.ZipFile(root / "img_align_celeba.zip", "w") as archive:
        for number, name in enumerate(FACES):
            archive.writestr(f"img_align_celeba/{name}", encoded(number))


def fairface(root: Path) -> None:
    """Write FairFace."""
    ages, races = ("0-2", "3-9", "more than 70"), ("White", "East Asian", "Latino_Hispanic")
    for split in ("train", "val"):
        rows = [
            f"{split}/{n}.jpg,{ages[n % 3]},{('Male', 'Female')[n % 2]},{races[n % 3]},True"
            for n in range(COUNT)
        ]
        text(root / f"fairface_label_{split}.csv", ["file,age,gender,race,service_test", *rows])
        for number in range(COUNT):
            picture(root / split / f"{number}.jpg", number)


def fer2013(root: Path) -> None:
    """Write FER-2013 as one CSV of pixels."""
    uses = ("Training", "Training", "PublicTest", "PrivateTest")
    pixels = [" ".join(str((n + p) % 256) for p in range(48 * 48)) for n in range(COUNT)]
    rows = [f"{n % 7},{pixels[n]},{uses[n % 4]}" for n in range(COUNT)]
    text(root / "fer2013.csv", ["emotion,pixels,Usage", *rows])


def image_folder(root: Path) -> None:
    """Write images and a CSV with labels of every kind."""
    points = ",".join(f"{axis}{point}" for point in range(5) for axis in "xy")
    rows = [
        f"{n}.png,{('train', 'train', 'val', 'test')[n % 4]},p{n // 2},{n % 2},{n % 3 % 2},"
        f"{('female', 'male')[n % 2]},{20 + n}.5,{','.join(str(n + p) for p in range(10))}"
        for n in range(COUNT)
    ]
    head = f"image,split,identity,smiling,glasses,gender,age,{points}"
    text(root / "labels.csv", [head, *rows])
    for number in range(COUNT):
        picture(root / f"{number}.png", number)


LABELS: dict[str, Any] = {
    "looks": {"attributes": ["smiling", "glasses"]},
    "gender": {"classes": ["female", "male"]},
    "age": {"scalar": "years", "low": 0, "high": 100},
    "marks": {"landmarks": 5},
    "who": {"identity": 8},
}


def keypoints68(root: Path) -> None:
    """Write frames with 68 points each, and the test split."""
    for split in ("training", "test"):
        rows = [
            f"{split}_{n // 2}_{n}.jpg," + ",".join(f"{(n + 3 * p) % 24}.0" for p in range(136))
            for n in range(COUNT)
        ]
        head = "," + ",".join(map(str, range(136)))
        text(root / f"{split}_frames_keypoints.csv", [head, *rows])
        for number in range(COUNT):
            picture(root / split / f"{split}_{number // 2}_{number}.jpg", number)


def lfwa(root: Path) -> None:
    """Write LFWA with MATLAB files of an older version."""
    from scipy.io import savemat

    names = [f"Person_{n // 2}\\Person_{n // 2}_{n:04d}.jpg" for n in range(COUNT)]
    labels = np.array([[(n * 7 + c) % 3 == 0 for c in range(40)] for n in range(COUNT)], float)
    root.mkdir(parents=True, exist_ok=True)
    cells = {"AttrName": CELEBA_ATTRIBUTES, "name": names}
    columns = {key: np.array(value, object)[:, None] for key, value in cells.items()}
    savemat(root / "lfw_att_40.mat", {**columns, "label": labels})
    order = np.arange(1, COUNT + 1, dtype=float)[:, None]
    halves = {"indices_img_train": order[:8], "indices_img_test": order[8:]}
    savemat(root / "indices_train_test.mat", halves)
    for number, name in enumerate(names):
        picture(root / "lfw" / name.replace("\\", "/"), number)


def lfwa73(root: Path) -> None:
    """Write LFWA with MATLAB 7.3 files, which are HDF5."""
    import h5py

    lfwa(root)
    labels = np.array([[(n * 7 + c) % 3 == 0 for c in range(40)] for n in range(COUNT)], float)
    names = [f"Person_{n // 2}\\Person_{n // 2}_{n:04d}.jpg" for n in range(COUNT)]
    with h5py.File(root / "lfw_att_40.mat", "w", userblock_size=512) as file:
        file["label"] = labels.T
        for variable, words in (("AttrName", CELEBA_ATTRIBUTES), ("name", names)):
            cells = np.empty((1, len(words)), h5py.ref_dtype)
            held = file.require_group("#refs#")
            for place, word in enumerate(words):
                units = np.array([[ord(letter)] for letter in word], np.uint16)
                cells[0, place] = held.create_dataset(f"{variable}{place}", data=units).ref
            file.create_dataset(variable, data=cells)


def rafdb(root: Path) -> None:
    """Write RAF-DB with its manual annotations and original images."""
    basic = root / "basic"
    names = [f"{('train', 'train', 'test')[n % 3]}_{n:05d}" for n in range(COUNT)]
    lines = [f"{name}.jpg {n % 7 + 1}" for n, name in enumerate(names)]
    text(basic / "EmoLabel" / "list_patition_label.txt", lines)
    for number, name in enumerate(names):
        picture(basic / "Image" / "original" / f"{name}.jpg", number)
        five = [f"{x + number}.5\t{x}.25" for x in (3, 9, 6, 4, 8)]
        manual = basic / "Annotation" / "manual" / f"{name}_manu_attri.txt"
        text(manual, [*five, str(number // 3 % 3), str(number % 3), "2"])


def utkface(root: Path) -> None:
    """Write UTKFace, whose labels are the names of its files."""
    for number in range(4 * COUNT):
        stamp = f"201701161745{number:05d}"
        picture(root / "UTKFace" / f"{20 + number}_{number % 2}_{number % 5}_{stamp}.jpg", number)


TREES: dict[str, Tree] = {
    "celeba": Tree(
        CelebA(),
        celeba_official,
        (
            "list_attr_celeba.txt",
            "list_landmarks_align_celeba.txt",
            "list_eval_partition.txt",
            "identity_CelebA.txt",
            "img_align_celeba/000002.jpg",
        ),
    ),
    "celeba (Kaggle)": Tree(
        CelebA(),
        celeba_kaggle,
        (
            "list_attr_celeba.csv",
            "list_landmarks_align_celeba.csv",
            "list_eval_partition.csv",
            "img_align_celeba.zip",
        ),
    ),
    "fairface": Tree(
        FairFace(),
        fairface,
        ("fairface_label_train.csv", "fairface_label_val.csv", "train/3.jpg"),
    ),
    "fer2013": Tree(FER2013(), fer2013, ("fer2013.csv",)),
    "image_folder": Tree(ImageFolder(labels=LABELS), image_folder, ("labels.csv", "3.png")),
    "keypoints68": Tree(
        Keypoints68(),
        keypoints68,
        ("training_frames_keypoints.csv", "test_frames_keypoints.csv", "training/training_1_3.jpg"),
    ),
    "lfwa": Tree(LFWA(), lfwa, ("lfw_att_40.mat", "indices_train_test.mat")),
    "lfwa (MATLAB 7.3)": Tree(LFWA(), lfwa73, ("lfw_att_40.mat",)),
    "rafdb": Tree(
        RAFDB(images="original"),
        rafdb,
        (
            "basic/EmoLabel/list_patition_label.txt",
            "basic/Annotation/manual/train_00003_manu_attri.txt",
            "basic/Image/original/train_00003.jpg",
        ),
    ),
    "utkface": Tree(UTKFace(), utkface, ("UTKFace/22_0_2_20170116174500002.jpg",)),
}


def read_everything(dataset: Dataset, root: Path) -> None:
    """Open a data set as a run does: index, checks, labels of all tasks, every image.

    Raises:
        UserError: Something is wrong with the files.
    """
    from farbench.benchmark.schema import Images
    from farbench.data.source import open_source

    source = open_source(dataset, root, Images())
    for task in dataset.tasks():
        source.labels(task)
    for position in range(len(source)):
        image = source.read(position)
        assert image.dtype == np.uint8
        assert image.ndim == 3
