"""The data set `keypoints68`: a CSV of 68 points beside images, as of YouTube Faces' frames."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex
from farbench.tasks.base import Task
from farbench_datasets.folder_dataset import IMAGE_NAME, FolderDataset, examples
from farbench_datasets.points68 import FARTHEST, landmarks68
from farbench_datasets.splits import carve_valid, checked_shares, seeded_split
from farbench_datasets.text_files import open_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HOW_TO_GET = """\
1. Get frames with 68 points, for example those of YouTube Faces that the Udacity course CVND
   hands out (P1_Facial_Keypoints, `data/`), or write the CSV for images of your own.
2. Put into one folder `keypoints68/`:
     training_frames_keypoints.csv   image name, x0, y0, ... x67, y67 in pixels; a header line
     training/                       the images (or beside the CSV)
     test_frames_keypoints.csv, test/   the same for the test split; optional
3. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""

_COLUMNS = 1 + 2 * 68
_FRAME = re.compile(r"_\d+\.\w+\Z")
"""What follows the person in a frame's name: Luis_Fonsi_21.jpg."""


class Keypoints68(FolderDataset):
    """Images with 68 points each in a CSV; the frames of YouTube Faces are laid out so.

    Names such as ``Luis_Fonsi_21.jpg`` tell the person: all frames of one are in one split.
    Without a test CSV, an image's lot is drawn from a hash of the person.

    With ``crop: face`` images and points are those of a square box round the 68 points. The box
    comes *from the labels*, as in benchmarks that hand out boxes (300-W): errors are those of a
    method whose face detector is perfect. With ``crop: frame`` the network finds the face itself;
    in the frames of YouTube Faces it fills 20 to 70% of the width.
    """

    name = "keypoints68"
    source = "Wolf, Hassner, Maoz: Face Recognition in Unconstrained Videos with Matched Background"
    folders = ("keypoints68", "ytf68")
    info = DatasetInfo(
        title="68 keypoints",
        citation="L. Wolf, T. Hassner, I. Maoz: Face Recognition in Unconstrained Videos with "
        "Matched Background Similarity. CVPR 2011 (the frames; the points are machine-made).",
        licence="frames of YouTube Faces: research; of your own images: yours",
        homepage="https://www.cs.tau.ac.il/~wolf/ytfaces/",
        how_to_get=_HOW_TO_GET,
    )

    csv: str = Field(
        "training_frames_keypoints.csv",
        description="The CSV below the data set's folder: image name, then x and y of 68 points.",
    )
    test_csv: str = Field(
        "test_frames_keypoints.csv",
        description="The CSV of the test split; where there is none, test is drawn from `csv`.",
    )
    crop: Literal["face", "frame"] = Field(
        "face",
        description="face: a square box round the 68 known points (a perfect face detector); "
        "frame: the whole image.",
    )
    margin: float = Field(
        0.25,
        ge=0,
        le=2,
        description="What the box has around the points, as a share of their extent's longer side.",
    )
    shares: tuple[float, float, float] = Field(
        (0.7, 0.1, 0.2),
        description="Shares of train, valid and test where there is no test CSV; with one, valid "
        "is that share of the train images.",
    )
    split_seed: int = Field(0, ge=0, description="Another seed, another split.")

    @field_validator("shares")
    @classmethod
    def _are_shares(cls, shares: tuple[float, float, float]) -> tuple[float, float, float]:
        return checked_shares(shares)

    def tasks(self) -> tuple[Task, ...]:
        """Return the 68 points."""
        return (landmarks68("landmarks"),)

    def base(self, root: Path) -> Path | None:
        """Return the data set's folder: image ids hold the folder beside the CSV."""
        return root if (root / self.csv).is_file() else None

    def index(self, root: Path | None) -> FaceIndex:
        """Read points and persons, and measure the images.

        Raises:
            UserError: The CSV is missing or malformed (with its line), or no image is there.
        """
        import numpy as np
        import pandas as pd

        if root is not None and self.base(root) is None:
            raise UserError(f"{self.name}: {root / self.csv} is missing.\n{_HOW_TO_GET}")
        base = self.found(root)
        rows = _read_points(base, self.csv)
        official = (base / self.test_csv).is_file()
        test = _read_points(base, self.test_csv) if official else {}
        both = set(rows) & set(test)
        if both:
            raise UserError(
                f"{self.name}: {sorted(both)[0]} is in {self.csv} and in {self.test_csv}."
            )
        rows |= test

        notes: list[str] = []
        sizes = {name: _size(base / name) for name in rows}
        gaps = {
            "rows have no image": [name for name in rows if sizes[name] is None],
            "rows have no points": [name for name in rows if np.isnan(rows[name]).all()],
        }
        self.left_out(gaps, notes)
        names = [name for name in rows if not any(name in gap for gap in gaps.values())]
        if not names:
            raise UserError(
                f"{self.name}: no image that {self.csv} names is in {base}: {examples(list(rows))}."
                f"\n{_HOW_TO_GET}"
            )
        points = np.array([rows[name] for name in names], np.float32).reshape(-1, 68, 2)
        shape = np.array([sizes[name] for name in names], np.float32)[:, None]
        outside = ((points < 0) | (points > shape - 1)).any(axis=(1, 2))
        odd = [names[position] for position in np.flatnonzero(outside)]
        if odd:
            notes.append(f"{len(odd):,} images have points outside the image: {examples(odd)}.")
        persons = [_person(name) for name in names]
        frame = pd.DataFrame(
            {
                "image": names,
                "split": self._split(names, persons, set(test), notes),
                "identity": pd.array(
                    [p if p is None else f"{self.name}/{p}" for p in persons], dtype="string"
                ),
            }
        )
        if self.crop == "face":
            boxes = _boxes(points, self.margin)
            points = points - boxes[:, None, :2].astype(np.float32)
            for column, values in zip(("left", "top", "side"), boxes.T, strict=True):
                frame[f"crop_{column}"] = values
            notes.append("images are cropped to a box that comes from the labels (crop: face).")
        return FaceIndex(frame, {"dlib68": points}, notes)

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Return one image or its face, uint8 ``(H, W, 3)`` in RGB; black where the box ends it."""
        import numpy as np

        image = super().read(root, row)
        if self.crop == "frame":
            return image
        side = int(row.crop_side)
        left, top = int(row.crop_left), int(row.crop_top)
        height, width = image.shape[:2]
        face = np.zeros((side, side, 3), np.uint8)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
        if x1 > x0 and y1 > y0:
            face[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
        return face

    def _split(
        self, names: list[str], persons: list[str | None], test: set[str], notes: list[str]
    ) -> NDArray[np.str_]:
        """Return train, valid or test for each image, and say how in ``notes``."""
        if not test:
            notes.append(
                f"no official split: {', '.join(f'{share:.0%}' for share in self.shares)} (train, "
                f"valid, test) by a hash of the person (split_seed {self.split_seed})."
            )
            return seeded_split(names, seed=self.split_seed, shares=self.shares, groups=persons)
        given = ["test" if name in test else "train" for name in names]
        held = {p for p, split in zip(persons, given, strict=True) if split == "test"} - {None}
        shared = held & {p for p, split in zip(persons, given, strict=True) if split == "train"}
        if shared:
            notes.append(f"{len(shared):,} persons are in train and in the official test.")
        share = self.shares[1]
        notes.append(f"no official valid split: {share:.0%} of the train persons.")
        return carve_valid(given, names, seed=self.split_seed, share=share, groups=persons)


def _read_points(base: Path, file: str) -> dict[str, list[float]]:
    """Return x0, y0, ... y67 of each image, by the image's path below ``base``."""
    path = base / file
    folder = _image_folder(path).relative_to(base)
    rows: dict[str, list[float]] = {}
    with open_text(path, newline="") as lines:
        for line, cells in enumerate(csv.reader(lines), start=1):
            if not cells or (line == 1 and not IMAGE_NAME.match(cells[0])):
                continue  # a header
            where = f"{path}:{line}"
            if not IMAGE_NAME.match(cells[0]):
                raise UserError(f"{where}: '{cells[0][:60]}' is not an image name (NAME.jpg).")
            if len(cells) != _COLUMNS:
                raise UserError(
                    f"{where}: expected 136 numbers (68 points) after the image name, found "
                    f"{len(cells) - 1}."
                )
            name = (folder / cells[0]).as_posix()
            if name in rows:
                raise UserError(f"{where}: {cells[0]} is there twice; keep one row.")
            rows[name] = [_number(cell, where) for cell in cells[1:]]
    if not rows:
        raise UserError(f"{path} holds no rows.")
    return rows


def _number(cell: str, where: str) -> float:
    """Return a cell's number, NaN where it is empty."""
    try:
        number = float(cell) if cell.strip() else float("nan")
    except ValueError:
        raise UserError(f"{where}: '{cell[:40]}' is not a number.") from None
    if abs(number) > FARTHEST:
        raise UserError(f"{where}: '{cell[:40]}' is no place in an image, in pixels.")
    return number


def _image_folder(path: Path) -> Path:
    """Return where a CSV's images lie: `training/` for training_*.csv, or beside it."""
    folder = path.parent / path.name.split("_")[0]
    return folder if folder.is_dir() else path.parent


def _size(path: Path) -> tuple[float, float] | None:
    """Return width and height from the file's header; None where there is no file.

    A file that is no image is as large as can be: `read` says that it does not decode.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return image.size
    except FileNotFoundError:
        return None
    except (OSError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return float("inf"), float("inf")


def _person(name: str) -> str | None:
    """Return the person of Luis_Fonsi_21.jpg; None where a name does not end in a frame number."""
    file = name.rsplit("/", 1)[-1]
    return _FRAME.sub("", file) if _FRAME.search(file) else None


def _boxes(points: NDArray[np.float32], margin: float) -> NDArray[np.int64]:
    """Return left, top and side ``(N, 3)`` of the square boxes round points ``(N, 68, 2)``.

    Whole pixels, so that cropping moves no point by a fraction.
    """
    import numpy as np

    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    side = np.ceil((high - low).max(1) * (1 + 2 * margin)).clip(1).astype(np.int64)
    corner = np.rint((low + high - side[:, None] + 1) / 2).astype(np.int64)
    return np.concatenate((corner, side[:, None]), axis=1)
