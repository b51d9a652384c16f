"""Spoils arrays: the files are valid, and what they hold is not what it should be."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from mutations import Choose
from numpy.typing import NDArray

Array = NDArray[Any]

CHANGES: tuple[Callable[[Array], Array], ...] = (
    lambda held: held[:-1] if held.ndim else held,
    lambda held: held[:0] if held.ndim else held,
    lambda held: held[..., None],
    lambda held: held.reshape(-1),
    lambda held: np.array(0),
    lambda held: held.astype(str),
    lambda held: held.astype("S10"),
    lambda held: np.zeros(len(held) if held.ndim else 1, [("a", int)]),
    lambda held: np.full_like(held, "x" if held.dtype.kind in "US" else 99),
    lambda held: held * np.float32("nan") if held.dtype.kind in "fiu" else held,
    lambda held: held * np.float32("inf") if held.dtype.kind in "fiu" else held,
    lambda held: held.astype(complex) if held.dtype.kind in "fiu" else held,
)


def spoiled_arrays(data: bytes, choose: Choose) -> bytes:
    """Return an .npz file with one array or two changed or left out."""
    with np.load(io.BytesIO(data)) as held:
        arrays = dict(held)
    for _ in range(choose((1, 1, 2))):
        name = choose(tuple(arrays))
        if choose((True, False, False, False)):
            del arrays[name]
        else:
            with np.errstate(all="ignore"):
                arrays[name] = choose(CHANGES)(arrays[name])
    spoiled = io.BytesIO()
    np.savez_compressed(spoiled, **arrays)
    return spoiled.getvalue()


def spoiled_weights(weights: Mapping[str, Array], choose: Choose) -> dict[str, Array]:
    """Return the weights of another network: one too few, too many, of another shape or type."""
    name = choose(tuple(weights))
    held = weights[name]
    others = {key: value for key, value in weights.items() if key != name}
    return {
        **others,
        **choose(
            (
                {},
                {name: held, "another": held},
                {name: held[:1].copy()},
                {name: held.astype(np.int32)},
                {name: held.astype(np.float64)},
                {name: held * np.float32("nan")},
                {name: held * np.float32(1e30)},
            )
        ),
    }
