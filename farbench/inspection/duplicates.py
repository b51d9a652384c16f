"""Equal and nearly equal images among many: prints are compared, no image is opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farbench.inspection.images import ImageFacts

DISTANCE = 7
"""Bits by which the hashes of near duplicates may differ."""
SIMILARITY = 0.9
"""Least correlation of near duplicates' details."""

_BANDS = 6
"""Parts of a hash; two images are compared if one part is equal."""
_MAYBE = 0.6
"""Correlation without a shift below which no shift is tried."""
_SHIFT = 1
"""Pixels of the small picture (4% of the width) by which a near duplicate may be shifted."""
_CHUNK = 16_384
"""Pairs whose details are compared at a time."""


@dataclass(frozen=True)
class Duplicates:
    """Groups of images that show the same picture.

    Attributes:
        members: Positions, ascending.
        similarity: The least correlation among the pairs that make the group; 1 if all are equal.
    """

    members: tuple[int, ...]
    similarity: float = 1.0


def find_duplicates(facts: ImageFacts) -> tuple[list[Duplicates], list[Duplicates]]:
    """Return groups of images with equal pixels, and groups of nearly equal ones.

    A group of the second kind holds two pictures or more that differ in their pixels, with all
    their equal copies. It may chain: a is like b, b like c. Mirrored copies are not looked for.
    """
    decoded = np.flatnonzero(facts.decoded())
    equal: dict[bytes, list[int]] = {}
    for position in decoded:
        equal.setdefault(facts.digests[position].tobytes(), []).append(int(position))
    first = {copies[0]: copies for copies in equal.values()}
    # One of each picture, without flat ones: those are all alike, and so are their hashes.
    alone = np.array([p for p in first if facts.details[p].any()], np.int64)
    pairs = similar_hashes(facts.hashes[alone])
    likeness = similarity(facts.details[alone], pairs)
    near = likeness >= SIMILARITY
    groups = [
        Duplicates(
            tuple(sorted(copy for member in members for copy in first[int(alone[member])])), least
        )
        for members, least in connected(pairs[near], likeness[near])
    ]
    return (
        [Duplicates(tuple(copies)) for copies in first.values() if len(copies) > 1],
        sorted(groups, key=lambda group: group.members),
    )


def similar_hashes(hashes: NDArray[np.uint64], distance: int = DISTANCE) -> NDArray[np.int64]:
    """Return pairs ``(M, 2)`` of 64-bit hashes ``(N,)`` that differ in at most ``distance`` bits.

    Hashes are cut into six bands, and two are compared if they agree in a band. So every pair
    that differs in up to 5 bits is found, and most of those with 6 and 7 (98 and 95% if the bits
    fall anywhere); it is the detail that decides. Every sixth bit makes a band: neighbouring bits
    of a hash say the same, and bands of neighbours would hold far more hashes each.
    """
    bits = np.unpackbits(hashes.astype("<u8")[:, None].view(np.uint8), axis=1)
    found: list[NDArray[np.int64]] = [np.zeros((0, 2), np.int64)]
    for band in range(_BANDS):
        own = bits[:, band::_BANDS].astype(np.int64)
        value = own @ (1 << np.arange(own.shape[1]))
        order = np.argsort(value, kind="stable")
        value, sorted_hashes = value[order], hashes[order]
        # Compare each hash with the next one of its bucket, then with the one after that, ...
        active, offset = np.arange(len(order) - 1), 1
        while len(active):
            active = active[active + offset < len(order)]
            active = active[value[active] == value[active + offset]]
            near = _bits_set(sorted_hashes[active] ^ sorted_hashes[active + offset]) <= distance
            found.append(np.stack((order[active[near]], order[active[near] + offset]), axis=1))
            offset += 1
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _bits_set(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the number of ones in each value (numpy has it from 2.0 on only)."""
    return np.asarray(_ONES[values[:, None].view(np.uint16)].sum(1), np.int64)


_ONES = np.unpackbits(np.arange(1 << 16, dtype=np.uint16)[:, None].view(np.uint8), axis=1).sum(
    1, dtype=np.uint8
)
"""The number of ones in every 16-bit value."""


def similarity(details: NDArray[np.int8], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the correlation ``(M,)`` of the details ``(N, S, S)`` of each pair.

    It is the best over shifts by up to a pixel each way, because crops of one photograph differ
    so; pairs that are far from similar are given without a shift.
    """
    result = np.zeros(len(pairs), np.float32)
    inner = slice(_SHIFT, details.shape[1] - _SHIFT)
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        one = _standard(details[chunk[:, 0], inner, inner])
        here = (one * _standard(details[chunk[:, 1], inner, inner])).sum((1, 2))
        maybe = np.flatnonzero(here >= _MAYBE)
        one, other = one[maybe], details[chunk[maybe, 1]]
        for down in range(2 * _SHIFT + 1):
            for right in range(2 * _SHIFT + 1):
                height, width = one.shape[1:]
                moved = _standard(other[:, down : down + height, right : right + width])
                here[maybe] = np.maximum(here[maybe], (one * moved).sum((1, 2)))
        result[start : start + _CHUNK] = here
    return result


def _standard(details: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return details of mean 0 and norm 1."""
    values = details.astype(np.float32)
    values -= values.mean((1, 2), keepdims=True)
    norm = np.sqrt((values * values).sum((1, 2), keepdims=True))
    return np.asarray(values / np.maximum(norm, 1e-6), np.float32)


def connected(pairs: NDArray[np.int64], weights: Iterable[float]) -> list[tuple[list[int], float]]:
    """Return the groups that pairs ``(M, 2)`` connect, each with the least weight of its pairs."""
    parent: dict[int, int] = {}

    def top(item: int) -> int:
        parent.setdefault(item, item)
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    listed = [(int(a), int(b)) for a, b in pairs]
    for a, b in listed:
        parent[top(a)] = top(b)
    members: dict[int, list[int]] = {}
    for item in sorted(parent):
        members.setdefault(top(item), []).append(item)
    least = dict.fromkeys(members, 1.0)
    for (a, _), weight in zip(listed, weights, strict=True):
        least[top(a)] = min(least[top(a)], float(weight))
    return [(group, least[key]) for key, group in members.items()]
