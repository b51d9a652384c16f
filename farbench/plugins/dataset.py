"""The contract of a data set: metadata, tasks, an index, and how one image is read."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from farbench.errors import UserError
from farbench.plugins.base import Plugin
from farbench.tasks.base import Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Framing:
    """Where the face lies in the images of a data set that was aligned before it was published.

    So that other pictures can be brought into the same frame (``farbench predict --align``).

    Attributes:
        size: Width and height of an image in pixels.
        five: Image-left eye, image-right eye, nose tip, image-left and image-right mouth corner,
            each (x, y) in pixels.
    """

    size: tuple[int, int]
    five: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class DatasetInfo:
    """What a reader of a table must know of a data set.

    Attributes:
        title: The name as papers write it.
        citation: Authors, title, venue, year.
        licence: The terms in a few words.
        homepage: Where it lives.
        how_to_get: The steps that put it on disk, printed when the data root is missing.
        expected_counts: Images a split in the official release (empty where there is none).
        synthetic: Whether the images are drawn; tables say so in their caption.
        images_may_be_shown: Whether the licence lets anyone pass single images on, as a report
            that is sent to others does. Say it only of a licence that you have read.
        framing: Where faces lie, if they were aligned before they were published.
    """

    title: str
    citation: str
    licence: str
    homepage: str = ""
    how_to_get: str = ""
    expected_counts: dict[str, int] = field(default_factory=dict)
    synthetic: bool = False
    images_may_be_shown: bool = False
    framing: Framing | None = None


@dataclass
class FaceIndex:
    """What a data set knows before an image is opened.

    Attributes:
        frame: One row an image, with the columns ``image`` (a unique id; for files the path below
            the root), ``split`` (train, valid or test), ``identity`` (a namespaced string, NA if
            unknown), and the label columns of the tasks: ``<task>.<attribute>`` (1, 0 or NA) for
            attributes, ``<task>`` (a class name, a number, or NA) for classes and scalars.
        points: Named point sets beside the frame, each float32 ``(len(frame), P, 2)`` in pixels
            (x, y) of the original image, NaN where unknown. The names in use are ``wflw98``,
            ``dlib68`` and ``landmarks5`` (image-left eye, image-right eye, nose tip, image-left
            and image-right mouth corner).
        notes: What a user should be told about what was left out or assumed, one line each.
    """

    frame: pd.DataFrame
    points: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Dataset(Plugin):
    """A data set. Override ``index`` (and ``read`` where images are not files).

    Decoding in bulk, packing, augmenting and caching are the core's.
    """

    info: ClassVar[DatasetInfo]
    needs_root: ClassVar[bool] = True
    """Whether a data root is required; drawn faces need none."""
    default_tasks: ClassVar[tuple[str, ...]] = ()
    """Names of the tasks that are trained where a benchmark names none; empty is all of them."""

    def tasks(self) -> tuple[Task, ...]:
        """Return everything that can be predicted from this data set."""
        raise NotImplementedError

    def refused_tasks(self) -> dict[str, str]:
        """Return tasks that are not offered although one might ask for them, and why not."""
        return {}

    def index(self, root: Path | None) -> FaceIndex:
        """Read the labels (not the images) under ``root``.

        Args:
            root: The data set's own folder, found by :meth:`locate`; None if no root is needed.

        Raises:
            UserError: A file is missing or malformed; the message names it and its line.
        """
        raise NotImplementedError

    def locate(self, data_root: Path) -> Path | None:
        """Return this data set's folder for what the user gave, or None if it is not there.

        The default accepts the folder that holds ``<name>/`` and that folder itself, if the
        latter carries the data set's name. Override it to recognise a layout by its files.
        """
        if (data_root / self.name).is_dir():
            return data_root / self.name
        return data_root if data_root.name.lower() == self.name.lower() else None

    def sizes(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the bytes of each image as stored, so that an exchanged one is noticed.

        -1 stands for an image without a file of its own (drawn ones). Override it together with
        :meth:`read`.
        """
        if root is None:
            return [-1] * len(images)
        prefix = f"{root}{os.sep}"
        return [_size(prefix + image) for image in images]

    def stamps(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return a number for each image that is another one whenever its file was written to.

        So that an image is noticed that was exchanged for another of as many bytes. The default
        is :func:`file_stamp`, and -1 for an image without a file of its own. Override it, and
        :meth:`checksums`, where images are parts of a file.
        """
        if root is None:
            return [-1] * len(images)
        prefix = f"{root}{os.sep}"
        return [file_stamp(prefix + image) for image in images]

    def checksums(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the CRC-32 of the bytes of each image as stored, -1 for one without a file.

        Asked of all images when they are first packed, then of those whose stamp is another; in
        forked processes, as :meth:`read` is.
        """
        if root is None:
            return [-1] * len(images)
        prefix = f"{root}{os.sep}"
        return [file_checksum(prefix + image) for image in images]

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Return one image, uint8 ``(H, W, 3)`` in RGB.

        Args:
            root: As for :meth:`index`.
            row: The image's row of the index, as a named tuple (``row.image``, ``row.Index``).

        Raises:
            UserError: The image is missing or does not decode; the message names it.
        """
        import cv2

        if root is None:
            raise UserError(f"data set '{self.name}' reads files but was given no data root.")
        path = root / row.image
        try:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        except cv2.error:  # its header asks for more pixels than OpenCV makes
            image = None
        if image is None:
            state = "does not decode" if path.exists() else "is missing"
            raise UserError(f"image {path} {state}.")
        rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
        return rgb


def read_index(dataset: Dataset, root: Path | None) -> FaceIndex:
    """Return a data set's index; one without points or notes may be a bare DataFrame."""
    index = dataset.index(root)
    return index if isinstance(index, FaceIndex) else FaceIndex(index)


def file_stamp(path: str) -> int:
    """Return the sum of a file's two times of change, in ns; -1 where there is none.

    A program can set the time of the last writing back, but not the system's own time of change;
    some network file systems have only the first.
    """
    try:
        state = os.stat(path)
    except OSError:
        return -1
    return (state.st_mtime_ns + state.st_ctime_ns) % 2**62


def file_checksum(path: str) -> int:
    """Return the CRC-32 of a file's bytes, -1 where it cannot be read."""
    value = 0
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                value = zlib.crc32(chunk, value)
    except OSError:
        return -1
    return value


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
