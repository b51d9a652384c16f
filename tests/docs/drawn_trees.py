"""Drawn faces in the layouts of real data sets, for commands of pages that name one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

COUNTS = {"train": 36, "valid": 12, "test": 12}


def drawn() -> tuple[Any, Any]:
    """Return the data set of drawn faces, and its frame."""
    from farbench_datasets.synthetic_faces import SyntheticFaces

    faces = SyntheticFaces(**COUNTS)
    return faces, faces.index(None).frame


def draw_trees(root: Path) -> None:
    """Write celeba/, utkface/, fairface/, fer2013/ and a page's smiles/ below a folder."""
    faces, frame = drawn()
    rows = list(frame.itertuples())
    pictures = [faces.read(None, row)[..., ::-1] for row in rows]
    splits = frame["split"].tolist()
    _celeba(root / "celeba", frame, pictures)
    _utkface(root / "utkface", pictures)
    _fairface(root / "fairface", pictures, splits)
    _fer2013(root / "fer2013", pictures, splits)
    _smiles(root / "smiles", pictures, splits)


def _write(path: Path, picture: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.ascontiguousarray(picture))


def _celeba(root: Path, frame: Any, pictures: list[Any]) -> None:
    labels = frame.filter(like="attributes.")
    names = [f"{number:06}.jpg" for number in range(1, len(frame) + 1)]
    part = {"train": 0, "valid": 1, "test": 2}
    for name, picture in zip(names, pictures, strict=True):
        _write(root / "img_align_celeba" / name, picture)
    lines = [str(len(names)), " ".join(c.removeprefix("attributes.") for c in labels.columns)]
    for name, values in zip(names, labels.to_numpy(), strict=True):
        lines.append(f"{name} " + " ".join("1" if value == 1 else "-1" for value in values))
    (root / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{name} {part[split]}" for name, split in zip(names, frame["split"], strict=True)]
    (root / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")
    five = "69 111 108 111 88 135 73 152 105 152"
    heads = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
    lines = [str(len(names)), f"{heads}rightmouth_x rightmouth_y", *(f"{n} {five}" for n in names)]
    (root / "list_landmarks_align_celeba.txt").write_text("\n".join(lines) + "\n")


def _utkface(root: Path, pictures: list[Any]) -> None:
    for number, picture in enumerate(pictures):
        name = f"{20 + number % 50}_{number % 2}_{number % 5}_2017{number:013}.jpg.chip.jpg"
        _write(root / "UTKFace" / name, cv2.resize(picture, (200, 200)))


def _fairface(root: Path, pictures: list[Any], splits: list[str]) -> None:
    ages = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
    races = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian")
    races += ("Middle Eastern",)
    lines: dict[str, list[str]] = {"train": [], "val": []}
    for number, (picture, split) in enumerate(zip(pictures, splits, strict=True)):
        folder = "val" if split == "test" else "train"
        name = f"{folder}/{len(lines[folder]) + 1}.jpg"
        gender = ("Male", "Female")[number % 2]
        lines[folder].append(f"{name},{ages[number % 9]},{gender},{races[number % 7]},True")
        _write(root / name, cv2.resize(picture, (112, 112)))
    for folder, rows in lines.items():
        text = "\n".join(["file,age,gender,race,service_test", *rows]) + "\n"
        (root / f"fairface_label_{folder}.csv").write_text(text)


def _fer2013(root: Path, pictures: list[Any], splits: list[str]) -> None:
    usage = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
    lines = ["emotion,pixels,Usage"]
    for number, (picture, split) in enumerate(zip(pictures, splits, strict=True)):
        grey = cv2.cvtColor(cv2.resize(picture, (48, 48)), cv2.COLOR_BGR2GRAY)
        lines.append(f"{number % 7},{' '.join(map(str, grey.ravel()))},{usage[split]}")
    root.mkdir(parents=True, exist_ok=True)
    (root / "fer2013.csv").write_text("\n".join(lines) + "\n")


def _smiles(root: Path, pictures: list[Any], splits: list[str]) -> None:
    lines = []
    for number, (picture, split) in enumerate(zip(pictures, splits, strict=True)):
        _write(root / "images" / f"{number}.jpg", picture)
        lines.append(f"{number}.jpg {split} {number % 2}")
    (root / "labels.txt").write_text("\n".join(lines) + "\n")
