"""Which labels go together: correlated attributes, combinations that hardly occur, class tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RARE = 0.1
"""Two attributes are nearly exclusive if they meet in less than this share of the images expected
were they independent."""
EXPECTED = 5.0
"""Images in which two attributes must be expected to meet before their absence means anything."""


@dataclass(frozen=True)
class AttributePair:
    """Two attributes over the images where both are known.

    Attributes:
        first: The one that comes first in the data set's order.
        second: The other.
        phi: Correlation of the two, -1 to 1 (the phi coefficient).
        both: Images with both.
        expected: Images with both if they were independent.
        images: Images where both are known.
    """

    first: str
    second: str
    phi: float
    both: int
    expected: float
    images: int


def attribute_pairs(labels: NDArray[np.int8], names: Sequence[str]) -> list[AttributePair]:
    """Return all pairs of attributes that vary, in order.

    Args:
        labels: ``(N, A)``: 1, 0, or -1 where unknown.
        names: The A attributes.
    """
    yes = (labels == 1).astype(np.float64)
    known = (labels >= 0).astype(np.float64)
    both, images = yes.T @ yes, known.T @ known
    has = yes.T @ known  # (A, A): images with the first, of those where the second is known
    varies = has * (images - has)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = (images * both - has * has.T) / np.sqrt(varies * varies.T)
        expected = has * has.T / images
    return [
        AttributePair(
            names[i],
            names[j],
            float(phi[i, j]),
            int(both[i, j]),
            float(expected[i, j]),
            int(images[i, j]),
        )
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if np.isfinite(phi[i, j])
    ]


def strongest(pairs: Sequence[AttributePair]) -> list[AttributePair]:
    """Return pairs by the size of their correlation, the strongest first."""
    return sorted(pairs, key=lambda pair: -abs(pair.phi))


def nearly_exclusive(pairs: Sequence[AttributePair]) -> list[AttributePair]:
    """Return pairs that (nearly) never meet though they should, the most surprising first."""
    rare = [p for p in pairs if p.expected >= EXPECTED and p.both < RARE * p.expected]
    return sorted(rare, key=lambda pair: pair.both - pair.expected)


def contingency(
    rows: NDArray[np.int16], columns: NDArray[np.int16], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Return images by the classes of two tasks, int64 of ``shape``; unknown ones are left out."""
    table = np.zeros(shape, np.int64)
    known = (rows >= 0) & (columns >= 0)
    np.add.at(table, (rows[known], columns[known]), 1)
    return table


def cramers_v(table: NDArray[np.int64]) -> float:
    """Return how strongly two tasks depend on each other, 0 to 1 (Cramer's V, uncorrected).

    Classes without an image are left out; NaN where fewer than two are left.
    """
    used = table[table.sum(1) > 0][:, table.sum(0) > 0].astype(np.float64)
    smaller = min(used.shape) - 1
    if smaller < 1:
        return float("nan")
    expected = used.sum(1, keepdims=True) * used.sum(0, keepdims=True) / used.sum()
    chi2 = float(((used - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi2 / used.sum() / smaller))
