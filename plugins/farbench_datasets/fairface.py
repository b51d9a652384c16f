"""The data set `fairface`: FairFace with age groups, gender and seven races."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench_datasets.fairface_labels import VOCABULARIES, read_labels
from farbench_datasets.folder_dataset import FolderDataset, examples, image_names
from farbench_datasets.splits import carve_valid

_HOW_TO_GET = """\
1. Follow https://github.com/joojs/fairface to the images (padding 0.25 or 1.25) and to the labels
   of train and validation; the licence is CC BY 4.0.
2. Put these into one folder `fairface/`:
     train/ and val/, or fairface-img-margin025-trainval/ and fairface-img-margin125-trainval/
     fairface_label_train.csv and fairface_label_val.csv
3. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""

_MARGINS = {"0.25": ("025", "0.25"), "1.25": ("125", "1.25")}
"""How the folders of each padding are called, besides the names of the official zips."""


class FairFace(FolderDataset):
    """FairFace: 97,698 faces balanced by race, with nine age groups, gender and seven races.

    The test images were never published: the official validation set is test here, and valid is
    a tenth of train, drawn by a hash of the file name.
    """

    name = "fairface"
    source = "Karkkainen, Joo: FairFace. WACV 2021. https://github.com/joojs/fairface"
    folders = ("fairface", "FairFace")
    default_tasks = ("age", "gender", "race")
    info = DatasetInfo(
        title="FairFace",
        citation="K. Karkkainen, J. Joo: FairFace: Face Attribute Dataset for Balanced Race, "
        "Gender, and Age for Bias Measurement and Mitigation. WACV 2021.",
        licence="CC BY 4.0",
        homepage="https://github.com/joojs/fairface",
        how_to_get=_HOW_TO_GET,
        expected_counts={"train": 78_119, "valid": 8_625, "test": 10_954},
    )

    padding: Literal["0.25", "1.25"] = Field(
        "0.25",
        description="Which crops: 0.25 (tight, the main ones) or 1.25 (wide), where both are "
        "there. A bare train/ and val/ are used for either.",
    )
    split_seed: int = Field(0, ge=0, description="Another seed, another valid split.")

    def tasks(self) -> tuple[Task, ...]:
        """Return age group, gender and race, in the words of the label files."""
        return tuple(Classes(name, classes) for name, classes in VOCABULARIES.items())

    def recognises(self, folder: Path) -> bool:
        """Return whether the label file of train is there."""
        return self._label_file(folder, "train") is not None

    def base(self, root: Path) -> Path | None:
        """Return the folder with train/ and val/ of the chosen padding, or the bare one."""
        return next((f for f in (*_marked(root, self.padding), root) if _has_images(f)), None)

    def index(self, root: Path | None) -> FaceIndex:
        """Read both label files and see which images are there.

        Raises:
            UserError: A file is missing, a row is malformed, or nothing matches.
        """
        import pandas as pd

        base = self._base_of_padding(root)
        notes: list[str] = []
        if self.padding == "1.25" and base == root:
            notes.append("train/ and val/ do not tell their padding; taken as 1.25, as asked.")
        labels: dict[str, dict[str, str]] = {}
        gaps: dict[str, list[str]] = {}
        for split in ("train", "val"):
            path = self._label_file(root or base, split)
            if path is None:
                raise UserError(
                    f"FairFace's fairface_label_{split}.csv is missing in {root}.\n{_HOW_TO_GET}"
                )
            rows = read_labels(path, split, notes)
            images = {f"{split}/{name}" for name in image_names(base / split)}
            present = {image: row for image, row in rows.items() if image in images}
            if not present:
                raise UserError(
                    f"no image of {base / split} is named in {path}: images look like "
                    f"{examples(sorted(images)[:2])}, label rows like {examples(list(rows)[:2])}. "
                    "Check that labels and images come from the same release."
                )
            gaps[f"label rows of {path.name} have no image"] = [i for i in rows if i not in images]
            gaps[f"images of {split}/ have no row in {path.name}"] = sorted(images - rows.keys())
            labels |= present
        self.left_out(gaps, notes)
        split_of = ["train" if image.startswith("train/") else "test" for image in labels]
        frame = pd.DataFrame(
            {
                "image": list(labels),
                "split": carve_valid(split_of, labels, seed=self.split_seed),
                "identity": pd.array([pd.NA] * len(labels), dtype="string"),
                **{name: [row[name] for row in labels.values()] for name in VOCABULARIES},
            }
        )
        notes.append(
            "test is the official validation set (no test images were published); valid is a "
            f"tenth of train (split_seed {self.split_seed})."
        )
        return FaceIndex(frame, notes=notes)

    def _base_of_padding(self, root: Path | None) -> Path:
        """Return the base, or say which padding is there instead."""
        if root is not None and self.base(root) is None:
            other = "1.25" if self.padding == "0.25" else "0.25"
            if any(map(_has_images, _marked(root, other))):
                raise UserError(
                    f"fairface: {root} holds images of padding {other}, not of {self.padding}. "
                    f"Set padding: '{other}', or get the others.\n{_HOW_TO_GET}"
                )
        return self.found(root)

    def _label_file(self, root: Path, split: str) -> Path | None:
        """Return the label file of train or val: in the root or beside the images."""
        base = self.base(root)
        folders = [root] if base in (None, root) else [root, base, base.parent]
        names = (f"fairface_label_{split}.csv", f"{split}_labels.csv")
        paths = (folder / name for folder in folders for name in names)
        return next((path for path in paths if path.is_file()), None)


def _marked(root: Path, padding: str) -> list[Path]:
    """Return where images may lie in a folder that names their padding."""
    short, long = _MARGINS[padding]
    official = f"fairface-img-margin{short}-trainval"
    # Unpacking a zip into a folder of its own doubles the folder.
    names = (official, f"{official}/{official}", f"margin{short}", f"padding_{long}", long)
    return [root / name for name in names]


def _has_images(folder: Path) -> bool:
    return (folder / "train").is_dir() and (folder / "val").is_dir()
