"""The data set `rafdb`: RAF-DB's basic expressions, with gender, race, age and landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench_datasets import rafdb_files as files
from farbench_datasets.expressions import EXPRESSIONS
from farbench_datasets.folder_dataset import FolderDataset, examples, image_names
from farbench_datasets.splits import carve_valid

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_HOW_TO_GET = """\
1. Ask for RAF-DB at http://www.whdeng.cn/RAF/model1.html; it is given out on request, for
   non-commercial research.
2. Unpack the folder `basic/` into `rafdb/`, and in it the zips that you need:
     EmoLabel/list_patition_label.txt   the labels (the name is spelt so)
     Image/aligned/                     aligned faces of 100 x 100 (from aligned.zip)
     Image/original/                    or the original images (from original.zip)
     Annotation/manual/                 gender, race, age, landmarks (from manual.zip); optional
3. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""


class RAFDB(FolderDataset):
    """RAF-DB, basic expressions: 15,339 faces with seven expressions and more where annotated.

    Official split: test is test; valid is a tenth of train, drawn by a hash of the image's name.
    The manual landmarks are given in pixels of the original images, so the task `landmarks5`
    exists with ``images: original`` only.
    """

    name = "rafdb"
    source = "Li, Deng, Du: Reliable Crowdsourcing and Deep Locality-Preserving Learning. CVPR 2017"
    folders = ("rafdb", "RAF-DB", "RAFDB", "RAF_DB", "raf-db", "raf_db")
    default_tasks = ("expression",)
    info = DatasetInfo(
        title="RAF-DB",
        citation="S. Li, W. Deng, J. Du: Reliable Crowdsourcing and Deep Locality-Preserving "
        "Learning for Expression Recognition in the Wild. CVPR 2017.",
        licence="on request, non-commercial research only, no redistribution",
        homepage="http://www.whdeng.cn/RAF/model1.html",
        how_to_get=_HOW_TO_GET,
        expected_counts={"train": 11_079, "valid": 1_192, "test": 3_068},
    )

    images: Literal["aligned", "original"] = Field(
        "aligned",
        description="Which images: aligned faces of 100 x 100, or the original ones, uncropped "
        "and of many sizes, to which the manual landmarks belong.",
    )
    split_seed: int = Field(0, ge=0, description="Another seed, another valid split.")

    def tasks(self) -> tuple[Task, ...]:
        """Return expression, gender, race and age group; of original images also landmarks."""
        tasks: tuple[Task, ...] = (
            Classes("expression", EXPRESSIONS),
            Classes("gender", files.GENDERS),
            Classes("race", files.RACES),
            Classes("age", files.AGES),
        )
        if self.images == "original":
            tasks += (Landmarks("landmarks5", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES),)
        return tasks

    def recognises(self, folder: Path) -> bool:
        """Return whether the label list is there."""
        return _basic(folder) is not None

    def base(self, root: Path) -> Path | None:
        """Return the folder with the label list: ``basic/`` or the root; None without images."""
        basic = _basic(root)
        return None if basic is None or self._image_folder(basic) is None else basic

    def index(self, root: Path | None) -> FaceIndex:
        """Read the label list and the manual annotations, and see which images are there.

        Raises:
            UserError: A required file is missing, a row is malformed, or nothing matches.
        """
        import pandas as pd

        base = self.found(root)
        labels_path = files.label_file(base)
        folder = self._image_folder(base)
        if labels_path is None or folder is None:  # `found` has seen both
            raise UserError(f"RAF-DB is no longer in {base}.")
        expressions = files.read_labels(labels_path)
        suffix = "_aligned" if self.images == "aligned" else ""
        images = {
            name.rpartition(".")[0].removesuffix(suffix): name for name in image_names(folder)
        }
        names = [name for name in expressions if name in images]
        if not names:
            raise UserError(
                f"no image of {folder} is named in {labels_path}: images look like "
                f"{examples(list(images.values())[:2])}, label rows like "
                f"{examples(list(expressions)[:2])}. Check that they come from the same release."
            )
        notes: list[str] = []
        self.left_out(
            {
                f"label rows of {labels_path.name} have no image in {folder.name}/": [
                    name for name in expressions if name not in images
                ],
                f"images of {folder.name}/ have no row in {labels_path.name}": [
                    image for name, image in images.items() if name not in expressions
                ],
            },
            notes,
        )
        split = ["test" if name.startswith("test") else "train" for name in names]
        place = folder.relative_to(base).as_posix()
        frame = pd.DataFrame(
            {
                "image": [f"{place}/{images[name]}" for name in names],
                "split": carve_valid(split, names, seed=self.split_seed),
                "identity": pd.array([pd.NA] * len(names), dtype="string"),
                "expression": [expressions[name] for name in names],
            }
        )
        notes.append(f"valid is a tenth of train (split_seed {self.split_seed}).")
        return FaceIndex(frame, self._annotate(base, names, frame, notes), notes)

    def _annotate(
        self, base: Path, names: list[str], frame: pd.DataFrame, notes: list[str]
    ) -> dict[str, NDArray[np.float32]]:
        """Add gender, race and age to the frame; return the landmarks of original images."""
        import numpy as np
        import pandas as pd

        folder = base / "Annotation/manual"
        if not folder.is_dir():
            for column in ("gender", "race", "age"):
                frame[column] = pd.array([pd.NA] * len(names), dtype="string")
            notes.append(
                "there is no Annotation/manual: gender, race, age and landmarks are unknown."
            )
            return {}
        columns, points, missing = files.read_manual(folder, names)
        for column, values in columns.items():
            frame[column] = pd.array(values, dtype="string")
        if missing:
            notes.append(f"{missing:,} images have no file in Annotation/manual.")
        unsure = int(frame["gender"].isna().sum()) - missing
        if unsure:
            notes.append(f"the gender of {unsure:,} images is unsure, and unknown here.")
        if self.images != "original" or missing == len(names):
            return {}
        # The files do not say whose left comes first: the eye further left in most images does.
        if np.nanmedian(points[:, 1, 0] - points[:, 0, 0]) < 0:
            points = points[:, FIVE_MIRROR]
        return {"landmarks5": points}

    def _image_folder(self, basic: Path) -> Path | None:
        """Return the folder of the chosen images."""
        folders = (basic / "Image" / self.images, basic / self.images)
        return next((folder for folder in folders if folder.is_dir()), None)


def _basic(root: Path) -> Path | None:
    """Return the folder that holds the label list, in the root or in its ``basic/``."""
    return next((f for f in (root / "basic", root) if files.label_file(f) is not None), None)
