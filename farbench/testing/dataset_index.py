"""A data set's contract, on its index: metadata, tasks, columns, ids, splits, identities."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS, read_index
from farbench.tasks.base import Task
from farbench.testing.checks import Broken, Contract, NotTried, told
from farbench.testing.dataset_subject import DatasetSubject
from farbench.testing.plugin_checks import PLUGIN

INDEX: Contract[DatasetSubject] = Contract(*PLUGIN.checks)


@INDEX.line(
    "`info` says what a reader must know: title, citation, licence, how to get it, and, unless the "
    "images are drawn, a homepage.",
    why="Tables, reports and `farbench show` print it, and nobody may use faces on unknown terms.",
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


@INDEX.line(
    "`tasks()` gives tasks with names of their own, the same at each call, and `default_tasks` "
    "names some of them.",
    why="Rows, losses and metrics name tasks.",
    mend='Write `return (BinaryAttributes("attributes", ("Smiling",)), Classes("gender", '
    '("female", "male")))`; spell default_tasks as the tasks are called.',
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


@INDEX.line(
    "Where its files are not, `index` raises a UserError that says what is missing.",
    why="It is the first thing that a new user of the data set sees.",
    mend="Look for the files before they are read, and raise farbench.UserError with their "
    'names: `if not table.is_file(): raise UserError(f"{table} is missing. '
    '{self.info.how_to_get}")`.',
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


@INDEX.line(
    "`locate` finds the data set's folder below the data root, or the data root itself.",
    why="One --data-root serves all data sets.",
    mend="Give another --data-root if it is not there; else override locate to know the data set "
    "by its files. The default looks for a folder of its name.",
)
def located(subject: DatasetSubject) -> str:
    """Look for the folder."""
    root = subject.root
    if root is not None and not root.exists():
        raise Broken(f"locate() gives {root}, which does not exist")
    return "no folder needed" if root is None else root.name


@INDEX.line(
    "`index` gives a frame with a row an image: `image`, `split`, and the columns of each task.",
    why="The core finds labels by these names.",
    mend='Name label columns as task.columns has them: `frame["attributes.Smiling"]` for '
    'attributes, `frame["age"]` for classes and numbers, `identity` for identity.',
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


@INDEX.line(
    "`image` is a unique id: for files the path below the root, with forward slashes.",
    why="Packed images and predictions are kept by id, and must be found again on another machine.",
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


@INDEX.line(
    f"`split` is {', '.join(SPLITS[:-1])} or {SPLITS[-1]}, and all three are there.",
    why="The core trains on train and keeps predictions of valid and of test.",
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


@INDEX.line(
    "No identity is in two splits; identities begin with the data set's name, so that those of two "
    "data sets are never taken for one.",
    why="Who was seen in training is easy in the test, and two data sets may be joined.",
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
    odd = [one for one in several.index if not str(one).startswith(subject.dataset.name)]
    if odd:
        raise Broken(f"an identity is {odd[0]!r}")
    return f"{len(several):,} identities"


@INDEX.line(
    "`index` gives the same at each call.",
    why="Results are known by the index: another one is another data set, to be trained again.",
    mend="Sort what a folder lists (`sorted(root.iterdir())`); draw splits from a fixed "
    "seed or a hash of the id, not from Python's hash() or the clock.",
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


@INDEX.line(
    "`expected_counts` are the images of the official release; what is there may be less.",
    why="A reader must see whether the numbers are of the whole data set.",
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
