"""Long work on many items, kept block by block, so that a kill costs one block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.store.atomic import write_with

BLOCK = 1024
"""Items a block: seconds of work each for images, and some hundred files for the largest data."""

Arrays = Mapping[str, NDArray[Any]]


def in_blocks(
    folder: Path,
    count: int,
    make: Callable[[int, int], Arrays],
    holds: Callable[[int, int, Arrays], bool] = lambda start, stop, arrays: True,
) -> Iterator[tuple[int, int, Arrays]]:
    """Yield the results of all blocks in order, making those that are not on disk.

    Args:
        folder: Where blocks are kept; of this work alone. Whoever calls removes it in the end.
        count: N, number of items.
        make: Gives the arrays of the items from ``start`` to ``stop``; they must depend on these
            items alone.
        holds: Says whether a block from disk may be used.

    Yields:
        start, stop and the arrays. A file that is torn (each array has a checksum) is made again.
    """
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        path = folder / f"{start}-{stop}.npz"
        arrays = _read(path)
        if arrays is None or not holds(start, stop, arrays):
            arrays = make(start, stop)
            _write(path, arrays)
        yield start, stop, arrays


def _read(path: Path) -> Arrays | None:
    """Return a block's arrays, or None if it is not there or torn."""
    try:
        with path.open("rb") as file, np.load(file) as held:
            return {name: held[name] for name in held.files}
    except Exception:  # each byte of a torn file may be anything, and so may the error
        return None


def _write(path: Path, arrays: Arrays) -> None:
    write_with(path, lambda temporary: np.savez(temporary, **arrays))  # type: ignore[arg-type]
