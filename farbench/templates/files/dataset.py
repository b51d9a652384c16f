"""my_dataset, a data set in files. Change what is marked 1 to 4.

After each change: farbench test-plugin my_dataset.py --data-root DIR

Images and one CSV of labels need no plugin: the data set `image_folder` reads them as they are
(docs/data.md). Write one for labels in a layout of their own, as here.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from farbench import (
    BinaryAttributes,
    Classes,
    Dataset,
    DatasetInfo,
    FaceIndex,
    Scalar,
    Task,
    UserError,
)

# pandas is imported inside `index`: `farbench list` loads this file too, and should stay quick.


class MyDataset(Dataset):
    """TO FILL IN: what it holds, in one line."""

    name: ClassVar[str] = "my_dataset"
    source: ClassVar[str] = "TO FILL IN: the paper that published it."
    # 1. What a reader of a table must know. Mind the terms of use of faces.
    info: ClassVar[DatasetInfo] = DatasetInfo(
        title="MyDataset",
        citation="TO FILL IN: authors, title, venue, year",
        licence="TO FILL IN: its terms, in a few words",
        homepage="https://example.org",
        how_to_get="""\
1. Download it from ...
2. Put it as my_dataset/ into a folder, and give that folder as --data-root DIR:
     my_dataset/labels.csv      image,split,person,smiling,eyeglasses,gender,age
     my_dataset/images/...      as labels.csv names them: images/0001.jpg""",
        # Images of the official release, if there is one: {"train": 8000, "valid": ..., ...}
        expected_counts={},
    )

    # 2. Options, if there are several ways to read it. A benchmark sets them:
    #    `datasets: [{name: my_dataset, labels: clean.csv}]`.
    labels: str = Field("labels.csv", description="The table of labels, in the data set's folder.")

    def tasks(self) -> tuple[Task, ...]:
        """Return what can be predicted."""
        # 3. The tasks. There are Landmarks and Identity too (docs/tasks.md).
        return (
            BinaryAttributes("attributes", ("Smiling", "Eyeglasses")),
            Classes("gender", ("female", "male")),
            Scalar("age", "years", 0, 116),
        )

    def index(self, root: Path | None) -> FaceIndex:
        """Read labels, not images: one row an image.

        `root` is the folder `my_dataset/` below the data root (override `locate` for another).
        Images are read from `root / image`; override `read` (and `sizes`, `stamps`, `checksums`)
        for zip members and the like.
        """
        import pandas as pd

        table = Path(root or "") / self.labels
        if not table.is_file():
            raise UserError(f"{self.name}: {table} is missing.\n{self.info.how_to_get}")
        given = pd.read_csv(table, dtype={"image": str, "person": str})
        wanted = ["image", "split", "person", "smiling", "eyeglasses", "gender", "age"]
        missing = [column for column in wanted if column not in given]
        if missing:
            raise UserError(f"{table} has no column {', '.join(missing)}.")

        # 4. The index. `split` is train, valid or test, and all three must be there. Unknown labels
        #    are NA. A person begins with the data set's name and is in one split only.
        frame = pd.DataFrame(
            {
                "image": given["image"],
                "split": given["split"],
                "identity": f"{self.name}/" + given["person"],
                "attributes.Smiling": given["smiling"],
                "attributes.Eyeglasses": given["eyeglasses"],
                "gender": given["gender"],
                "age": given["age"],
            }
        )
        here = [(table.parent / image).is_file() for image in frame["image"]]
        notes = []
        if not all(here):
            notes.append(f"{len(here) - sum(here)} images that {table.name} names are not there.")
        return FaceIndex(frame[here].reset_index(drop=True), notes=notes)
