"""The data set `utkface`: aligned and cropped UTKFace, labels in the file names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex, Framing
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar
from farbench_datasets.folder_dataset import IMAGE_NAME, FolderDataset, examples, image_names
from farbench_datasets.splits import seeded_split

_HOW_TO_GET = """\
1. Get the aligned and cropped faces (UTKFace.tar.gz) from https://susanqq.github.io/UTKFace/ or
   the Kaggle copy `jangedoo/utkface-new`; the terms are non-commercial research.
2. Unpack them so that the images lie in `utkface/UTKFace/` or in `utkface/` itself. Names are
   [age]_[gender]_[race]_[date&time].jpg.chip.jpg; do not rename them, they hold the labels.
3. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""

_GENDERS = ("Male", "Female")
_RACES = ("White", "Black", "Asian", "Indian", "Others")
_OLDEST = 116

_NAME = re.compile(r"(\d+)_([01])_([0-4])_(\d+)")
"""Age, gender, race, time. What follows differs: `.jpg.chip.jpg`, a space or no dot before it."""

_REPAIRS = {
    "39_1_20170116174525125": (39, 1, 1),
    "61_1_20170109142408075": (61, 1, 1),
    "61_1_20170109150557335": (61, 1, 3),
    "61_3_20170109150557335": (61, 1, 3),  # the same image in another packaging
}
"""Age, gender and race of the three images whose names lack a field."""


class UTKFace(FolderDataset):
    """UTKFace, aligned and cropped: 23,705 faces with age, gender and race.

    There is no official split. An image's lot is drawn from a hash of its time stamp: 80% train,
    10% valid, 10% test. Faces that share a time stamp come from one photograph and stay together.
    """

    name = "utkface"
    source = "Zhang, Song, Qi: Age Progression/Regression by Conditional Adversarial Autoencoder."
    folders = ("utkface", "UTKFace")
    default_tasks = ("age", "gender", "race")
    info = DatasetInfo(
        title="UTKFace",
        citation="Z. Zhang, Y. Song, H. Qi: Age Progression/Regression by Conditional Adversarial "
        "Autoencoder. CVPR 2017.",
        licence="non-commercial research only; the images belong to their owners",
        homepage="https://susanqq.github.io/UTKFace/",
        how_to_get=_HOW_TO_GET,
        # Medians of dlib's points over 2,300 of the aligned and cropped images.
        framing=Framing(
            (200, 200), ((59.2, 59.7), (137.0, 59.8), (98.0, 102.0), (63.0, 138.0), (133.0, 138.0))
        ),
    )

    repair: bool = Field(
        False,
        description="Give the three images whose names lack a field the labels that one public "
        "project assigned to them, instead of leaving them out.",
    )
    split_seed: int = Field(0, ge=0, description="Another seed, another split.")

    def tasks(self) -> tuple[Task, ...]:
        """Return age in years, gender and race."""
        return (
            Scalar("age", "years", 0, _OLDEST),
            Classes("gender", _GENDERS),
            Classes("race", _RACES),
        )

    def base(self, root: Path) -> Path | None:
        """Return the folder with the images: a usual one below the root, or the root itself."""
        for name in ("UTKFace", "utkface_aligned_cropped/UTKFace", "crop_part1"):
            if (root / name).is_dir():
                return root / name
        if not root.is_dir():
            return None
        with os.scandir(root) as entries:
            return root if any(_labels(entry.name, True) for entry in entries) else None

    def index(self, root: Path | None) -> FaceIndex:
        """Read the labels out of the file names.

        Raises:
            UserError: No file name holds labels.
        """
        import pandas as pd

        base = self.found(root)
        names = image_names(base)
        labels = {name: _labels(name, self.repair) for name in names}
        known = {name: values for name, values in labels.items() if values is not None}
        if not known:
            like = f"they look like {examples(names[:2])}" if names else "there is no image"
            raise UserError(
                f"no image in {base} has a name like 25_0_2_20170116174525125.jpg.chip.jpg "
                f"([age]_[gender]_[race]_[date&time]): {like}.\n{_HOW_TO_GET}"
            )
        notes = [
            "no official split: 80% train, 10% valid, 10% test by a hash of the time stamp "
            f"(split_seed {self.split_seed})."
        ]
        malformed = [name for name in names if name not in known]
        repairable = sum(_labels(name, True) is not None for name in malformed)
        gap = "images have no valid age, gender and race in their names"
        if repairable:
            gap += f" ({repairable} of them known: set repair: true)"
        self.left_out({gap: malformed}, notes)
        repaired = [name for name in known if _labels(name, False) is None]
        if repaired:
            notes.append(
                f"{len(repaired)} images whose names lack a field have repaired labels: "
                f"{examples(repaired)}."
            )
        ages, genders, races, times = zip(*known.values(), strict=True)
        frame = pd.DataFrame(
            {
                "image": list(known),
                "split": seeded_split(known, seed=self.split_seed, groups=times),
                "identity": pd.array([pd.NA] * len(known), dtype="string"),
                "age": ages,
                "gender": [_GENDERS[number] for number in genders],
                "race": [_RACES[number] for number in races],
            }
        )
        return FaceIndex(frame, notes=notes)


def _labels(name: str, repair: bool) -> tuple[int, int, int, str] | None:
    """Return age, gender, race and time stamp of an image, or None where its name lacks one."""
    if not IMAGE_NAME.match(name):
        return None
    stem = name.split(".")[0]
    if repair and stem in _REPAIRS:
        return (*_REPAIRS[stem], stem.split("_")[-1])
    match = _NAME.match(name)
    if match is None or int(match[1]) > _OLDEST:
        return None
    return int(match[1]), int(match[2]), int(match[3]), match[4]
