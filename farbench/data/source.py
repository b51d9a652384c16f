"""A data set as the cells see it: the chosen images, their labels, splits and manifest."""

from __future__ import annotations

import collections
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.benchmark.schema import Images
from farbench.data.randomness import permutation, stream_key
from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS, Dataset, FaceIndex, read_index
from farbench.tasks.base import Task


@dataclass(frozen=True)
class Source:
    """The images and labels that a benchmark uses from one data set.

    Attributes:
        dataset: The data set with its options.
        root: Its folder, or None.
        index: The chosen rows, in the data set's order.
        manifest: Digest of the data set, its options, ids, splits, labels, points and file sizes,
            and of what is in the files once one was exchanged (see `exchanged`).
    """

    dataset: Dataset
    root: Path | None
    index: FaceIndex
    manifest: str
    _labels: dict[Task, NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.index.frame)

    def read(self, position: int) -> NDArray[np.uint8]:
        """Return the original image at a position, uint8 ``(H, W, 3)`` RGB."""
        kind, columns = self._rows
        return self.dataset.read(
            self.root, kind(position, *(column[position] for column in columns))
        )

    @functools.cached_property
    def _rows(self) -> tuple[Any, list[NDArray[Any]]]:
        """Return what makes the row of an image; ``iloc`` costs more than decoding one."""
        frame = self.index.frame
        kind = collections.namedtuple("Row", ["Index", *frame.columns], rename=True)  # type: ignore[misc]
        return kind, [frame[name].to_numpy() for name in frame.columns]

    def labels(self, task: Task) -> NDArray[Any]:
        """Return the labels of a task for all images (see :class:`Task`).

        Raises:
            UserError: A label is not allowed, or a split has no image that carries the task.
        """
        if task not in self._labels:
            where = f"data set '{self.dataset.name}'"
            try:
                labels = task.labels(self.index.frame, self.index.points)
            except UserError as error:
                raise UserError(f"{where}: {error}") from None
            known = task.known(labels)
            for split in SPLITS:
                if not known[self.positions(split)].any():
                    raise UserError(
                        f"{where}: no image of its {split} split has a label for task "
                        f"'{task.name}'. Choose other tasks with `tasks: [...]`, or take more "
                        "images."
                    )
            self._labels[task] = labels
        return self._labels[task]

    def positions(self, split: str, tasks: Sequence[Task] = ()) -> NDArray[np.int64]:
        """Return where the images of a split are: those that carry at least one of the tasks."""
        chosen = (self.index.frame["split"] == split).to_numpy()
        if tasks:
            known = [task.known(self.labels(task)) for task in tasks]
            chosen = chosen & np.logical_or.reduce(known)
        return np.flatnonzero(chosen)

    def without(self, positions: set[int]) -> Source:
        """Return the source without some images (those that do not decode).

        Raises:
            UserError: A split is left empty.
        """
        if not positions:
            return self
        keep = np.array([i not in positions for i in range(len(self))])
        index = _take(self.index, keep)
        one = len(positions) == 1
        what = "image that does not decode is" if one else "images that do not decode are"
        named = self._named(sorted(positions))
        index.notes.append(f"{len(positions)} {what} left out: {named}.")
        _check_splits(self.dataset, index)
        digest = hashlib.sha256(f"{self.manifest}-{sorted(positions)}".encode()).hexdigest()
        return Source(self.dataset, self.root, index, digest)

    def exchanged(self, positions: Sequence[int], contents: str) -> Source:
        """Return the source as another data set, because the bytes of some images are others.

        Args:
            positions: Which images were exchanged since they were first packed.
            contents: Digest of the bytes of all images.
        """
        if not positions:
            return self
        index = _take(self.index, np.ones(len(self), bool))
        what = "image was" if len(positions) == 1 else "images were"
        index.notes.append(
            f"{len(positions)} {what} exchanged since the first run: {self._named(positions)}. It "
            "is another data set now; results of the one before are in no table of this run."
        )
        digest = hashlib.sha256(f"{self.manifest}-{contents}".encode()).hexdigest()
        return Source(self.dataset, self.root, index, digest)

    def _named(self, positions: Sequence[int]) -> str:
        """Return the names of the first few of some images, and whether there are more."""
        images = [str(self.index.frame["image"].iloc[i]) for i in positions[:5]]
        return ", ".join(images) + (", ..." if len(positions) > 5 else "")


def open_source(dataset: Dataset, data_root: Path | None, images: Images) -> Source:
    """Read the index of a data set and choose its images.

    Args:
        dataset: The data set with its options.
        data_root: What the user gave, or None.
        images: How many of each split.

    Raises:
        UserError: The data root is missing, a column of a task is missing, a split is empty or
            an image is named twice.
    """
    root = _find_root(dataset, data_root)
    index = read_index(dataset, root)
    _check(dataset, index)
    index = _choose(index, images)
    sizes = dataset.sizes(root, list(index.frame["image"]))
    return Source(dataset, root, index, _manifest(dataset, index, sizes))


def _find_root(dataset: Dataset, data_root: Path | None) -> Path | None:
    if not dataset.needs_root:
        return None
    info = dataset.info
    steps = f"\nHow to get it:\n{info.how_to_get.strip()}" if info.how_to_get else ""
    if data_root is None:
        raise UserError(
            f"data set '{dataset.name}' needs a data root: give --data-root DIR or set "
            f"FARBENCH_DATA to the folder that holds {dataset.name}/.{steps}"
        )
    root = dataset.locate(data_root)
    if root is None:
        state = "holds no" if data_root.is_dir() else "does not exist, so there is no"
        if data_root.is_file():
            state = "is a file, not a folder, so there is no"
        raise UserError(f"data root {data_root} {state} {info.title} ({dataset.name}/).{steps}")
    return root


def _check(dataset: Dataset, index: FaceIndex) -> None:
    frame = index.frame
    columns = [column for task in dataset.tasks() for column in task.columns]
    missing = [c for c in ("image", "split", *columns) if c not in frame.columns]
    if missing:
        raise UserError(f"data set '{dataset.name}': its index lacks {', '.join(missing[:5])}.")
    odd = sorted(set(frame["split"].unique()) - set(SPLITS), key=str)
    if odd:
        raise UserError(f"data set '{dataset.name}': unknown split {odd[0]!r} in its index.")
    repeated = frame["image"][frame["image"].duplicated()]
    if len(repeated):
        raise UserError(f"data set '{dataset.name}': image {repeated.iloc[0]} is in it twice.")
    _check_splits(dataset, index)


def _check_splits(dataset: Dataset, index: FaceIndex) -> None:
    for split in SPLITS:
        if not (index.frame["split"] == split).any():
            raise UserError(f"data set '{dataset.name}' has no images in its {split} split.")


def _choose(index: FaceIndex, images: Images) -> FaceIndex:
    """Keep the first N of each split by a shuffle that depends on the split's size alone."""
    keep = np.ones(len(index.frame), bool)
    for split in SPLITS:
        limit = getattr(images, split)
        here = np.flatnonzero((index.frame["split"] == split).to_numpy())
        if limit is None or limit >= len(here):
            continue
        if limit < 1:
            limit = max(1, round(limit * len(here)))
        keep[here[permutation(stream_key("images", split), len(here))[limit:]]] = False
    return _take(index, keep)


def _take(index: FaceIndex, keep: NDArray[np.bool_]) -> FaceIndex:
    frame = index.frame[keep].reset_index(drop=True)
    points = {name: values[keep] for name, values in index.points.items()}
    return FaceIndex(frame, points, list(index.notes))


def _manifest(dataset: Dataset, index: FaceIndex, sizes: Sequence[int]) -> str:
    digest = hashlib.sha256()
    # Two data sets, or one with other options, may share labels and differ in their pixels.
    digest.update(repr((dataset.name, sorted(dataset.options().items()))).encode())
    frame = index.frame
    for name in sorted(frame.columns):
        column = frame[name]
        # Labels of one kind are hashed as they are: as text, 200,000 rows of 40 take seconds.
        if not pd.api.types.is_integer_dtype(column) or column.isna().any():
            column = column.astype("string")
        hashed = pd.util.hash_pandas_object(column, index=False)
        digest.update(name.encode() + hashed.to_numpy().tobytes())
    for name in sorted(index.points):
        digest.update(name.encode() + np.nan_to_num(index.points[name], nan=-1e6).tobytes())
    digest.update(np.asarray(sizes, np.int64).tobytes())
    return digest.hexdigest()
