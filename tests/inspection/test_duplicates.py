"""Equal and nearly equal images are found, and images that only look alike are not."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from inspected_sets import BROKEN, drawn, picture
from numpy.typing import NDArray

from farbench.inspection.duplicates import (
    DISTANCE,
    connected,
    find_duplicates,
    similar_hashes,
    similarity,
)
from farbench.inspection.images import detail, difference_hash, inspect_images


def groups(pictures: list[NDArray[np.uint8]]) -> tuple[list[set[int]], list[set[int]]]:
    """Return the equal and the nearly equal images of some pictures."""
    source = drawn("rvt" + "r" * (len(pictures) - 3), pictures)
    equal, near = find_duplicates(inspect_images(source, 1))
    return [set(one.members) for one in equal], [set(one.members) for one in near]


def distance(a: int, b: int) -> int:
    return (a ^ b).bit_count()


def test_a_difference_hash_says_what_is_brighter_than_its_left_neighbour():
    rising = np.tile(np.arange(0, 180, 2, dtype=np.uint8), (80, 1))  # (80, 90)
    assert difference_hash(rising) == np.uint64(2**64 - 1)
    assert difference_hash(rising[:, ::-1]) == 0
    half = rising.copy()
    half[:40] = half[:40, ::-1]
    assert int(difference_hash(half)).bit_count() == 32


def test_similar_hashes_are_those_that_comparing_all_pairs_finds():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 120, dtype=np.uint64)
    # Neighbours of the first 60, with 0 to 9 bits turned over.
    for i in range(60):
        bits = rng.choice(64, i % 10, replace=False)
        hashes[i + 60] = hashes[i] ^ np.bitwise_xor.reduce(
            np.uint64(1) << bits.astype(np.uint64), initial=np.uint64(0)
        )
    every = {
        (i, j): distance(int(hashes[i]), int(hashes[j]))
        for i, j in itertools.combinations(range(120), 2)
    }
    found = {(int(i), int(j)) for i, j in similar_hashes(hashes)}
    assert {pair for pair, bits in every.items() if bits <= 5} <= found
    assert all(every[pair] <= DISTANCE for pair in found)
    assert len(found) == len(similar_hashes(hashes))  # each once
    assert any(every[pair] == DISTANCE for pair in found)
    strict = {(int(i), int(j)) for i, j in similar_hashes(hashes, distance=2)}
    assert strict == {pair for pair, bits in every.items() if bits <= 2}


@pytest.mark.parametrize("count", [0, 1])
def test_few_hashes_are_no_pair(count):
    assert similar_hashes(np.zeros(count, np.uint64)).shape == (0, 2)


def test_one_near_pair_among_50_000_hashes():
    hashes = np.random.default_rng(0).integers(0, 2**63, 50_000, dtype=np.uint64)
    hashes[777] = hashes[49_000] ^ np.uint64(0b1011)
    assert similar_hashes(hashes, distance=3).tolist() == [[777, 49_000]]


def test_connected_pairs_are_a_group_with_their_least_likeness():
    pairs = np.array([[0, 4], [4, 2], [1, 5]])
    assert connected(pairs, [0.95, 0.91, 0.99]) == [([0, 2, 4], 0.91), ([1, 5], 0.99)]
    assert connected(np.zeros((0, 2), np.int64), []) == []


def test_similarity_is_a_correlation_and_forgives_a_pixel():
    rng = np.random.default_rng(3)
    one = rng.integers(-90, 90, (24, 24))
    shifted = np.roll(one, 1, axis=1)
    details = np.stack((one, one, -one, shifted, rng.integers(-90, 90, (24, 24)))).astype(np.int8)
    pairs = np.array([[0, 1], [0, 2], [0, 3], [0, 4]])
    same, opposite, moved, other = similarity(details, pairs)
    assert same == pytest.approx(1)
    assert opposite == pytest.approx(-1)
    assert abs(other) < 0.3
    assert moved < 0.6  # noise does not resemble itself a pixel off, so no shift is tried
    smooth = cv2.resize(picture(1), (24, 24), interpolation=cv2.INTER_AREA)[:, :, 0] / 4
    details = np.stack((smooth, np.roll(smooth, 1, axis=0))).astype(np.int8)
    assert similarity(details, np.array([[0, 1]]))[0] == pytest.approx(1)


def test_equal_and_nearly_equal_images_are_found():
    first = picture(0)
    coded = cv2.imencode(".jpg", picture(1), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    bright = (picture(2) * 0.8 + 20).astype(np.uint8)
    pictures = [
        *(picture(seed) for seed in range(6)),
        first.copy(),  # 6 = 0
        cv2.imdecode(coded, cv2.IMREAD_COLOR),  # 7 ~ 1
        bright,  # 8 ~ 2
        cv2.resize(picture(3), (50, 50), interpolation=cv2.INTER_AREA),  # 9 ~ 3
        picture(4)[2:-2, 2:-2],  # 10 ~ 4
        cv2.cvtColor(cv2.cvtColor(first, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),  # 11 ~ 0, 6
        np.ascontiguousarray(picture(5)[:, ::-1]),  # mirrored: another picture
    ]
    equal, near = groups(pictures)
    assert equal == [{0, 6}]
    assert near == [{0, 6, 11}, {1, 7}, {2, 8}, {3, 9}, {4, 10}]


def test_images_with_the_same_light_but_another_face_are_not_near():
    light = np.linspace(0, 1, 96)[None, :, None] * 160
    pictures = [(light + picture(seed) * 0.25).astype(np.uint8) for seed in range(30)]
    hashes = [int(difference_hash(p[:, :, 1])) for p in pictures]
    assert min(distance(a, b) for a, b in itertools.combinations(hashes, 2)) <= DISTANCE
    assert groups(pictures) == ([], [])


def test_flat_images_are_equal_to_their_copies_only():
    flat = [np.full((40, 40, 3), level, np.uint8) for level in (0, 0, 90, 91, 255)]
    assert not detail(flat[2][:, :, 0]).any()
    assert groups(flat) == ([{0, 1}], [])


def test_broken_images_are_no_duplicates():
    source = drawn("rvtrr", [picture(0), picture(1), picture(2), BROKEN, BROKEN])
    assert find_duplicates(inspect_images(source)) == ([], [])
