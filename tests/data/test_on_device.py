"""Batches warped on a device are those that OpenCV makes, wherever the images lie."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import test_batches
import torch
from tiny_parts import colour_batches

from farbench.data import placement
from farbench.data.batches import Batch, Batches
from farbench.data.mask_bits import unpack
from farbench.data.on_device import DeviceWarp
from farbench.data.placement import Place, PlacedImages, choose_place, place_images
from farbench.errors import UserError

CPU = torch.device("cpu")
STRONG, POSITIONS = test_batches.STRONG, test_batches.POSITIONS


def on_device(batches: Batches, place: Place = "mmap", device: torch.device = CPU) -> Batches:
    placed = place_images(batches.pixels, place, device)
    return dataclasses.replace(batches, on_device=DeviceWarp(placed, device))


def noisy(batch_size: int = 9) -> Batches:
    """Images of noise, the worst for interpolation, with masks of blocks."""
    batches = test_batches.with_masks(batch_size)
    noise = np.random.default_rng(3).integers(0, 256, batches.pixels.shape, dtype=np.uint8)
    return dataclasses.replace(batches, pixels=noise)


def pairs(batches: Batches, other: Batches) -> list[tuple[Batch, Batch]]:
    ways = [each.train(POSITIONS, STRONG, 0, "joint", 2) for each in (batches, other)]
    return list(zip(*ways, strict=True))


def test_both_ways_make_the_same_batches() -> None:
    for host, device in pairs(noisy(), on_device(noisy())):
        assert np.array_equal(host.positions, device.positions)
        assert device.images.dtype == torch.uint8
        assert device.images.shape == host.images.shape
        difference = (host.images.int() - device.images.int()).abs()
        assert difference.max() <= 1
        assert (difference != 0).float().mean() < 0.01
        assert torch.equal(host.targets["colours"], device.targets["colours"])
        assert host.masks is not None
        assert device.masks is not None
        assert device.masks.dtype == torch.uint8
        assert device.masks.shape == host.masks.shape
        assert (host.masks != device.masks).float().mean() < 0.002


def test_a_crop_without_a_rotation_is_the_same_to_the_last_bit() -> None:
    still = STRONG.model_copy(update={"rotation_probability": 0})
    ways = [each.train(POSITIONS, still, 0, "s", 1) for each in (noisy(), on_device(noisy()))]
    for host, device in zip(*ways, strict=True):
        assert torch.equal(host.images, device.images)
    for host, device in zip(
        noisy().evaluate(POSITIONS), on_device(noisy()).evaluate(POSITIONS), strict=True
    ):
        assert torch.equal(host.images, device.images)
        assert host.masks is not None
        assert device.masks is not None
        assert torch.equal(host.masks, device.masks)


@pytest.mark.parametrize("place", ["pinned", "resident"])
def test_the_place_changes_no_bit(place: Place) -> None:
    for mapped, placed in pairs(on_device(noisy()), on_device(noisy(), place)):
        assert torch.equal(mapped.images, placed.images)
        assert mapped.masks is not None
        assert placed.masks is not None
        assert torch.equal(mapped.masks, placed.masks)


def test_half_a_pixel_is_kept_and_less_is_not() -> None:
    mask = np.zeros((1, 1, 16, 16), np.uint8)
    mask[0, 0, :, :3] = 1  # half of the second column of pairs
    mask[0, 0, 0, 8] = 1  # a quarter of a block
    batches = test_batches.with_masks(4)
    stored = dataclasses.replace(
        batches.masks,  # type: ignore[type-var]
        bits=test_batches.to_bits(mask),
        groups=("a",),
        side=16,
    )
    small = Batches(batches.pixels[:1, :16, :16], batches.targets, stored, 16, 8, 4)
    (batch,) = on_device(small).evaluate(np.arange(1))
    assert batch.masks is not None
    assert batch.masks[0, 0].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]] * 8


def test_bits_are_unpacked_in_their_order() -> None:
    stored = test_batches.with_masks(4, groups=3).masks
    assert stored is not None
    chosen = np.array([7, 0, 7])
    got = unpack(torch.from_numpy(stored.bits[chosen]), 3, stored.side)
    assert np.array_equal(got.permute(0, 2, 3, 1).numpy(), stored.read(chosen))


def test_the_reading_thread_goes_with_the_stream() -> None:
    stream = on_device(colour_batches(30, 2)).train(np.arange(30), STRONG, 0, "joint", 1)
    next(stream)
    assert len(test_batches.threads()) == 1
    stream.close()  # type: ignore[attr-defined]
    assert test_batches.threads() == []


@pytest.mark.parametrize(
    ("device_free", "host_free", "sharers", "expected"),
    [
        (200, 0, 1, "resident"),
        (200, 256, 2, "mmap"),
        (400, 0, 2, "resident"),
        (199, 256, 1, "pinned"),
        (199, 255, 1, "mmap"),
        (None, None, 1, "mmap"),
    ],
)
def test_auto_goes_by_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
    device_free: int | None,
    host_free: int | None,
    sharers: int,
    expected: str,
) -> None:
    free = {"cuda": device_free, "cpu": host_free}
    monkeypatch.setattr(placement, "free_memory", lambda device: free[device.type])
    assert choose_place(100, "auto", torch.device("cuda"), sharers)[0] == expected


def test_a_processor_reads_the_map_unless_asked() -> None:
    assert choose_place(1, "auto", CPU)[0] == "mmap"
    assert choose_place(1, "pinned", CPU) == ("pinned", "0 MB, as asked")


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "free_memory", lambda device: 2 * 10**9)
    with pytest.raises(UserError, match=r"resident needs 3\.0 GB .* 2\.0 GB are free.*=auto"):
        choose_place(3 * 10**9, "resident", torch.device("cuda"))


def test_the_host_s_memory_is_known_here() -> None:
    free = placement.free_memory(CPU)
    assert free is None or free > 1e6


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("place", ["mmap", "pinned", "resident"])
def test_a_gpu_makes_what_the_processor_makes(place: Place) -> None:
    gpu = torch.device("cuda")
    batches = on_device(noisy(), place, gpu)
    assert batches.on_device is not None
    held: Any = batches.on_device.images_at
    assert isinstance(held, PlacedImages)
    if place != "mmap":
        assert held.pixels.device.type == ("cuda" if place == "resident" else "cpu")
    torch.cuda.set_sync_debug_mode("error")
    try:
        made = pairs(on_device(noisy()), batches)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for host, device in made:
        assert device.images.is_cuda
        difference = (host.images.int() - device.images.cpu().int()).abs()
        assert difference.max() <= 1
        assert (difference != 0).float().mean() < 0.001
        assert host.masks is not None
        assert device.masks is not None
        assert (host.masks != device.masks.cpu()).float().mean() < 0.002
