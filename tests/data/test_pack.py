"""Packing: what is stored, what happens with broken images, and that it is done once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from farbench.data.intact import CHECKSUMS, PIXELS, check_all
from farbench.data.intact import damage as damage_of
from farbench.data.pack import pack, resize
from farbench.errors import UserError
from farbench.store import blocks
from farbench.store.artifacts import DONE, PROGRESS, ArtifactStore

RNG = np.random.default_rng(0)
IMAGES = [
    RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)
    for h, w in ((50, 40), (16, 16), (9, 31), (64, 7), (33, 33))
]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def reader(broken: set[int], seen: list[int] | None = None) -> Callable[[int], NDArray[np.uint8]]:
    def read(i: int) -> NDArray[np.uint8]:
        if seen is not None:
            seen.append(i)
        if i in broken:
            raise UserError(f"image face_{i}.jpg does not decode.")
        return IMAGES[i % len(IMAGES)]

    return read


def test_values_are_those_of_pillow(store: ArtifactStore) -> None:
    said: list[tuple[int, int]] = []
    packed = pack(store, "k", 5, reader(set()), 16, progress=lambda *done: said.append(done))
    for image, pixels in zip(IMAGES, packed.pixels, strict=True):
        expected = Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR)
        assert np.array_equal(pixels, np.asarray(expected))
    assert packed.sizes.tolist() == [list(image.shape[:2]) for image in IMAGES]
    assert isinstance(packed.pixels, np.memmap)
    assert packed.pixels.dtype == np.uint8
    assert packed.broken == {}
    assert said[-1] == (5, 5)
    assert resize(IMAGES[1], 16) is IMAGES[1]


def test_a_packed_set_is_not_packed_again(store: ArtifactStore) -> None:
    seen: list[int] = []
    first = pack(store, "k", 5, reader(set(), seen), 16)
    again = pack(store, "k", 5, reader(set(), seen), 16)
    assert sorted(seen) == list(range(5))
    assert np.array_equal(first.pixels, again.pixels)
    pack(store, "other", 5, reader(set(), seen), 16)
    assert len(seen) == 10


def test_broken_images_are_named(store: ArtifactStore) -> None:
    with pytest.raises(UserError, match=r"1 image does not open: image face_2.jpg.*--skip-broken"):
        pack(store, "k", 5, reader({2}), 16)
    assert store.meta("packed", "k") is None
    with pytest.raises(UserError, match=r"7 images do not open.* \.\.\. and 2 more\. Mend"):
        pack(store, "other", 9, reader(set(range(7))), 16)
    # Mended, it goes through.
    packed = pack(store, "k", 5, reader(set()), 16)
    assert packed.broken == {}
    assert np.array_equal(packed.pixels[2], resize(IMAGES[2], 16))


def test_broken_images_can_be_left_out(store: ArtifactStore) -> None:
    packed = pack(store, "k", 5, reader({1, 3}), 16, skip_broken=True)
    assert list(packed.broken) == [1, 3]
    assert "face_3.jpg" in packed.broken[3]
    assert packed.sizes[[1, 3]].tolist() == [[0, 0], [0, 0]]
    assert np.array_equal(packed.pixels[4], resize(IMAGES[4], 16))
    seen: list[int] = []
    assert pack(store, "k", 5, reader(set(), seen), 16, skip_broken=True).broken == packed.broken
    with pytest.raises(UserError, match="2 images do not open"):
        pack(store, "k", 5, reader(set(), seen), 16)
    assert seen == []


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((16, 16, 3)), r"float64 \(16, 16, 3\)"),
        (np.zeros((16, 16, 1), np.uint8), r"uint8 \(16, 16, 1\)"),
        (np.zeros((20, 20), np.uint8), r"uint8 \(20, 20\)"),
    ],
)
def test_what_is_no_picture_in_colour_is_told(store: ArtifactStore, image: Any, told: str) -> None:
    """A float in [0, 1] would be cut to black, one channel repeated, and nobody would know."""
    with pytest.raises(UserError, match=rf"image 0 of the index is read as {told}, not as uint8"):
        pack(store, "k", 1, lambda i: image, 16)


def interrupt(store: ArtifactStore, at: int, broken: set[int], **settings: bool) -> list[int]:
    """Pack nine images in blocks of two, stop at one of them, and return what was read."""
    seen: list[int] = []
    whole = reader(broken, seen)

    def torn(i: int) -> NDArray[np.uint8]:
        if i == at:
            raise KeyboardInterrupt
        return whole(i)

    with pytest.raises(KeyboardInterrupt):
        pack(store, "k", 9, torn, 16, workers=1, **settings)
    assert not (store.folder("packed", "k") / DONE).exists()
    return seen


@pytest.fixture
def by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 2)


@pytest.mark.usefixtures("by_two")
def test_packing_goes_on_where_it_stopped(store: ArtifactStore, tmp_path: Path) -> None:
    assert interrupt(store, 5, set()) == [0, 1, 2, 3, 4]
    seen: list[int] = []
    packed = pack(store, "k", 9, reader(set(), seen), 16)
    assert sorted(seen) == [4, 5, 6, 7, 8]
    whole = pack(ArtifactStore(tmp_path / "whole"), "k", 9, reader(set()), 16)
    assert packed.pixels.tobytes() == whole.pixels.tobytes()
    assert np.array_equal(packed.sizes, whole.sizes)
    folder = store.folder("packed", "k")
    assert sorted(path.name for path in folder.iterdir()) == [DONE, CHECKSUMS, PIXELS, "sizes.npy"]


@pytest.mark.usefixtures("by_two")
@pytest.mark.parametrize("damage", ["pixels", "block", "short", "header", "words", "other shape"])
def test_what_is_torn_is_packed_anew(store: ArtifactStore, damage: str) -> None:
    interrupt(store, 8, set())
    folder = store.folder("packed", "k")
    if damage == "pixels":
        pixels = np.lib.format.open_memmap(folder / PIXELS, mode="r+")
        pixels[3, 2, 1, 0] ^= 1
        pixels.flush()
    elif damage == "block":
        (folder / PROGRESS / "2-4.npz").write_bytes(b"PK")
    elif damage == "short":
        (folder / PIXELS).write_bytes((folder / PIXELS).read_bytes()[:900])
    elif damage == "header":
        (folder / PIXELS).write_bytes(b"\x93NUMPY\x01")
    elif damage == "words":
        (folder / PIXELS).write_bytes(
            (folder / PIXELS).read_bytes().replace(b"shape'", b"shape(", 1)
        )
    else:
        np.save(folder / PIXELS, np.zeros((3, 3), np.uint8))
    seen: list[int] = []
    packed = pack(store, "k", 9, reader(set(), seen), 16)
    assert sorted(seen) == ([2, 3, 8] if damage in ("pixels", "block") else list(range(9)))
    for i, pixels in enumerate(packed.pixels):
        assert np.array_equal(pixels, resize(IMAGES[i % 5], 16))


@pytest.mark.usefixtures("by_two")
@pytest.mark.parametrize("skip", [True, False])
def test_broken_images_before_the_stop(store: ArtifactStore, skip: bool) -> None:
    """They are remembered where they are skipped, and looked at again where they are not."""
    interrupt(store, 6, {1, 4}, skip_broken=skip)
    seen: list[int] = []
    if skip:
        packed = pack(store, "k", 9, reader({1, 4}, seen), 16, skip_broken=True)
        assert packed.broken == {i: f"image face_{i}.jpg does not decode." for i in (1, 4)}
        assert sorted(seen) == [6, 7, 8]
        assert not packed.pixels[[1, 4]].any()
    else:
        with pytest.raises(UserError, match=r"1 image does not open: image face_4"):
            pack(store, "k", 9, reader({4}, seen), 16)
        assert sorted(seen) == [0, 1, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("damage", ["altered", "short", "words", "no checksums", "no pixels"])
def test_damaged_packed_images_are_packed_again(store: ArtifactStore, damage: str) -> None:
    whole = np.array(pack(store, "k", 5, reader(set()), 16).pixels)
    folder = store.folder("packed", "k")
    if damage == "altered":
        pixels = np.lib.format.open_memmap(folder / PIXELS, mode="r+")
        pixels[3, 2, 1, 0] ^= 1
        pixels.flush()
    elif damage == "short":
        (folder / PIXELS).write_bytes((folder / PIXELS).read_bytes()[:-100])
    elif damage == "words":
        (folder / PIXELS).write_bytes(
            (folder / PIXELS).read_bytes().replace(b"shape'", b"shape(", 1)
        )
    else:
        (folder / (CHECKSUMS if damage == "no checksums" else PIXELS)).unlink()
    said: list[str] = []
    seen: list[int] = []
    packed = pack(store, "k", 5, reader(set(), seen), 16, say=said.append)
    assert len(said) == 1
    assert re.search(r"packed images in .*/k are damaged \(.*\): packing them again", said[0])
    assert seen == list(range(5))
    assert np.array_equal(packed.pixels, whole)
    pack(store, "k", 5, reader(set(), seen), 16, say=said.append)
    assert (len(said), len(seen)) == (1, 5)


def test_a_start_checks_a_sample_and_a_check_all_images(store: ArtifactStore) -> None:
    pack(store, "k", 2000, reader(set()), 16, workers=1, dataset="faces")
    folder, shape = store.folder("packed", "k"), (2000, 16, 16, 3)
    said: list[tuple[int, int]] = []
    assert damage_of(folder, shape, progress=lambda *done: said.append(done)) is None
    assert 60 <= said[-1][1] <= 66
    assert [checked.wrong for checked in check_all(store, "faces")] == [None]
    pixels = np.lib.format.open_memmap(folder / PIXELS, mode="r+")
    pixels[1234, 2, 1, 0] ^= 1
    pixels.flush()
    assert damage_of(folder, shape, None) == "image 1234 is not what was written"
    assert list(check_all(store, "others")) == []
    (checked,) = check_all(store, "faces")
    assert (checked.images, checked.wrong) == (2000, "image 1234 is not what was written")
    assert store.meta("packed", "k") is None  # so the next run packs them again
    assert damage_of(folder, (2000, 8, 8, 3)) is not None


def test_points_follow_the_pixels(store: ArtifactStore) -> None:
    """A dot of one colour and its point come to the same place, and edges stay edges."""
    image = np.zeros((64, 32, 3), np.uint8)
    image[40:44, 8:10] = 255  # centre (8.5, 41.5)
    packed = pack(store, "k", 1, lambda i: image, 16)
    weight = packed.pixels[0, ..., 0].astype(float)
    y, x = np.mgrid[:16, :16]
    centre = [(weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()]
    points = np.array([[[8.5, 41.5], [-0.5, -0.5], [31.5, 63.5], [np.nan, 1]]], np.float32)
    moved = packed.to_packed(points)
    assert moved.dtype == np.float32
    assert moved[0, 0] == pytest.approx(centre, abs=0.05)
    assert moved[0, 1:3].tolist() == [[-0.5, -0.5], [15.5, 15.5]]
    assert np.isnan(moved[0, 3, 0])
