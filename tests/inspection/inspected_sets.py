"""A data set in memory whose every fault is chosen by the test, and pictures to put into it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench import (
    BinaryAttributes,
    Classes,
    Dataset,
    DatasetInfo,
    FaceIndex,
    Identity,
    Landmarks,
    Scalar,
    Task,
    UserError,
)
from farbench.benchmark.schema import Images
from farbench.data.source import Source, open_source

EYES = ((0,), (1,))
TASKS: tuple[Task, ...] = (
    BinaryAttributes("traits", ("Bald", "Bangs", "Young")),
    Classes("gender", ("Male", "Female")),
    Classes("race", ("White", "Black", "Asian")),
    Scalar("age", "years", 0, 116),
    Landmarks("points", "landmarks5", 2, (1, 0), EYES),
    Identity("identity"),
)


def picture(seed: int, side: int = 96) -> NDArray[np.uint8]:
    """Return blobs of light and colour, unlike those of another seed; uint8 ``(side, side, 3)``."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (10, 10, 3)).astype(np.float32)
    image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(image.clip(0, 255), np.uint8)


class Drawn(Dataset):
    """Pictures and labels that the test has put into ``pictures`` and ``frame``."""

    name: ClassVar[str] = "drawn"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="Drawn", citation="nobody", licence="none")
    needs_root: ClassVar[bool] = False
    pictures: ClassVar[list[Any]] = []
    frame: ClassVar[pd.DataFrame] = pd.DataFrame()
    points: ClassVar[dict[str, NDArray[np.float32]]] = {}
    notes: ClassVar[list[str]] = []
    shown: ClassVar[tuple[str, ...]] = ()

    def tasks(self) -> tuple[Task, ...]:
        return tuple(task for task in TASKS if task.name in self.shown)

    def index(self, root: Path | None) -> FaceIndex:
        return FaceIndex(self.frame.copy(), dict(self.points), list(self.notes))

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        image = self.pictures[int(str(row.image).removeprefix("image_"))]
        if isinstance(image, Exception):
            raise image
        return image


BROKEN = UserError("image broken.jpg does not decode.")


def drawn(
    splits: str,
    pictures: list[Any] | None = None,
    points: NDArray[np.float32] | None = None,
    expected: dict[str, int] | None = None,
    notes: tuple[str, ...] = (),
    name: str = "drawn",
    **columns: Any,
) -> Source:
    """Return a source.

    Args:
        splits: A letter an image: r (train), v (valid), t (test).
        pictures: Images, or what reading one raises; different pictures if None.
        points: Labels of the task ``points``, ``(N, 2, 2)``.
        expected: Official counts.
        notes: What the index notes.
        name: The data set's name.
        columns: Label columns of the tasks in ``TASKS``; a task is there if its columns are.
    """
    count = len(splits)
    frame = pd.DataFrame(
        {
            "image": [f"image_{i}" for i in range(count)],
            "split": [{"r": "train", "v": "valid", "t": "test"}[letter] for letter in splits],
            **{key.replace("__", "."): value for key, value in columns.items()},
        }
    )
    shown = [t.name for t in TASKS if t.columns and set(t.columns) <= set(frame.columns)]
    members = {
        "name": name,
        "info": DatasetInfo(
            title="Drawn", citation="nobody", licence="none", expected_counts=expected or {}
        ),
        "pictures": pictures or [picture(i) for i in range(count)],
        "frame": frame,
        "points": {} if points is None else {"landmarks5": points},
        "notes": list(notes),
        "shown": (*shown, *(() if points is None else ("points",))),
        "__annotations__": {},
        "__module__": __name__,
    }
    return open_source(type("Given", (Drawn,), members)(), None, Images())
