"""CelebA's images: in a folder, or in the zip as it was downloaded."""

from __future__ import annotations

import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.limits import PICTURE, read_whole, too_large
from farbench.plugins.dataset import file_checksum, file_stamp
from farbench_datasets.celeba_files import IMAGE_NAME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FOLDERS = (
    "img_align_celeba/img_align_celeba",
    "img_align_celeba",
    "Img/img_align_celeba/img_align_celeba",
    "Img/img_align_celeba",
)
_ZIPS = ("img_align_celeba.zip", "Img/img_align_celeba.zip")
_SUFFIXES = (".jpg", ".png")


@dataclass(frozen=True)
class CelebAImages:
    """Where the images are: a folder, or a zip whose members are read in place.

    Attributes:
        where: The folder or the zip.
        names: The image names found there.
        members: For a zip, the member of each name.
    """

    where: Path
    names: frozenset[str]
    members: dict[str, str] = field(default_factory=dict)

    def sizes(self, names: Iterable[str]) -> list[int]:
        """Return the bytes of each image, so that an exchanged one is noticed; -1 if missing."""
        if self.members:
            held = {info.filename: info.file_size for info in self._listed()}
            return [held.get(self.members.get(name, ""), -1) for name in names]
        with os.scandir(self.where) as entries:
            found = {entry.name: entry.stat().st_size for entry in entries}
        return [found.get(name, -1) for name in names]

    def stamps(self, names: Sequence[str]) -> list[int]:
        """Return a number of each image that changes with it; -1 if missing.

        A zip lists the CRC-32 of its members, so their stamps are their checksums.
        """
        if self.members:
            return self.checksums(names)
        return [file_stamp(f"{self.where}/{name}") for name in names]

    def checksums(self, names: Sequence[str]) -> list[int]:
        """Return the CRC-32 of each image's bytes; -1 if missing."""
        if self.members:
            held = {info.filename: info.CRC for info in self._listed()}
            return [held.get(self.members.get(name, ""), -1) for name in names]
        return [file_checksum(f"{self.where}/{name}") for name in names]

    def _listed(self) -> list[zipfile.ZipInfo]:
        return _open_zip(self.where).infolist()

    def read(self, name: str) -> NDArray[np.uint8]:
        """Decode one image to uint8 ``(H, W, 3)`` RGB.

        Raises:
            UserError: It is missing or does not decode.
        """
        import cv2
        import numpy as np

        if name not in self.names:
            raise UserError(f"image {name} is missing in {self.where}.")
        try:
            if self.members:
                archive = _open_zip(self.where)
                member = archive.getinfo(self.members[name])
                if member.file_size > PICTURE:
                    raise too_large(self.where / name, member.file_size, PICTURE)
                data = archive.read(member)
            else:
                data = read_whole(self.where / name, PICTURE)
        except FileNotFoundError as error:
            raise UserError(f"image {self.where / name} is missing.") from error
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            raise UserError(f"image {name} of {self.where} cannot be read: {error}.") from error
        try:
            image = (
                cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
                if data
                else None
            )
        except cv2.error:  # its header asks for more pixels than OpenCV makes
            image = None
        if image is None:
            raise UserError(f"image {self.where / name} does not decode.")
        rgb: NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return rgb


def find_images(root: Path) -> CelebAImages | None:
    """Return the first folder with images in it, else the zip, else None.

    One scan of the directory, not one look-up an image: 200,000 files take about 0.2 s. The answer
    is kept until the folder or the zip changes.
    """
    for name in _FOLDERS:
        folder = root / name
        if folder.is_dir() and (images := _scan_folder(folder, folder.stat().st_mtime_ns)).names:
            return images
    for name in _ZIPS:
        path = root / name
        if path.is_file():
            return _scan_zip(path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=8)
def _scan_folder(folder: Path, changed: int) -> CelebAImages:
    with os.scandir(folder) as entries:
        names = frozenset(entry.name for entry in entries if entry.name.lower().endswith(_SUFFIXES))
    return CelebAImages(folder, names)


@lru_cache(maxsize=4)
def _scan_zip(path: Path, changed: int) -> CelebAImages:
    members: dict[str, str] = {}
    for member in _open_zip(path).namelist():
        name = member.rsplit("/", 1)[-1]
        # Members are only ever read into memory; archives made on a Mac carry ._ doubles.
        if IMAGE_NAME.match(name) and not name.startswith(".") and "__MACOSX" not in member:
            members[name] = member
    return CelebAImages(path, frozenset(members), members)


_zip_lock = threading.Lock()


def _open_zip(path: Path) -> zipfile.ZipFile:
    """Return this process's open handle: a forked worker must not share the file's position."""
    now = path.stat()
    with _zip_lock:
        return _opened(path, now.st_mtime_ns, now.st_size, os.getpid())


@lru_cache(maxsize=2)
def _opened(path: Path, changed: int, size: int, process: int) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is not a readable zip ({error}); an interrupted download? Get it again."
        ) from error
