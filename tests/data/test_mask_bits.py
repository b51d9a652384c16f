"""Masks as bits: what goes in comes out, whatever the size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from farbench.data.mask_bits import StoredMasks, load_masks, to_bits


@pytest.mark.parametrize(("groups", "side"), [(8, 64), (1, 16), (3, 18), (1, 5)])
def test_round_trip(groups: int, side: int, tmp_path: Path) -> None:
    masks = (np.random.default_rng(0).random((6, groups, side, side)) > 0.5).astype(np.uint8)
    bits = to_bits(masks)
    assert bits.dtype == np.uint8
    assert bits.shape == (6, -(-groups * side * side // 8))
    np.save(tmp_path / "masks.npy", bits)
    names = tuple(str(group) for group in range(groups))
    for stored in (StoredMasks(bits, names, side), load_masks(tmp_path, names, side)):
        chosen = np.array([5, 0, 5])
        out = stored.read(chosen)
        assert out.dtype == np.uint8
        assert out.flags.c_contiguous
        assert np.array_equal(out, masks[chosen].transpose(0, 2, 3, 1))
    assert isinstance(load_masks(tmp_path, names, side).bits, np.memmap)


def test_no_masks_at_all() -> None:
    assert to_bits(np.zeros((0, 8, 16, 16), np.uint8)).shape == (0, 256)
