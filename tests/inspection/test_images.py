"""The pass over the images: sizes, colour, broken ones, and the same answer by any threads."""

from __future__ import annotations

import cv2
import numpy as np
from inspected_sets import BROKEN, drawn, picture

from farbench.inspection.images import inspect_images


def test_sizes_grey_and_broken_images():
    grey = cv2.cvtColor(cv2.cvtColor(picture(1), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    rounded = grey.copy()
    rounded[::3, ::3, 0] ^= 1  # as JPEG's rounding leaves it
    tinted = (grey * np.array([1.0, 0.9, 0.7])).astype(np.uint8)
    pictures = [
        picture(0, 50)[:30],
        grey,
        rounded,
        tinted,
        BROKEN,
        ValueError("a defect"),
        np.zeros((5, 5), np.uint8),
        picture(0).astype(np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ]
    facts = inspect_images(drawn("rvtrrrrrr", pictures), 2)
    assert facts.sizes[:4].tolist() == [[30, 50], [96, 96], [96, 96], [96, 96]]
    assert facts.grey.tolist() == [False, True, True, False, *[False] * 5]
    assert facts.decoded().tolist() == [True] * 4 + [False] * 5
    assert list(facts.broken) == [4, 5, 6, 7, 8]
    assert facts.broken[4] == "image broken.jpg does not decode."
    assert facts.broken[5] == "ValueError: a defect"
    assert facts.broken[7] == "the data set returns float32 (96, 96, 3), not uint8 (H, W, 3)."


def test_threads_change_nothing_and_progress_ends_with_all():
    pictures = [picture(seed, 32) for seed in range(150)]
    pictures[3] = pictures[140] = BROKEN
    source = drawn("rvt" * 50, pictures)
    seen = []
    one = inspect_images(source, 1, lambda done, total: seen.append((done, total)))
    four = inspect_images(source, 4)
    assert seen[-1] == (150, 150)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert list(one.broken) == list(four.broken) == [3, 140]
    for name in ("sizes", "grey", "digests", "hashes", "details"):
        assert np.array_equal(getattr(one, name), getattr(four, name)), name


def test_the_same_pixels_in_another_shape_are_another_image():
    square = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    source = drawn("rvtr", [square, square.reshape(2, 8, 3), square.copy(), picture(0)])
    digests = [tuple(d) for d in inspect_images(source).digests]
    assert digests[0] == digests[2] != digests[1]
