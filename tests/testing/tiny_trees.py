"""Tiny trees in the layouts of the shipped data sets, by the writers of their own tests."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATASET_TESTS = Path(__file__).parents[1] / "datasets"


def _tests_of(name: str) -> Any:
    """Import the tests of a data set, which write its files."""
    if str(DATASET_TESTS) not in sys.path:
        sys.path.append(str(DATASET_TESTS))
    return importlib.import_module(f"test_{name}")


def celeba(folder: Path) -> None:
    tests = _tests_of("celeba")
    tests.draw(folder / "img_align_celeba")
    tests.text_tables(folder, folder)


def lfwa(folder: Path) -> None:
    tests = _tests_of("lfwa")
    tests.draw(folder / "lfw")
    tests.official(folder / "lfw_att_40.mat", tests.attributes())
    tests.official(folder / "indices_train_test.mat", tests.indices())


def utkface(folder: Path) -> None:
    tests = _tests_of("utkface")
    tests.draw(folder, tests.names(60))


def fairface(folder: Path) -> None:
    tests = _tests_of("fairface")
    tests.labels(folder)
    tests.draw(folder)


def fer2013(folder: Path) -> None:
    _tests_of("fer2013").csv(folder / "fer2013.csv")


def rafdb(folder: Path) -> None:
    _tests_of("rafdb").build(folder / "basic")


def keypoints68(folder: Path) -> None:
    tests = _tests_of("keypoints68")
    for number, name in enumerate(tests.NAMES):
        tests.draw(folder / "training", name, number)
    points = [tests.points_of(number) for number in range(len(tests.NAMES))]
    tests.write(folder / "training_frames_keypoints.csv", tests.NAMES, points)


def image_folder(folder: Path) -> None:
    tests = _tests_of("image_folder")
    tests.folder_of(folder, tests.table(60, "gender,age", "male,{n}").replace("2,male", "2,female"))


TREES: dict[str, Callable[[Path], None]] = {
    tree.__name__: tree
    for tree in (celeba, lfwa, utkface, fairface, fer2013, rafdb, keypoints68, image_folder)
}
"""Data set -> what writes its files into a folder."""

OPTIONS: dict[str, dict[str, Any]] = {
    "image_folder": {
        "labels": {
            "gender": {"classes": ["female", "male"]},
            "age": {"scalar": "years", "low": 0, "high": 99},
        }
    },
}
"""Options that a data set needs."""
