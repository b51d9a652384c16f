"""Long work is kept block by block: a kill costs one, and a torn one is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from farbench.store import blocks
from farbench.store.blocks import in_blocks


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 4)


class Squares:
    """Gives squares, and stops at a block if it is told to."""

    def __init__(self, stop_at=None):
        self.made, self.stop_at = [], stop_at

    def __call__(self, start, stop):
        if start == self.stop_at:
            raise KeyboardInterrupt
        self.made.append((start, stop))
        return {"square": np.arange(start, stop) ** 2, "word": np.array(["a", "bc"])}


def squares(folder, make, **settings):
    return np.concatenate([b["square"] for *_, b in in_blocks(folder, 10, make, **settings)])


def test_work_goes_on_after_its_last_block(tmp_path):
    first, second, third = Squares(stop_at=8), Squares(), Squares()
    with pytest.raises(KeyboardInterrupt):
        squares(tmp_path / "progress", first)
    assert squares(tmp_path / "progress", second).tolist() == [i * i for i in range(10)]
    assert squares(tmp_path / "progress", third).tolist() == [i * i for i in range(10)]
    assert (first.made, second.made, third.made) == ([(0, 4), (4, 8)], [(8, 10)], [])
    assert [(a, b) for a, b, _ in in_blocks(tmp_path / "progress", 10, third)] == [
        (0, 4),
        (4, 8),
        (8, 10),
    ]


@pytest.mark.parametrize("damage", ["short", "empty", "flipped", "not zip"])
def test_a_torn_block_is_made_anew(tmp_path, damage):
    squares(tmp_path, Squares())
    path = tmp_path / "4-8.npz"
    whole = bytearray(path.read_bytes())
    at = whole.index(np.int64(36).tobytes())  # one of the numbers
    whole[at] ^= 1
    torn = {"short": path.read_bytes()[:200], "empty": b"", "flipped": whole, "not zip": b"text"}
    path.write_bytes(torn[damage])
    again = Squares()
    assert squares(tmp_path, again).tolist() == [i * i for i in range(10)]
    assert again.made == [(4, 8)]


def test_a_block_that_does_not_hold_is_made_anew(tmp_path):
    squares(tmp_path, Squares())
    again = Squares()
    squares(tmp_path, again, holds=lambda start, stop, arrays: start != 8)
    assert again.made == [(8, 10)]
