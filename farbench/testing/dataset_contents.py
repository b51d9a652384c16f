"""A data set's contract, on what is behind the index: labels, points, images, sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS, Dataset
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks
from farbench.testing.checks import Broken, Contract, NotTried
from farbench.testing.dataset_subject import DatasetSubject

POINT_SETS = {"wflw98": 98, "dlib68": 68, "landmarks5": 5}
"""Names of point sets whose number of points is known."""

CONTENTS: Contract[DatasetSubject] = Contract()


@CONTENTS.line(
    "Labels are what their task allows, NA where unknown, and every task (those of "
    "`default_tasks`, where it names some) has known ones in each split.",
    why="A code for unknown that is taken for a label is learned like one.",
    mend="Translate codes into the task's own values (1 and 0, class names, numbers in "
    "range), -1 and other codes for unknown into NA: `column.where(column >= 0)`; put "
    "no task into tasks() that a split lacks.",
    needs=("splits",),
)
def labels(subject: DatasetSubject) -> str:
    """Read the labels of each task as the core does."""
    index, dataset = subject.index, subject.dataset
    notes = []
    for task in dataset.tasks():
        try:
            values = task.labels(index.frame, index.points)
        except UserError as error:
            raise Broken(str(error)) from error
        known = task.known(values)
        counts = [int(known[(index.frame["split"] == split).to_numpy()].sum()) for split in SPLITS]
        notes.append(f"{task.name} {_share_known(task, values)}")
        # A task beside the default ones may need files that not everybody has.
        if all(counts) or (dataset.default_tasks and task.name not in dataset.default_tasks):
            continue
        absent = SPLITS[counts.index(0)]
        if isinstance(task, Landmarks) and task.points not in index.points:
            raise Broken(
                f"task '{task.name}' reads the point set '{task.points}', and the index has "
                f"{', '.join(index.points) or 'none'}",
                "Add the points to FaceIndex(points={...}), or leave the task out of tasks().",
            )
        raise Broken(f"task '{task.name}' has no known label in the {absent} split")
    return "known: " + ", ".join(notes)


def _share_known(task: Task, values: NDArray[Any]) -> str:
    """Say how many images have a label; of attributes, how many single labels are known as well."""
    known = task.known(values)
    share = f"{known.mean():.0%}"
    if not isinstance(task, BinaryAttributes) or (values[known] >= 0).all():
        return share
    images = "each image has one" if known.all() else f"{share} of the images have one"
    return f"{(values >= 0).mean():.1%} of single labels ({images})"


@CONTENTS.line(
    "Point sets are float32 (images, points, 2) in pixels (x, y) of the original image, NaN where "
    "unknown.",
    why="Masks are made from them, and they are moved with the image as it is cropped.",
    mend="Use the names wflw98, dlib68 and landmarks5 for those layouts; multiply fractions by the "
    "image's width and height; x comes first.",
    needs=("index_columns",),
)
def points(subject: DatasetSubject) -> str:
    """Look at shapes, and hold some points against their images."""
    index = subject.index
    if not index.points:
        raise NotTried("there are no point sets")
    wanted = dict(POINT_SETS)
    wanted |= {t.points: t.count for t in subject.dataset.tasks() if isinstance(t, Landmarks)}
    for name, values in index.points.items():
        count = wanted.get(name, values.shape[1] if values.ndim == 3 else 0)
        if values.shape != (len(index.frame), count, 2) or values.dtype != np.float32:
            raise Broken(
                f"'{name}' is {values.dtype} {values.shape}, not float32 "
                f"{(len(index.frame), count, 2)}"
            )
        if np.isinf(values).any():
            raise Broken(f"'{name}' holds infinite numbers", "Use NaN for unknown.")
    _hold_against_images(subject)
    return ", ".join(index.points)


def _hold_against_images(subject: DatasetSubject) -> None:
    for position in subject.some():
        height, width = _read(subject, position).shape[:2]
        for name, values in subject.index.points.items():
            one = values[position]
            if np.isnan(one).all():
                continue
            x, y = np.nanmedian(one, axis=0)
            inside = 0 <= x <= width and 0 <= y <= height
            spread = float(np.nanmax(one) - np.nanmin(one))
            if not inside or (spread < 2 and min(height, width) > 8):
                raise Broken(
                    f"'{name}' of {_id(subject, position)} lies about ({x:.3g}, {y:.3g}), "
                    f"{spread:.3g} wide, in an image of {width} x {height}"
                )


@CONTENTS.line(
    "`read` gives uint8 (H, W, 3) in RGB, the same each time, also in several threads.",
    why="Images are read side by side, once; wrong colours stay in all that follows.",
    mend="Convert grey and RGBA images to three channels and from BGR to RGB "
    "(`cv2.cvtColor(image, cv2.COLOR_BGR2RGB)`); open files anew in each call (one "
    "handle is not for several threads).",
    needs=("splits",),
)
def images(subject: DatasetSubject) -> str:
    """Read some images of each split, one after the other and at once."""
    chosen = subject.some()
    alone = [_read(subject, position) for position in chosen]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(subject.source.read, chosen))
    for position, one, two in zip(chosen, alone, together, strict=True):
        if not np.array_equal(one, two):
            raise Broken(f"{_id(subject, position)} is another image when it is read again")
    sizes = sorted({f"{one.shape[1]} x {one.shape[0]}" for one in alone})
    return f"{len(chosen)} read: {', '.join(sizes[:3])}"


def _read(subject: DatasetSubject, position: int) -> NDArray[np.uint8]:
    image = subject.source.read(position)
    name = _id(subject, position)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = getattr(image, "dtype", type(image).__name__)
        raise Broken(f"{name} is read as {kind}, not as uint8")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise Broken(f"{name} is read as {image.shape}, not as (H, W, 3)")
    return image


def _id(subject: DatasetSubject, position: int) -> str:
    return str(subject.index.frame["image"].iloc[position])


@CONTENTS.line(
    "`sizes`, `stamps` and `checksums` give a whole number for each image, -1 for one without a "
    "file of its own.",
    why="By these an exchanged image is noticed: by its size or its stamp without reading it.",
    mend="Override them together with read: `return [-1] * len(images)` where there is no file "
    "an image.",
    needs=("index_columns",),
)
def sizes(subject: DatasetSubject) -> str:
    """Ask for the sizes of all images."""
    ids = list(subject.index.frame["image"])
    dataset, root = subject.dataset, subject.root
    found = [int(size) for size in dataset.sizes(root, ids)]
    few = ids[:8]
    for what, given, asked in (
        ("sizes", found, ids),
        ("stamps", dataset.stamps(root, ids), ids),
        ("checksums", dataset.checksums(root, few), few),
    ):
        if len(given) != len(asked):
            raise Broken(f"{len(given)} {what} for {len(asked)} images")
    files = sum(size >= 0 for size in found)
    own_file = type(subject.dataset).read is Dataset.read
    if root is not None and own_file and files < len(ids):
        raise Broken(
            f"{len(ids) - files} images have no size, such as {ids[found.index(-1)]}",
            "Leave images that are not there out of the index, and say so in `notes`.",
        )
    return f"{files:,} files"
