"""The contract of a data set: metadata, tasks, an index without overlap, labels, points, images."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.data.source import Source
from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS, Dataset, FaceIndex, read_index
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks
from farbench.testing.checks import Broken, Contract, NotTried, told
from farbench.testing.plugin_checks import PLUGIN, PluginSubject

POINT_SETS = {"wflw98": 98, "dlib68": 68, "landmarks5": 5}
"""Names of point sets whose number of points is known."""


@dataclass
class DatasetSubject(PluginSubject[Dataset]):
    """A data set and where it lies.

    Attributes:
        data_root: What a user would give as --data-root; None where it is not known.
    """

    data_root: Path | None = None
    _index: FaceIndex | None = field(default=None, init=False, repr=False)

    @property
    def dataset(self) -> Dataset:
        """The data set with its options."""
        return self.instance

    @cached_property
    def root(self) -> Path | None:
        """The data set's own folder, None where it needs none.

        Raises:
            NotTried: No data root is known.
            Broken: The data set does not find itself below it.
        """
        if not self.dataset.needs_root:
            return None
        if self.data_root is None:
            raise NotTried(
                "it reads files, and no data root is known: give --data-root DIR, or, in a test, "
                "override tree(folder)"
            )
        root = self.dataset.locate(self.data_root)
        if root is None:
            raise Broken(f"locate() does not find '{self.dataset.name}' in {self.data_root}")
        return root

    @property
    def index(self) -> FaceIndex:
        """The index, read once."""
        if self._index is None:
            self._index = read_index(self.dataset, self.root)
        return self._index

    @cached_property
    def source(self) -> Source:
        """The images as the core reads them."""
        return Source(self.dataset, self.root, self.index, manifest="")

    def some(self) -> list[int]:
        """Return where the first and the last image of each split are."""
        positions = [self.source.positions(split).tolist() for split in SPLITS]
        return [chosen for here in positions for chosen in {*here[:1], *here[-1:]}]


DATASET: Contract[DatasetSubject] = Contract(*PLUGIN.checks)


@DATASET.line(
    "`info` says what a reader must know: title, citation, licence, how to get it, and, unless the "
    "images are drawn, a homepage.",
    mend="Fill in DatasetInfo(title=..., citation=..., licence=..., homepage=..., how_to_get=...).",
)
def metadata(subject: DatasetSubject) -> str | None:
    """Look for empty fields."""
    info = subject.dataset.info
    wanted = ["title", "citation", "licence", "how_to_get"]
    wanted += [] if info.synthetic else ["homepage"]
    missing = [name for name in wanted if not str(getattr(info, name)).strip()]
    if missing:
        raise Broken(f"info lacks {', '.join(missing)}")
    odd = [split for split in info.expected_counts if split not in SPLITS]
    if odd:
        raise Broken(
            f"expected_counts has the split '{odd[0]}'", f"Splits are called {', '.join(SPLITS)}."
        )
    return None if info.expected_counts or info.synthetic else "no expected_counts"


@DATASET.line(
    "`tasks()` gives tasks with names of their own, the same at each call, and `default_tasks` "
    "names some of them.",
    mend="Return (BinaryAttributes(NAME, ...), ...); spell default_tasks as the tasks are called.",
)
def tasks(subject: DatasetSubject) -> str:
    """Look at the tasks without an index."""
    try:
        found = subject.dataset.tasks()
    except UserError as error:
        raise NotTried(f"the tasks depend on options: {told(error)}") from None
    names = [task.name for task in found if isinstance(task, Task)]
    if not names or len(names) < len(found) or len(set(names)) < len(names):
        raise Broken(f"tasks() gives {found!r}")
    if subject.dataset.tasks() != found:
        raise Broken("tasks() gives something else at the second call")
    odd = [name for name in subject.dataset.default_tasks if name not in names]
    if odd:
        raise Broken(f"default_tasks names '{odd[0]}', and the tasks are {', '.join(names)}")
    return ", ".join(names)


@DATASET.line(
    "Where its files are not, `index` raises a UserError that says what is missing.",
    mend="Look for the files before they are read, and raise farbench.UserError with their names "
    "and info.how_to_get.",
)
def missing_files_are_told(subject: DatasetSubject) -> None:
    """Ask for the index of an empty folder."""
    if not subject.dataset.needs_root:
        raise NotTried("it needs no files")
    with tempfile.TemporaryDirectory() as empty:
        try:
            read_index(subject.dataset, Path(empty))
        except UserError:
            return
        except Exception as error:
            raise Broken(f"in an empty folder index raises {told(error)}") from error
    raise Broken("in an empty folder index raises nothing")


@DATASET.line(
    "`locate` finds the data set's folder below the data root, or the data root itself.",
    mend="Give another --data-root if it is not there; else override locate to know the data set "
    "by its files. The default looks for a folder of its name.",
)
def located(subject: DatasetSubject) -> str:
    """Look for the folder."""
    root = subject.root
    if root is not None and not root.exists():
        raise Broken(f"locate() gives {root}, which does not exist")
    return "no folder needed" if root is None else root.name


@DATASET.line(
    "`index` gives a frame with a row an image: `image`, `split`, and the columns of each task.",
    mend="Name label columns as task.columns has them: `<task>.<attribute>` for attributes, "
    "`<task>` for classes and numbers, `identity` for identity.",
    needs=("tasks", "located"),
)
def index_columns(subject: DatasetSubject) -> str:
    """Look for the columns."""
    frame = subject.index.frame
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise Broken("index gives no rows")
    wanted = ["image", "split", *(c for task in subject.dataset.tasks() for c in task.columns)]
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise Broken(f"the index lacks {', '.join(missing[:5])}")
    return f"{len(frame):,} images"


@DATASET.line(
    "`image` is a unique id: for files the path below the root, with forward slashes.",
    mend="Use path.relative_to(root).as_posix(); leave double entries out and say so in `notes`.",
    needs=("index_columns",),
)
def unique_ids(subject: DatasetSubject) -> None:
    """Look for ids that are missing, double, absolute or not text."""
    ids = subject.index.frame["image"]
    odd = [value for value in ids if not isinstance(value, str) or not value]
    if odd:
        raise Broken(f"an id is {odd[0]!r}, not a text")
    double = ids[ids.duplicated()]
    if len(double):
        raise Broken(f"{len(double)} ids are there twice, such as {double.iloc[0]}")
    if subject.root is None:
        return
    paths = [value for value in ids if value.startswith("/") or "\\" in value or ".." in value]
    if paths:
        raise Broken(f"the id {paths[0]} is no path below the root")


@DATASET.line(
    f"`split` is {', '.join(SPLITS[:-1])} or {SPLITS[-1]}, and all three are there.",
    mend="Take valid out of train where there is no official one, by a fixed seed, and say so in "
    "`notes`; where test is not labelled, let the official validation split be test.",
    needs=("index_columns",),
)
def splits(subject: DatasetSubject) -> str:
    """Count the images of each split."""
    counts = subject.index.frame["split"].value_counts(dropna=False)
    odd = [split for split in counts.index if split not in SPLITS]
    if odd:
        raise Broken(f"there is a split {odd[0]!r}")
    missing = [split for split in SPLITS if split not in counts.index]
    if missing:
        raise Broken(f"there is no image in {', '.join(missing)}")
    return ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)


@DATASET.line(
    "No identity is in two splits; identities begin with the data set's name, so that those of two "
    "data sets are never taken for one.",
    mend='Split by identity; write f"{self.name}/{number}", NA where it is unknown.',
    needs=("splits",),
)
def identities(subject: DatasetSubject) -> str | None:
    """Look for an identity in two splits."""
    frame = subject.index.frame
    if "identity" not in frame or frame["identity"].isna().all():
        return "no identity is known"
    known = frame[frame["identity"].notna()]
    several = known.groupby("identity")["split"].nunique()
    shared = several[several > 1]
    if len(shared):
        raise Broken(f"{len(shared)} identities are in several splits, such as {shared.index[0]}")
    first = known["identity"].iloc[0]
    if not str(first).startswith(subject.dataset.name):
        raise Broken(f"an identity is {first!r}")
    return f"{len(several):,} identities"


@DATASET.line(
    "Labels are what their task allows, NA where unknown, and every task (those of "
    "`default_tasks`, where it names some) has known ones in each split.",
    mend="Translate codes into the task's own values (1 and 0, class names, numbers in range), "
    "-1 and other codes for unknown into NA; put no task into tasks() that a split lacks.",
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
        notes.append(f"{task.name} {known.mean():.0%}")
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


@DATASET.line(
    "Point sets are float32 (images, points, 2) in pixels (x, y) of the original image, NaN where "
    "unknown.",
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


@DATASET.line(
    "`read` gives uint8 (H, W, 3) in RGB, the same each time, also in several threads.",
    mend="Convert grey and RGBA images to three channels and from BGR to RGB; open files anew in "
    "each call (one handle is not for several threads).",
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


@DATASET.line(
    "`sizes` gives a whole number of bytes for each image, -1 for one without a file of its own.",
    mend="Override sizes together with read.",
    needs=("index_columns",),
)
def sizes(subject: DatasetSubject) -> str:
    """Ask for the sizes of all images."""
    ids = list(subject.index.frame["image"])
    found = [int(size) for size in subject.dataset.sizes(subject.root, ids)]
    if len(found) != len(ids):
        raise Broken(f"{len(found)} sizes for {len(ids)} images")
    files = sum(size >= 0 for size in found)
    own_file = type(subject.dataset).read is Dataset.read
    if subject.root is not None and own_file and files < len(ids):
        raise Broken(
            f"{len(ids) - files} images have no size, such as {ids[found.index(-1)]}",
            "Leave images that are not there out of the index, and say so in `notes`.",
        )
    return f"{files:,} files"


@DATASET.line(
    "`index` gives the same at each call: results are known by it.",
    mend="Sort what a folder lists; draw splits from a fixed seed or a hash of the id, not from "
    "Python's hash() or the clock.",
    needs=("index_columns",),
)
def index_repeats(subject: DatasetSubject) -> None:
    """Read the index again."""
    one, two = subject.index, read_index(subject.dataset, subject.root)
    if not one.frame.equals(two.frame):
        raise Broken("the frame is another one at the second call")
    if list(one.points) != list(two.points) or not all(
        np.array_equal(values, two.points[name], equal_nan=True)
        for name, values in one.points.items()
    ):
        raise Broken("the points are others at the second call")


@DATASET.line(
    "`expected_counts` are the images of the official release; what is there may be less.",
    mend="Count what the official files list.",
    needs=("splits",),
)
def counts(subject: DatasetSubject) -> str:
    """Report what is there beside what the official release has; too many is wrong."""
    expected = subject.dataset.info.expected_counts
    if not expected:
        raise NotTried("no counts are expected")
    found = subject.index.frame["split"].value_counts()
    told_counts = ", ".join(
        f"{split} {found.get(split, 0):,} of {count:,}" for split, count in expected.items()
    )
    if any(found.get(split, 0) > count for split, count in expected.items()):
        raise Broken(f"there are more images than expected: {told_counts}")
    return told_counts
