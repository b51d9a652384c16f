"""Batches: the same samples however they are cut, and a reading thread that behaves."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_parts import NO_CHANGE, colour_batches, colour_targets

from farbench.benchmark.schema import Augmentation
from farbench.data.batches import Batch, Batches
from farbench.data.mask_bits import StoredMasks, to_bits

STRONG = Augmentation(crop="random", flip=0.5, rotation=40, rotation_probability=0.8)
POSITIONS = np.arange(3, 30)


def with_masks(batch_size: int, groups: int = 5) -> Batches:
    """Images whose masks (24 px for 48) show where each colour is."""
    rng = np.random.default_rng(0)
    masks = np.zeros((30, groups, 24, 24), np.uint8)
    for n in range(30):
        for g in range(groups):
            y, x = rng.integers(4, 12, 2)
            masks[n, g, y : y + 8, x : x + 8] = 1
    # An image shows the masks of its first three groups as its colours.
    pixels = 255 * masks[:, :3].transpose(0, 2, 3, 1).repeat(2, axis=1).repeat(2, axis=2)
    if groups < 3:
        pixels = pixels[..., :1].repeat(3, axis=3)
    targets = rng.integers(-1, 2, (30, 4)).astype(np.int8)
    stored = StoredMasks(to_bits(masks), tuple("abcdefghi"[:groups]), 24)
    images = np.ascontiguousarray(pixels)
    return Batches(images, colour_targets(targets), stored, 40, 10, batch_size)


def by_position(batches: Iterable[Batch]) -> dict[int, tuple[bytes, bytes, bytes]]:
    found = {}
    for batch in batches:
        for i, position in enumerate(batch.positions):
            masks = batch.masks[i].numpy().tobytes() if batch.masks is not None else b""
            row = (
                batch.images[i].numpy().tobytes(),
                masks,
                batch.targets["colours"][i].numpy().tobytes(),
            )
            assert position not in found
            found[int(position)] = row
    return found


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "farbench-batches"]


def test_a_sample_is_the_same_whatever_the_batch_size() -> None:
    runs = [
        by_position(with_masks(size).train(POSITIONS, STRONG, 0, "joint", 2)) for size in (4, 9, 27)
    ]
    assert list(runs[0]) == list(runs[1]) == list(runs[2])  # the same order too
    assert runs[0] == runs[1] == runs[2]
    assert sorted(runs[0]) == POSITIONS.tolist()
    assert list(runs[0]) != POSITIONS.tolist()
    other = by_position(with_masks(9).train(POSITIONS, STRONG, 0, "joint", 3))
    assert list(other) != list(runs[0])
    assert other != runs[0]
    for seed, stage in ((1, "joint"), (0, "groups")):
        assert by_position(with_masks(9).train(POSITIONS, STRONG, seed, stage, 2)) != runs[0]


def test_shapes_and_types() -> None:
    batch = next(iter(with_masks(4).train(POSITIONS, STRONG, 0, "joint", 1)))
    assert (batch.images.dtype, tuple(batch.images.shape)) == (torch.uint8, (4, 40, 40, 3))
    assert batch.masks is not None
    assert (batch.masks.dtype, tuple(batch.masks.shape)) == (torch.uint8, (4, 5, 10, 10))
    assert set(batch.masks.unique().tolist()) == {0, 1}
    targets = batch.targets["colours"]
    assert (targets.dtype, tuple(targets.shape)) == (torch.int8, (4, 4))


def test_evaluation_is_in_order_and_cut_from_the_middle() -> None:
    batches = with_masks(4)
    out = list(batches.evaluate(POSITIONS[::-1], batch_size=10))
    assert np.array_equal(np.concatenate([b.positions for b in out]), POSITIONS[::-1])
    assert [len(b.images) for b in out] == [10, 10, 7]
    images = torch.cat([b.images for b in out]).numpy()
    assert np.array_equal(images, batches.pixels[POSITIONS[::-1], 4:44, 4:44])
    targets = torch.cat([b.targets["colours"] for b in out]).numpy()
    assert np.array_equal(targets, batches.targets.values["colours"][POSITIONS[::-1]])
    assert by_position(batches.evaluate(POSITIONS)) == by_position(out)
    assert len(list(batches.evaluate(POSITIONS[:1]))) == 1  # a single image is scored


@pytest.mark.parametrize("groups", [3, 5, 9])
def test_masks_move_with_the_image(groups: int) -> None:
    for batch in with_masks(9, groups).train(POSITIONS, STRONG, 0, "joint", 1):
        assert batch.masks is not None
        shown = batch.images.numpy().reshape(9, 10, 4, 10, 4, 3).mean((2, 4)) > 127
        got = batch.masks[:, :3].numpy().transpose(0, 2, 3, 1).astype(bool)
        overlap = (shown & got).sum((1, 2)) / (shown | got).sum((1, 2))
        assert overlap.mean() > 0.85
        assert overlap.min() > 0.5
        assert batch.masks.shape[1] == groups


def test_every_mask_keeps_its_group() -> None:
    batches = with_masks(30, 9)
    assert batches.masks is not None
    whole = dataclasses.replace(batches, crop=48, mask_side=24)
    (batch,) = whole.train(np.arange(30), NO_CHANGE, 0, "joint", 1)
    assert batch.masks is not None
    stored = batches.masks.read(batch.positions).transpose(0, 3, 1, 2)
    assert np.array_equal(batch.masks.numpy(), stored)


def test_half_a_pixel_is_kept_and_less_is_not() -> None:
    mask = np.zeros((1, 1, 16, 16), np.uint8)
    mask[0, 0, :, :3] = 1  # half of the second column of pairs
    mask[0, 0, 0, 8] = 1  # a quarter of a block
    stored = StoredMasks(to_bits(mask), ("a",), 16)
    targets = colour_targets(np.zeros((1, 4), np.int8))
    batches = Batches(np.zeros((1, 16, 16, 3), np.uint8), targets, stored, 16, 8, 4)
    (batch,) = batches.evaluate(np.arange(1))
    assert batch.masks is not None
    assert batch.masks[0, 0].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]] * 8


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7])
def test_steps_are_the_batches_and_no_batch_of_one_is_left_over(batch_size: int) -> None:
    batches = colour_batches(30, batch_size)
    for count in range(1, 24):
        sizes = [len(b.images) for b in batches.train(np.arange(count), NO_CHANGE, 0, "joint", 1)]
        assert len(sizes) == batches.steps(count), count
        lost = batch_size > 1 and count > batch_size and count % batch_size == 1
        assert sum(sizes) == count - lost
        assert max(sizes) <= batch_size
        assert 1 not in sizes or batch_size == 1 or count == 1


class Torn:
    """Pixels that cannot be read at one position."""

    shape = (30, 20, 20, 3)

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        if i == 11:
            raise OSError("the disk is gone")
        return np.zeros((20, 20, 3), np.uint8)


def test_an_error_of_the_reading_thread_surfaces() -> None:
    batches = dataclasses.replace(colour_batches(30, 4), pixels=Torn())  # type: ignore[arg-type]
    seen = 0
    with pytest.raises(OSError, match="the disk is gone"):  # noqa: PT012 - counts before it
        for batch in batches.evaluate(np.arange(30), batch_size=4):
            seen += len(batch.images)
    assert seen == 8
    assert threads() == []


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_stopping_early_leaves_no_thread(taken: int) -> None:
    stream = colour_batches(30, 2).train(np.arange(30), NO_CHANGE, 0, "joint", 1)
    for _ in range(taken):
        next(stream)
    assert len(threads()) == (taken > 0)
    stream.close()  # type: ignore[attr-defined]
    assert threads() == []
    assert len(list(colour_batches(30, 2).evaluate(np.arange(30)))) == 1
    assert threads() == []
