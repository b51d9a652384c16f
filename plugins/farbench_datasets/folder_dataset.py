"""What data sets of image files have in common: finding their folder, gaps, ids below a base."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import Dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IMAGE_NAME = re.compile(r"[^./\\][^/\\]*\.(jpe?g|png)\Z", re.IGNORECASE)
"""An image's name: no separators, so that a label never points out of its folder; not hidden."""

_LISTED = 5
"""How many file names a note or an error gives as examples."""


class FolderDataset(Dataset):
    """A data set of image files below one folder, in one of several layouts.

    Image ids are paths below the *base*: the folder that holds the images in the layout that was
    found. So an image has the same id (and lot in a seeded split) wherever the base lies.
    """

    folders: ClassVar[tuple[str, ...]] = ()
    """Names under which the data set's folder is looked for below a data root."""

    on_mismatch: Literal["skip", "error"] = Field(
        "skip",
        description="What to do with what does not fit together (labels without image, images "
        "without label): skip leaves it out and says how many, error stops.",
    )

    def base(self, root: Path) -> Path | None:
        """Return the folder that image ids are relative to, or None if there are no images."""
        raise NotImplementedError

    def recognises(self, folder: Path) -> bool:
        """Return whether this data set lies in a folder of any name."""
        return self.base(folder) is not None

    def locate(self, data_root: Path) -> Path | None:
        """Return the data set's folder: just below ``data_root``, or it itself, by its files."""
        candidates = [*(data_root / name for name in self.folders), data_root]
        for folder in candidates:
            if self.recognises(folder):
                return folder
        # A folder of the right name without the right files: `index` says which one is missing.
        names = {name.lower() for name in self.folders}
        for folder in candidates:
            if folder.is_dir() and folder.name.lower() in names:
                return folder
        return None

    def sizes(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the bytes of each image file."""
        return super().sizes(self.found(root), images)

    def stamps(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return when each image file was last changed."""
        return super().stamps(self.found(root), images)

    def checksums(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the CRC-32 of each image file."""
        return super().checksums(self.found(root), images)

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Return one image, uint8 ``(H, W, 3)`` in RGB; grey ones have three equal channels."""
        return super().read(self.found(root), row)

    def found(self, root: Path | None) -> Path:
        """Return the base.

        Raises:
            UserError: There is none; the message holds the steps.
        """
        if root is None:
            raise UserError(f"data set '{self.name}' needs a data root.\n{self.info.how_to_get}")
        base = self.base(root)
        if base is None:
            raise UserError(
                f"{self.info.title}'s images are not in {root}.\n{self.info.how_to_get}"
            )
        return base

    def left_out(self, gaps: Mapping[str, Sequence[str]], notes: list[str]) -> None:
        """Note what is left out, a line each with its count and examples.

        Args:
            gaps: What is wrong -> the names that are left out for it.
            notes: The lines are added here.

        Raises:
            UserError: Something is left out and ``on_mismatch`` is error.
        """
        lines = [
            f"{len(names):,} {what} and are left out: {examples(names)}."
            for what, names in gaps.items()
            if names
        ]
        if lines and self.on_mismatch == "error":
            raise UserError(
                f"{self.name}: {' '.join(lines)} Set on_mismatch: skip to go on without them."
            )
        notes.extend(lines)


def image_names(folder: Path) -> list[str]:
    """Return the sorted names of the images in a folder: one scan, no look-up a file."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if IMAGE_NAME.match(entry.name))


def sub_folders(folder: Path) -> dict[str, Path]:
    """Return the folders below a folder by their names in lower case; empty if it is none."""
    try:
        with os.scandir(folder) as entries:
            return {e.name.lower(): Path(e.path) for e in entries if e.is_dir()}
    except OSError:
        return {}


def examples(names: Sequence[str]) -> str:
    """Return the first few names, and whether there are more."""
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
