"""Seeded splits for data sets that have no official one, or no valid split."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from farbench.plugins.dataset import SPLITS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def seeded_split(
    ids: Iterable[str],
    *,
    seed: int = 0,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
    groups: Iterable[Any] | None = None,
) -> NDArray[np.str_]:
    """Return ``(N,)``: train, valid or test for each image; an image's lot depends on itself alone.

    A hash of (seed, id) gives every image a number from 0 to 1, and the shares cut that range. So
    the order of the ids does not matter, images that are missing or added change nothing for the
    others, and the counts are near the shares, not equal to them (of 20,000 images, one standard
    deviation of a share of 0.1 is 42 images). Only where a split would stay empty, which happens
    to a few dozen images, are the images sorted by their numbers and cut by count.

    Args:
        ids: Unique image ids.
        seed: Another seed, another split.
        shares: Shares of train, valid and test; they add up to 1. A share of 0 stays empty.
        groups: One an image: images of a group (an identity) share a lot. None or NA: alone.

    Raises:
        ValueError: The shares are no shares.
    """
    import numpy as np
    import pandas as pd

    ids = list(ids)
    checked_shares(shares)
    if groups is None:
        units = [f"image {name}" for name in ids]
    else:
        units = [
            f"image {name}" if pd.isna(group) else f"group {group}"
            for name, group in zip(ids, groups, strict=True)
        ]
    distinct = sorted(set(units))
    numbers = np.array([_number(seed, unit) for unit in distinct])
    edges = np.cumsum(shares)[:2]
    lots = np.searchsorted(edges, numbers, side="right")
    wanted = [position for position, share in enumerate(shares) if share > 0]
    if len(distinct) >= len(wanted) and set(wanted) - set(lots.tolist()):
        lots = _by_count(numbers, shares, wanted)
    lot = dict(zip(distinct, np.array(SPLITS)[lots].tolist(), strict=True))
    return np.array([lot[unit] for unit in units], dtype="<U5")


def checked_shares(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return shares of train, valid and test, if they are.

    Raises:
        ValueError: They are not.
    """
    if min(shares) < 0 or not abs(sum(shares) - 1) <= 1e-9:
        raise ValueError(f"shares must be 0 or more and add up to 1, not {shares}")
    return shares


def carve_valid(
    split: Iterable[str],
    ids: Iterable[str],
    *,
    seed: int = 0,
    share: float = 0.1,
    groups: Iterable[Any] | None = None,
) -> NDArray[np.str_]:
    """Return ``split`` with a share of its train images moved to valid, as in `seeded_split`.

    Args:
        split: train, valid or test for each image.
        ids: Unique image ids.
        seed: Another seed, other images.
        share: Share of the train images (or groups of them).
        groups: One an image: images of a group go together. None or NA: alone.
    """
    import numpy as np

    carved = np.array(list(split), dtype="<U5")
    train = carved == "train"
    carved[train] = seeded_split(
        list(itertools.compress(ids, train)),
        seed=seed,
        shares=(1 - share, share, 0.0),
        groups=None if groups is None else list(itertools.compress(groups, train)),
    )
    return carved


def _number(seed: int, unit: str) -> float:
    """Return a number in [0, 1) that depends on the arguments alone, on every machine."""
    digest = hashlib.sha256(f"{seed} {unit}".encode()).digest()
    return float(int.from_bytes(digest[:6], "big")) / 2**48


def _by_count(
    numbers: NDArray[np.float64], shares: tuple[float, float, float], wanted: list[int]
) -> NDArray[np.int64]:
    """Return the lots of few units: each wanted split gets one, the rest go by the shares."""
    import numpy as np

    spare = len(numbers) - len(wanted)
    lots = np.empty(len(numbers), np.int64)
    start, rank = 0, np.argsort(numbers, kind="stable")
    for count, position in enumerate(wanted, start=1):
        end = count + round(spare * sum(shares[: position + 1]))
        lots[rank[start:end]] = position
        start = end
    return lots
