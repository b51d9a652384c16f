"""Opens a finished cell with images of its test split, for figures that look at faces."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.data.batches import Batch
from farbench.data.mask_bits import StoredMasks, load_masks
from farbench.data.pack import PackedImages, resize
from farbench.data.randomness import permutation, stream_key
from farbench.data.source import Source
from farbench.errors import UserError
from farbench.figures.request import FigureRequest
from farbench.masks.regions import region_boxes
from farbench.running.trained import TrainedCell, load_trained
from farbench.running.trained_masks import stored_masks
from farbench.store.artifacts import ArtifactStore, default_cache
from farbench.tables.cells import CellResult
from farbench.tables.results import PlannedRow, Results

Wanted = Callable[[CellResult], bool]


@dataclass(frozen=True)
class MaskArtifact:
    """What the cache holds of the masks that a cell was made with.

    Attributes:
        masks: Of all images of the source, at area 1.
        regions: Region of each group.
        recipe: What the masks were made of.
    """

    masks: StoredMasks
    regions: tuple[str, ...]
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Faces:
    """Some test images of a cell.

    Attributes:
        row: The cell's row.
        cell: The cell, loaded.
        source: The images that it saw.
        store: The cache.
        positions: ``(N,)``, where the images stand in the source.
    """

    row: PlannedRow
    cell: TrainedCell
    source: Source
    store: ArtifactStore
    positions: NDArray[np.int64]

    def first(self, count: int) -> Faces:
        """Return the first of them."""
        return Faces(self.row, self.cell, self.source, self.store, self.positions[:count])

    @functools.cached_property
    def originals(self) -> tuple[NDArray[np.uint8], ...]:
        """The images as the data set has them, each uint8 ``(H, W, 3)``."""
        return tuple(self.source.read(int(position)) for position in self.positions)

    @functools.cached_property
    def artifact(self) -> MaskArtifact:
        """The masks as the mask network predicted them.

        Raises:
            UserError: The cache does not hold them.
        """
        key: str = self.cell.record["masks"]["key"]
        meta = self.store.meta("masks", key)
        if meta is None:
            raise self._gone(f"the masks of {self.cell.folder} (masks/{key[:8]}...)")
        recipe: dict[str, Any] = meta["identity"]["recipe"]
        names, regions = zip(*recipe["groups"], strict=True)
        side = recipe["protocol"]["stored_size"]
        masks = load_masks(self.store.folder("masks", key), names, side)
        return MaskArtifact(masks, regions, recipe)

    def masks(self) -> NDArray[np.uint8]:
        """Return the predicted masks of the images, uint8 ``(N, G, s, s)`` in {0, 1}.

        They are those of the mask network, whatever area the cell's method asks for.
        """
        return np.ascontiguousarray(self.artifact.masks.read(self.positions).transpose(0, 3, 1, 2))

    def boxes(self, group: int) -> NDArray[np.float32]:
        """Return the boxes round the keypoints of a group, ``(N, B, 4)`` in original pixels.

        They are those that the mask network learnt: made in the frame of the packed image, which
        may be squeezed. NaN where no face was found.

        Raises:
            UserError: The cache does not hold the keypoints.
        """
        sizes = np.array([image.shape[:2] for image in self.originals], np.int32)
        side = self.cell.protocol.resize
        packed = PackedImages(np.empty((0, side, side, 3), np.uint8), sizes, {})
        boxes = region_boxes(packed.to_packed(self._points), self.artifact.regions[group])
        factor = np.tile(sizes[:, ::-1], 2)[:, None] / side
        return np.asarray((boxes + 0.5) * factor - 0.5, np.float32)

    @functools.cached_property
    def _points(self) -> NDArray[np.float32]:
        wanted = self.artifact.recipe["points"]
        for done in sorted((self.store.root / "points").glob("*/artifact.json")):
            meta = self.store.meta("points", done.parent.name)
            if meta is not None and meta["identity"]["recipe"] == wanted:
                points: NDArray[np.float32] = np.load(done.parent / "points.npy")[self.positions]
                return points
        raise self._gone(f"the keypoints behind the masks of {self.cell.folder}")

    def batches(self, size: int = 50) -> Iterator[Batch]:
        """Yield the images as the cell's network sees them in evaluation, in order.

        Raises:
            UserError: The cache does not hold the masks that the network is called with.
        """
        side = self.cell.protocol.resize
        stored = stored_masks(self.cell, self.store)
        for start in range(0, len(self.positions), size):
            chosen = self.positions[start : start + size]
            pixels = np.stack([resize(self.source.read(int(one)), side) for one in chosen])
            masks = None
            if stored is not None:
                masks = StoredMasks(stored.bits[chosen], stored.groups, stored.side)
            yield from self.cell.batches(pixels, masks).evaluate(np.arange(len(chosen)), size)

    def _gone(self, what: str) -> UserError:
        return UserError(
            f"the cache {self.store.root} does not hold {what}. Set FARBENCH_CACHE to the cache "
            "that the cell was run with, or run the row again with --results and another folder: "
            f"`farbench run ... --rows {self.row.id}`."
        )


def open_faces(request: FigureRequest, row: PlannedRow, found: CellResult, images: int) -> Faces:
    """Load a cell and choose the first images of its test split in a seeded order.

    The order depends on the size of the split alone, so rows of one data set show the same faces.

    Args:
        request: Gives plugins and data root.
        row: The cell's row.
        found: The cell.
        images: How many, at most.

    Raises:
        UserError: The cell cannot be loaded, or its data is not there.
    """
    if request.registry is None:
        raise ValueError("a figure of faces needs the plugins")
    cell = load_trained(next(iter(found.folders.values())), request.registry, "cpu")
    source = cell.open_source(request.data_root)
    test = source.positions("test", cell.tasks)
    order = permutation(stream_key("figure", "test"), len(test))
    return Faces(row, cell, source, ArtifactStore(default_cache()), test[order[:images]])


def open_masked(request: FigureRequest, results: Results, images: int) -> Faces:
    """Load the first row with masks that is asked for, and test images of it.

    Args:
        request: Names rows and data set; gives plugins and data root.
        results: The benchmark's results.
        images: How many, at most, where the request does not say.

    Raises:
        UserError: No cell has masks, it cannot be loaded, or its data is not there.
    """
    ((row, found), *_) = choose_cells(request, results, has_masks, "masks")
    return open_faces(request, row, found, request.images or images)


def choose_cells(
    request: FigureRequest, results: Results, wanted: Wanted, what: str
) -> list[tuple[PlannedRow, CellResult]]:
    """Return the cell of the first seed of every row to draw, all of one data set.

    Args:
        request: Names rows and data set; without one, the first with such a cell is drawn.
        results: The benchmark's results.
        wanted: Whether a finished cell has what the figure draws.
        what: What that is, for the error ("masks").

    Raises:
        UserError: There is no such cell.
    """
    for dataset in request.datasets_of(results):
        cells = []
        for row in request.rows_of(results):
            finished = [cell for cell in results.of(row.id, dataset) if cell.finished]
            if finished and wanted(finished[0]):
                cells.append((row, finished[0]))
        if cells:
            return cells
    raise no_cell(request, results, what)


def no_cell(request: FigureRequest, results: Results, what: str) -> UserError:
    """Return the error where no cell has what a figure draws."""
    asked = f" of {', '.join(request.rows)}" if request.rows else ""
    masks = " Rows with masks are those of `ablation`, for one." if what == "masks" else ""
    return UserError(f"no finished cell{asked} in {results.folder} has {what}.{masks}")


def has_masks(cell: CellResult) -> bool:
    """Return whether a cell's method asks for masks."""
    return bool(cell.record.get("masks"))
