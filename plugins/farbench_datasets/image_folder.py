"""The data set `image_folder`: images and a CSV of anyone's own labels, described in the YAML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar
from farbench_datasets.folder_dataset import FolderDataset, examples
from farbench_datasets.image_folder_labels import LabelSpec
from farbench_datasets.splits import carve_valid, seeded_split

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from farbench_datasets.image_folder_table import Table

_HOW_TO_GET = """\
1. Put your images and a CSV of their labels, one row an image, into a folder, and give that folder
   as --data-root, or the one above it and its name in the option `folder`.
2. Say in the benchmark file what the columns are:
     datasets:
       - name: image_folder
         csv: labels.csv
         labels:
           looks: {attributes: [smiling, glasses]}
           gender: {classes: [female, male]}
           age: {scalar: years, low: 0, high: 100}
   More: `farbench show image_folder`, and docs/data.md."""

_NAME = re.compile(r"[A-Za-z]\w*")

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "0"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev", "1"), "valid"),
    **dict.fromkeys(("test", "testing", "2"), "test"),
}


class ImageFolder(FolderDataset):
    """Your own images and a CSV of labels: no plugin to write.

    Splits come from a column, else from a hash of the image's id (or of its identity, so that no
    person is in two splits): 80% train, 10% valid, 10% test. Where there is no valid split, 10%
    of train are taken; where there is no test split, valid is the test.
    """

    name = "image_folder"
    source = "your own"
    info = DatasetInfo(
        title="Image folder",
        citation="your own images",
        licence="your own; mind the terms of what you collected",
        homepage="wherever your images come from",
        how_to_get=_HOW_TO_GET,
    )

    folder: str | None = Field(
        None, description="The data set's folder below the data root; else the data root itself."
    )
    csv: str = Field("labels.csv", description="The table below the folder, with a header line.")
    separator: str = Field(
        ",", min_length=1, max_length=1, description="What stands between the columns."
    )
    image: str = Field("image", description="Column that names the image.")
    path: str = Field(
        "{}",
        description="Where an image lies below the folder; {} stands for what the image column "
        "says, as in photos/{}.jpg.",
    )
    split: str = Field(
        "split",
        description="Column with train, valid (val, dev) or test, or 0, 1, 2; rows where it is "
        "empty are left out. Without the column the split is drawn.",
    )
    identity: str = Field(
        "identity", description="Column that says who it is; persons are kept in one split."
    )
    split_seed: int = Field(0, ge=0, description="Another seed, another split.")
    labels: dict[str, LabelSpec] = Field(
        {},
        description="The tasks: name -> what it is. One of {attributes: [COLUMN, ...]}, {classes: "
        "[NAME, ...]}, {scalar: UNIT, low: L, high: H}, {landmarks: COUNT}, {identity: SIZE}. "
        "Also `column` where it is not named like the task, `columns` of landmarks (else x0, y0, "
        "x1, ...), and `mirror` and `eyes` of landmarks that are not the usual 5 or 68.",
    )

    @field_validator("labels")
    @classmethod
    def _names_are_free(cls, labels: dict[str, LabelSpec]) -> dict[str, LabelSpec]:
        for name, spec in labels.items():
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' is no task name: letters, digits and underscores")
            if name in ("image", "split") or (name == "identity" and spec.identity is None):
                raise ValueError(f"a task must not be called '{name}'; give it another name and "
                                 "the column in `column`")  # fmt: skip
        return labels

    @field_validator("path")
    @classmethod
    def _has_one_place(cls, path: str) -> str:
        if path.count("{}") != 1:
            raise ValueError("needs one {} where the image's name goes, as in photos/{}.jpg")
        return path

    def tasks(self) -> tuple[Task, ...]:
        """Return one task for each entry of ``labels``.

        Raises:
            UserError: There is none.
        """
        if not self.labels:
            raise UserError(f"data set '{self.name}': `labels` is empty.\n{_HOW_TO_GET}")
        return tuple(spec.task(name) for name, spec in self.labels.items())

    def locate(self, data_root: Path) -> Path | None:
        """Return the folder: as the option says, else ``data_root`` or `image_folder/` in it."""
        if self.folder is not None:
            folder = data_root / Path(self.folder).expanduser()
            return folder if folder.is_dir() else None
        for folder in (data_root, data_root / self.name):
            if (folder / self.csv).is_file():
                return folder
        return None

    def base(self, root: Path) -> Path | None:
        """Return the folder: image ids are paths below it."""
        return root

    def index(self, root: Path | None) -> FaceIndex:
        """Read the columns that ``labels`` names.

        Raises:
            UserError: The CSV, a column or a class is missing, or a value is not allowed; the
                message names the line.
        """
        import numpy as np
        import pandas as pd

        from farbench_datasets.image_folder_table import Table

        base = self.found(root)
        if not (base / self.csv).is_file():
            raise UserError(f"{self.name}: {base / self.csv} is missing.\n{_HOW_TO_GET}")
        tasks = {task.name: task for task in self.tasks()}
        required, optional = self._columns()
        table = Table(base / self.csv, self.separator, required, optional)
        images = self._images(table)
        columns: dict[str, Any] = {"image": images}
        points: dict[str, NDArray[np.float32]] = {}
        for name, spec in self.labels.items():
            task, held = tasks[name], spec.labels_in(name)
            if isinstance(task, BinaryAttributes):
                values = [table.yes_or_no(column) for column in held]
                columns |= dict(zip(task.columns, values, strict=True))
            elif isinstance(task, Classes):
                columns[name] = table.classes(name, held[0], task.classes)
            elif isinstance(task, Scalar):
                columns[name] = table.numbers(held[0])
            elif isinstance(task, Landmarks):
                points[task.points] = table.points(held)
        persons = table.text(self.identity) if table.has(self.identity) else None
        columns["identity"] = (
            pd.array([pd.NA] * len(images), dtype="string")
            if persons is None
            else f"{self.name}/" + persons
        )
        frame = pd.DataFrame(columns)
        notes: list[str] = []
        given = self._given_split(table)
        here = np.array([(base / image).is_file() for image in images])
        placed = np.ones(len(here), bool) if given is None else given.notna().to_numpy()
        gaps = {"rows have no image": ~here, "rows are in no split": here & ~placed}
        self.left_out({what: list(frame["image"][gap]) for what, gap in gaps.items()}, notes)
        keep = here & placed
        if not keep.any():
            raise UserError(
                f"{self.name}: no image that {self.csv} names is in {base}: "
                f"{examples(images[:2])}. The option `path` says where they lie ({self.path})."
            )
        frame = frame[keep].reset_index(drop=True)
        split = None if given is None else given[keep].reset_index(drop=True)
        frame.insert(1, "split", self._split(frame, split, notes))
        return FaceIndex(frame, {name: values[keep] for name, values in points.items()}, notes)

    def _columns(self) -> tuple[set[str], set[str]]:
        """Return the columns that must be there, and those that may be.

        Split and identity may be missing, unless their columns were named or a task needs them.
        """
        required = {self.image}
        for name, spec in self.labels.items():
            required.update(spec.labels_in(name))
        if any(spec.identity is not None for spec in self.labels.values()):
            required.add(self.identity)
        required |= {getattr(self, key) for key in {"split", "identity"} & self.model_fields_set}
        return required, {self.split, self.identity} - required

    def _images(self, table: Table) -> list[str]:
        """Return each image's path below the folder."""
        names = table.text(self.image)
        missing = names.isna().to_numpy()
        if missing.any():
            raise UserError(f"{table.place(int(missing.argmax()))}: {self.image} is empty.")
        images = [self.path.replace("{}", str(name)) for name in names]
        seen: set[str] = set()
        for row, image in enumerate(images):
            if image in seen:
                raise UserError(f"{table.place(row)}: {image} is there twice; keep one row.")
            seen.add(image)
            # A label file must not point out of its folder.
            if Path(image).is_absolute() or ".." in Path(image).parts:
                raise UserError(f"{table.place(row)}: {image} is not below the folder.")
        return images

    def _given_split(self, table: Table) -> pd.Series[Any] | None:
        """Return train, valid, test or NA for each row; None where there is no such column."""
        if not table.has(self.split):
            return None
        words = table.text(self.split).str.lower()
        split = words.map(_SPLIT_WORDS)
        wrong = (words.notna() & split.isna()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{table.place(row)}: {self.split} is '{words.iloc[row]}'; allowed are "
                f"{', '.join(_SPLIT_WORDS)}, and nothing for a row to leave out."
            )
        return split

    def _split(self, frame: pd.DataFrame, given: pd.Series[Any] | None, notes: list[str]) -> Any:
        """Return train, valid or test for each image, and say in ``notes`` what was drawn."""
        import pandas as pd

        ids, groups, seed = list(frame["image"]), list(frame["identity"]), self.split_seed
        known = "identity" if frame["identity"].notna().any() else "image"
        if given is None:
            notes.append(
                f"no column '{self.split}': 80% train, 10% valid, 10% test by a hash of the "
                f"{known} (split_seed {seed})."
            )
            return seeded_split(ids, seed=seed, groups=groups)
        split = given.to_numpy(dtype=object)
        if "test" not in split:
            split[split == "valid"] = "test"
            notes.append("no test split: valid is the test.")
        if "valid" not in split:
            notes.append(f"no valid split: 10% of train by a hash of the {known}.")
            split = carve_valid(split, ids, seed=seed, groups=groups)
        splits_of = pd.Series(split).groupby(frame["identity"]).nunique()
        if (splits_of > 1).any():
            notes.append(f"{(splits_of > 1).sum():,} identities are in more than one split.")
        return split
