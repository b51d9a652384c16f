"""The data set `fer2013`: FER-2013 with seven expressions, as folders or as a CSV of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex, file_stamp
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench_datasets.expressions import EXPRESSIONS
from farbench_datasets.folder_dataset import FolderDataset, examples, image_names, sub_folders
from farbench_datasets.splits import carve_valid

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from farbench_datasets.fer2013_table import PixelTable

_HOW_TO_GET = """\
1. Get FER-2013 from Kaggle: the competition `challenges-in-representation-learning-facial-
   expression-recognition-challenge` (icml_face_data.csv, or fer2013.csv out of its archive), or
   the copy in folders, `msambare/fer2013`. Kaggle's competition terms apply.
2. Put into one folder `fer2013/` either
     fer2013.csv or icml_face_data.csv      pixels, labels and the official split in one file
     train/ and test/ (or validation/)      each with the folders angry, disgust, fear, happy,
                                            neutral, sad and surprise
   If both are there, the CSV is read.
3. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""

_TABLES = ("fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv")

_CLASS_FOLDERS = {
    "angry": "Anger",
    "disgust": "Disgust",
    "fear": "Fear",
    "happy": "Happiness",
    "sad": "Sadness",
    "surprise": "Surprise",
    "neutral": "Neutral",
}
_CLASS_FOLDERS |= {name.lower(): name for name in EXPRESSIONS}

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "publictest": "valid",
    "test": "test",
    "privatetest": "test",
}


class FER2013(FolderDataset):
    """FER-2013: 35,887 grey faces of 48 x 48 with seven expressions.

    Official split: Training is train, PublicTest valid, PrivateTest test. Folders that hold both
    test sets in one are told apart by the file names; where only one held-out set exists it is
    test, and valid is a tenth of train, drawn by a hash of the path.
    """

    name = "fer2013"
    source = "Goodfellow et al.: Challenges in Representation Learning. ICONIP 2013."
    folders = ("fer2013", "FER2013", "FER-2013", "fer-2013")
    default_tasks = ("expression",)
    info = DatasetInfo(
        title="FER-2013",
        citation="I. Goodfellow et al.: Challenges in Representation Learning: A Report on Three "
        "Machine Learning Contests. ICONIP 2013.",
        licence="Kaggle competition data, for research; the images come from the web",
        homepage="https://www.kaggle.com/c/challenges-in-representation-learning-facial-"
        "expression-recognition-challenge",
        how_to_get=_HOW_TO_GET,
        expected_counts={"train": 28_709, "valid": 3_589, "test": 3_589},
    )

    split_seed: int = Field(
        0, ge=0, description="Another seed, another valid split, where none is official."
    )

    def tasks(self) -> tuple[Task, ...]:
        """Return the expression."""
        return (Classes("expression", EXPRESSIONS),)

    def base(self, root: Path) -> Path | None:
        """Return the folder with the CSV, or the one with train/."""
        for name in _TABLES:
            if (root / name).is_file():
                return root
        candidates = (root, root / "images", root / "images/images", root / "fer2013")
        return next((folder for folder in candidates if _is_split_by_class(folder)), None)

    def index(self, root: Path | None) -> FaceIndex:
        """Read the labels out of the CSV, or out of the names of the folders.

        Raises:
            UserError: Nothing is there, or a row of the CSV is malformed.
        """
        import pandas as pd

        table = self._table(root)
        if table is None:
            return self._index_folders(self.found(root))
        if not table.ids:
            raise UserError(f"{table.path} holds no rows.\n{_HOW_TO_GET}")
        frame = pd.DataFrame(
            {
                "image": table.ids,
                "split": table.splits,
                "identity": pd.array([pd.NA] * len(table.ids), dtype="string"),
                "expression": table.expressions,
            }
        )
        return FaceIndex(frame)

    def sizes(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the bytes of each image: of its file, or of its row of the CSV."""
        table = self._table(root)
        if table is None:
            return super().sizes(root, images)
        rows = [table.row(image) for image in images]
        return [-1 if row is None else table.lengths[row] for row in rows]

    def stamps(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return when each image file, or the CSV, was last changed."""
        table = self._table(root)
        if table is None:
            return super().stamps(root, images)
        return [file_stamp(str(table.path))] * len(images)

    def checksums(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the CRC-32 of each image: of its file, or of its row of the CSV."""
        table = self._table(root)
        return super().checksums(root, images) if table is None else table.checksums(images)

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Return one image, uint8 ``(48, 48, 3)`` with three equal channels."""
        table = self._table(root)
        return super().read(root, row) if table is None else table.read(str(row.image))

    def _table(self, root: Path | None) -> PixelTable | None:
        from farbench_datasets.fer2013_table import open_table

        if root is None:
            return None
        path = next((root / name for name in _TABLES if (root / name).is_file()), None)
        return None if path is None else open_table(path)

    def _index_folders(self, base: Path) -> FaceIndex:
        import pandas as pd

        notes: list[str] = []
        rows: list[tuple[str, str, str]] = []  # image, split, expression
        unknown: list[str] = []
        for split, folder in _split_folders(base).items():
            for name, class_folder in sorted(sub_folders(folder).items()):
                images = [
                    f"{folder.name}/{class_folder.name}/{i}" for i in image_names(class_folder)
                ]
                if name in _CLASS_FOLDERS:
                    rows += [(image, split, _CLASS_FOLDERS[name]) for image in images]
                else:
                    unknown += images
        self.left_out({"images lie in a folder that names none of the expressions": unknown}, notes)
        if not rows:
            raise UserError(
                f"{base} has no images in folders of expressions (train/happy/NAME.jpg)"
                + (f"; there are {examples(unknown)}" if unknown else "")
                + f".\n{_HOW_TO_GET}"
            )
        frame = pd.DataFrame(rows, columns=["image", "split", "expression"])
        frame["identity"] = pd.array([pd.NA] * len(frame), dtype="string")
        frame["split"] = self._complete(frame, notes)
        return FaceIndex(frame, notes=notes)

    def _complete(self, frame: pd.DataFrame, notes: list[str]) -> Any:
        """Return the splits; where one of valid and test is missing, make both."""
        split, image = frame["split"], frame["image"]
        if len(set(split) - {"train"}) != 1:
            return split
        public, private = (
            image.str.contains(f"/{usage}_", regex=False) for usage in ("PublicTest", "PrivateTest")
        )
        held_out = split != "train"
        if (public & held_out).any() and (private & held_out).any():
            notes.append("valid and test are told apart by names (PublicTest_, PrivateTest_).")
            return split.where(~held_out, public.map({True: "valid", False: "test"}))
        folder = image[held_out].iloc[0].split("/")[0]
        notes.append(
            f"test is the one held-out set ({folder}/); valid is a tenth of train "
            f"(split_seed {self.split_seed})."
        )
        # Folders may be spelt in another way elsewhere: only the class and the file's name count.
        ids = frame["expression"] + "/" + image.str.rpartition("/")[2]
        return carve_valid(split.where(~held_out, "test"), ids, seed=self.split_seed)


def _split_folders(base: Path) -> dict[str, Path]:
    """Return the folder of each split that is there.

    Raises:
        UserError: Two folders stand for the same split.
    """
    folders = sub_folders(base)
    found: dict[str, Path] = {}
    for name, split in _SPLIT_FOLDERS.items():
        if name in folders and split in found:
            raise UserError(
                f"{base}: {found[split].name}/ and {folders[name].name}/ both stand for the "
                f"{split} split; keep one of them there."
            )
        if name in folders:
            found[split] = folders[name]
    return found


def _is_split_by_class(folder: Path) -> bool:
    """Return whether a folder holds train/ (or training/) with a folder of an expression in it."""
    folders = sub_folders(folder)
    trains = (folders[name] for name in ("train", "training") if name in folders)
    return any(not _CLASS_FOLDERS.keys().isdisjoint(sub_folders(train)) for train in trains)
