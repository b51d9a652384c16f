"""Face images as JPEG files of 178 x 218 pixels: CelebA's, or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from farbench.errors import UserError
from farbench.plugins.manager import load_plugins


def jpeg_files(count: int, folder: Path, data_root: Path | None = None) -> list[Path]:
    """Return so many files.

    Args:
        count: How many.
        folder: Where drawn faces are written.
        data_root: The folder that holds ``celeba/img_align_celeba``; None draws faces.

    Raises:
        UserError: CelebA is not there, or has fewer images.
    """
    if data_root is not None:
        place = data_root / "celeba" / "img_align_celeba"
        found = sorted(place.glob("*.jpg"))[:count]
        if len(found) < count:
            raise UserError(
                f"{place} has {len(found)} JPEG files, and {count} are needed. Give the folder "
                "that holds celeba/ with --data-root DIR, or leave it out for drawn faces."
            )
        return found
    folder.mkdir(parents=True)
    drawn: Any = load_plugins(()).datasets["synthetic_faces"].value
    faces = drawn(train=count, valid=1, test=1)
    files = []
    for row in faces.index(None).frame.head(count).itertuples():
        files.append(folder / f"{row.Index:06d}.jpg")
        Image.fromarray(faces.read(None, row)).save(files[-1], quality=95)
    return files
