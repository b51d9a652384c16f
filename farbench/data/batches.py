"""From packed images to batches: gather, one warp a sample, labels beside it, read ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farbench.benchmark.schema import Augmentation
from farbench.data import geometry
from farbench.data.mask_bits import StoredMasks
from farbench.data.on_device import DeviceWarp, Prepared
from farbench.data.online_masks import OnlineMasks
from farbench.data.randomness import permutation, stream_key
from farbench.data.targets import Targets

T = TypeVar("T")


@dataclass(frozen=True)
class Batch:
    """One batch, in host memory or where its images were warped.

    Attributes:
        images: uint8 ``(N, S, S, 3)`` RGB.
        masks: uint8 ``(N, G, s, s)`` in {0, 1}, or None.
        targets: By task, as the contract of losses has them but for the dtype.
        positions: int64 ``(N,)``, where the samples stand in the source.
        predict_masks: Makes the masks from the images where the network runs, if they are
            predicted in every step; then ``masks`` is None.
    """

    images: Tensor
    masks: Tensor | None
    targets: dict[str, Tensor]
    positions: NDArray[np.int64]
    predict_masks: Callable[[Tensor], Tensor] | None = None

    def pinned(self) -> Batch:
        """Return it in pinned memory: from any other, a copy to a GPU makes the host wait."""
        return replace(
            self,
            images=self.images.pin_memory(),
            masks=None if self.masks is None else self.masks.pin_memory(),
            targets={name: target.pin_memory() for name, target in self.targets.items()},
        )


@dataclass(frozen=True)
class Batches:
    """Makes the batches of one data set.

    Attributes:
        pixels: uint8 ``(N, R, R, 3)``, usually a memory map.
        targets: The targets of all images.
        masks: Where the method asks for masks: those stored, or what predicts them.
        crop: S, side of the output.
        mask_side: s, side of the warped masks.
        batch_size: Samples a batch; the last one may be smaller, but a single sample left over is
            not trained on (BatchNorm cannot train on a single sample of a 1x1 map).
        on_device: Warps whole batches on a device; None warps image by image in OpenCV.
        part: Gives, of N images of a training batch, those whose pixels and masks are made here;
            the others are another process's. Targets are always of all.
        pin: Put batches that OpenCV warps where a GPU reads them without the processor.
    """

    pixels: NDArray[np.uint8]
    targets: Targets
    masks: StoredMasks | OnlineMasks | None
    crop: int
    mask_side: int
    batch_size: int
    on_device: DeviceWarp | None = None
    pin: bool = False
    part: Callable[[int], slice] = slice

    def train(
        self,
        positions: NDArray[np.int64],
        augmentation: Augmentation,
        seed: int,
        stage: str,
        epoch: int,
    ) -> Iterator[Batch]:
        """Yield one epoch in an order and with warps that (seed, stage, epoch) decide."""
        order = positions[permutation(stream_key(seed, stage, epoch, "order"), len(positions))]
        key = stream_key(seed, stage, epoch, "warp")
        packed = self.pixels.shape[1]

        def matrices(chosen: NDArray[np.int64]) -> geometry.Matrices:
            return geometry.random_warp(key, chosen, packed, self.crop, augmentation)

        chunks = self._chunks(order)
        # As many as `steps` says: a last batch of a single image is left out.
        chunks = chunks[: self.steps(len(order))]
        return self._make(matrices, chunks, self.part)

    def evaluate(self, positions: NDArray[np.int64], batch_size: int = 100) -> Iterator[Batch]:
        """Yield the images in order, cropped in the middle."""

        def matrices(chosen: NDArray[np.int64]) -> geometry.Matrices:
            return geometry.center_crop(len(chosen), self.pixels.shape[1], self.crop)

        return self._make(matrices, self._chunks(positions, batch_size), slice)

    def steps(self, images: int) -> int:
        """Return the training steps of an epoch over so many images."""
        whole, rest = divmod(images, self.batch_size)
        return whole + (rest > 1 or (rest == 1 and whole == 0))

    def _chunks(
        self, order: NDArray[np.int64], batch_size: int | None = None
    ) -> list[NDArray[np.int64]]:
        size = batch_size or self.batch_size
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _make(
        self,
        matrices: Callable[[NDArray[np.int64]], geometry.Matrices],
        chunks: list[NDArray[np.int64]],
        part: Callable[[int], slice],
    ) -> Iterator[Batch]:
        """Yield a batch a chunk, made ahead; what a device does is begun where it is used."""
        if self.on_device is None:
            return _read_ahead(
                lambda chosen: self._warp(chosen, matrices(chosen), part(len(chosen))), chunks
            )
        return self._make_on_device(self.on_device, matrices, chunks, part)

    def _make_on_device(
        self,
        device: DeviceWarp,
        matrices: Callable[[NDArray[np.int64]], geometry.Matrices],
        chunks: list[NDArray[np.int64]],
        part: Callable[[int], slice],
    ) -> Iterator[Batch]:
        packed = self.pixels.shape[1]

        def prepare(whole: NDArray[np.int64]) -> tuple[NDArray[np.int64], Prepared]:
            of_images = matrices(whole)
            targets = self.targets.take(whole, of_images, self.crop)
            here = part(len(whole))
            chosen, of_images = whole[here], of_images[here]
            of_masks = bits = None
            if isinstance(self.masks, StoredMasks):
                of_masks = geometry.for_masks(
                    of_images, packed, self.crop, self.masks.side, self.mask_side
                )
                bits = self.masks.bits[chosen]
            return whole, device.prepare(chosen, of_images, targets, of_masks, bits)

        with closing(_read_ahead(prepare, chunks)) as ahead:
            for whole, prepared in ahead:
                images = device.images(prepared, self.crop)
                masks = None
                if isinstance(self.masks, StoredMasks):
                    shape = (len(self.masks.groups), self.masks.side)
                    masks = device.masks(prepared, *shape, self.mask_side)
                yield Batch(images, masks, prepared.targets, whole, self._predict_masks())

    def _warp(self, whole: NDArray[np.int64], of_whole: geometry.Matrices, here: slice) -> Batch:
        chosen, matrices = whole[here], of_whole[here]
        images = geometry.warp(lambda i: self.pixels[chosen[i]], matrices, self.crop, 3)
        masks = None
        if isinstance(self.masks, StoredMasks):
            packed = self.pixels.shape[1]
            maps = geometry.for_masks(matrices, packed, self.crop, self.masks.side, self.mask_side)
            masks = torch.from_numpy(_warp_masks(self.masks, chosen, maps, self.mask_side))
        batch = Batch(
            torch.from_numpy(images),
            masks,
            self.targets.take(whole, of_whole, self.crop),
            whole,
            self._predict_masks(),
        )
        return batch.pinned() if self.pin else batch

    def _predict_masks(self) -> Callable[[Tensor], Tensor] | None:
        """Return what makes the masks of a batch in its step, if they are not stored."""
        if not isinstance(self.masks, OnlineMasks):
            return None
        predict, side = self.masks.predict, self.mask_side
        return lambda images: predict(images, side)


def _warp_masks(
    masks: StoredMasks, chosen: NDArray[np.int64], matrices: geometry.Matrices, side: int
) -> NDArray[np.uint8]:
    """Warp the masks of some samples, four groups at a time (OpenCV's limit).

    Returns:
        uint8 ``(N, G, side, side)`` in {0, 1}: a pixel is kept if at least half of it was.
    """
    stored = masks.read(chosen) * np.uint8(255)
    parts = []
    for first in range(0, stored.shape[-1], 4):
        part = np.ascontiguousarray(stored[..., first : first + 4])
        parts.append(
            geometry.warp(
                part.__getitem__, matrices, side, part.shape[-1], border=cv2.BORDER_CONSTANT
            )
        )
    warped = np.concatenate(parts, axis=-1) >= 128
    return np.ascontiguousarray(warped.transpose(0, 3, 1, 2)).view(np.uint8)


def _read_ahead(
    make: Callable[[NDArray[np.int64]], T], chunks: list[NDArray[np.int64]], depth: int = 2
) -> Generator[T, None, None]:
    """Make batches in a thread of their own, a few ahead of the step that uses them."""
    ready: queue.Queue[T | BaseException | None] = queue.Queue(depth)
    stop = threading.Event()

    def work() -> None:
        try:
            for chunk in chunks:
                if stop.is_set():
                    return
                ready.put(make(chunk))
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=work, daemon=True, name="farbench-batches")
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        while thread.is_alive():
            try:
                ready.get_nowait()
            except queue.Empty:
                thread.join(0.01)
