"""Anyone's pictures: which files are meant, and how one is read."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from farbench.errors import UserError
from farbench.limits import PICTURE, read_whole

SUFFIXES = frozenset(
    ".avif .bmp .gif .jpeg .jpg .jp2 .jpe .pgm .png .ppm .tif .tiff .webp".split()  # noqa: SIM905
)
"""What is taken for a picture in a folder; a file that is named itself is tried whatever it is."""


@dataclass(frozen=True)
class Pictures:
    """The pictures that were asked for.

    Attributes:
        files: Each once, in the order asked for; those of a folder sorted by name.
        passed_over: Files of the folders that are no pictures by their suffix.
        repeated: Files that were asked for more than once.
    """

    files: tuple[Path, ...]
    passed_over: tuple[Path, ...]
    repeated: tuple[Path, ...]


def find_pictures(asked: Sequence[str]) -> Pictures:
    """Return the pictures that files, folders and patterns (``faces/*.jpg``, ``**``) stand for.

    Folders are searched to the bottom; hidden files and folders in them are left alone.

    Raises:
        UserError: Something does not exist, or there is no picture at all.
    """
    found: list[Path] = []
    passed_over: list[Path] = []
    for word in asked:
        path = Path(word).expanduser()
        if path.is_dir():
            files = [file for file in _below(path) if file.is_file()]
            found += [file for file in files if file.suffix.lower() in SUFFIXES]
            passed_over += [file for file in files if file.suffix.lower() not in SUFFIXES]
        elif path.exists():
            found.append(path)
        else:
            matched = sorted(glob.glob(str(path), recursive=True))
            if not matched:
                raise UserError(f"{word}: there is no such file or folder, and nothing matches it.")
            found += [Path(one) for one in matched if Path(one).is_file()]
    once: dict[str, Path] = {}
    repeated = []
    for file in found:
        if once.setdefault(os.path.realpath(file), file) is not file:
            repeated.append(file)
    if not once:
        raise UserError(
            f"no pictures in {', '.join(asked)}; files that count in a folder end in "
            f"{', '.join(sorted(SUFFIXES))}."
        )
    return Pictures(tuple(once.values()), tuple(passed_over), tuple(repeated))


def _below(folder: Path) -> list[Path]:
    """Return what is in a folder and in those below it, sorted, without what is hidden."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture as data sets read theirs, uint8 ``(H, W, 3)`` RGB, turned as EXIF says.

    Grey, 16-bit, CMYK and palette pictures become RGB; what is transparent becomes white; of an
    animation the first picture is taken.

    Raises:
        UserError: It cannot be opened or does not decode; the message names it.
    """
    try:
        data = read_whole(path, PICTURE)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if not data:
        raise UserError(f"{path} is empty.")
    if _see_through(data):
        return _on_white(data)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:  # larger than OpenCV allows
        raise UserError(f"{path} does not decode: {error.err}.") from error
    if pixels is None:
        raise UserError(f"{path} does not decode: it is damaged, or no picture.")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _see_through(data: bytes) -> bool:
    """Tell whether a picture has pixels that let the ground through; reads little of most."""
    try:
        with Image.open(BytesIO(data)) as picture:
            if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
                return False
            lowest, _ = picture.convert("RGBA").getchannel("A").getextrema()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False  # OpenCV judges what Pillow cannot open
    return isinstance(lowest, int) and lowest < 255


def _on_white(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data)) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGBA")
    ground = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(ground, upright).convert("RGB"))
