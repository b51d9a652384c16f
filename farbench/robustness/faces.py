"""The test images that a cell is evaluated on: the first N by a fixed shuffle, or all."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.benchmark.identity import digest
from farbench.data.pack import PackedImages, resize
from farbench.data.randomness import permutation, stream_key
from farbench.data.source import Source
from farbench.tasks.base import Task


@dataclass(frozen=True)
class TestFaces:
    """Test images with their labels; opened when they are first read.

    Attributes:
        source: The data set as the cell saw it.
        positions: int64 ``(N,)``, where the images stand in it.
        side: R, side of the packed images.
        packed: The packed images of the source; without them the chosen ones are opened and held
            in memory.
        ids: Their N ids.
        labels: By task.
        digest: What tells these images from others.
    """

    __test__ = False  # no test class of pytest's

    source: Source
    positions: NDArray[np.int64]
    side: int
    packed: PackedImages | None
    ids: Sequence[str]
    labels: Mapping[str, NDArray[Any]]
    digest: str

    def __len__(self) -> int:
        return len(self.positions)

    def read(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Return some of the images, uint8 ``(stop - start, R, R, 3)``.

        Raises:
            UserError: An image does not open.
        """
        if self.packed is not None:
            return np.asarray(self.packed.pixels[self.positions[start:stop]])
        return self._opened[0][start:stop]

    @property
    def sizes(self) -> NDArray[np.int32]:
        """Height and width of the originals, int32 ``(N, 2)``."""
        return self._opened[1] if self.packed is None else self.packed.sizes[self.positions]

    @functools.cached_property
    def _opened(self) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        pixels = np.empty((len(self), self.side, self.side, 3), np.uint8)
        sizes = np.empty((len(self), 2), np.int32)
        for number, position in enumerate(self.positions):
            original = self.source.read(int(position))
            sizes[number] = original.shape[:2]
            pixels[number] = resize(original, self.side)
        return pixels, sizes


def choose_faces(
    source: Source,
    tasks: Sequence[Task],
    images: int | None,
    side: int,
    packed: PackedImages | None = None,
) -> TestFaces:
    """Return the images of the test split that carry a task: all, or the first N.

    Args:
        source: The data set as the cell saw it.
        tasks: What the cell predicts.
        images: N; None is all.
        side: R, side of the packed images.
        packed: The packed images of the source, if they are there.
    """
    positions = source.positions("test", tasks)
    if images is not None:
        order = permutation(stream_key("images", "test"), len(positions))
        positions = np.sort(positions[order[:images]])
    ids = [str(name) for name in source.index.frame["image"].iloc[positions]]
    labels = {task.name: source.labels(task)[positions] for task in tasks}
    key = digest([source.manifest, side, ids])
    return TestFaces(source, positions, side, packed, ids, labels, key)
