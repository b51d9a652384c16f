"""Scaling of masks about the centre of each component."""

from __future__ import annotations

import numpy as np
import pytest

from farbench.masks.scaling import scale_masks


def box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, bottom and right (exclusive) of what is set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@pytest.mark.parametrize("area", [0.64, 0.81, 1.21, 1.44])
def test_each_rectangle_keeps_its_centre_and_scales_by_area(area: float) -> None:
    masks = np.zeros((2, 2, 64, 64), np.uint8)
    rectangles = [(4, 6, 24, 16), (30, 34, 50, 59)]
    for top, left, bottom, right in rectangles:
        masks[0, 1, top:bottom, left:right] = 1
    scaled = scale_masks(masks, area)
    assert scaled.dtype == np.uint8
    assert not scaled[1].any()
    assert not scaled[0, 0].any()
    half = scaled[0, 1].copy(), scaled[0, 1].copy()
    half[0][27:], half[1][:27] = 0, 0
    for part, (top, left, bottom, right) in zip(half, rectangles, strict=True):
        y0, x0, y1, x1 = box(part)
        assert part[y0:y1, x0:x1].all()  # still a full rectangle
        assert y1 - y0 == pytest.approx((bottom - top) * area**0.5, abs=1)
        assert x1 - x0 == pytest.approx((right - left) * area**0.5, abs=1)
        assert (y0 + y1) / 2 == pytest.approx((top + bottom) / 2, abs=0.5)
        assert (x0 + x1) / 2 == pytest.approx((left + right) / 2, abs=0.5)


def test_an_area_of_one_changes_nothing() -> None:
    masks = (np.random.default_rng(0).random((2, 3, 16, 16)) > 0.5).astype(np.uint8)
    assert scale_masks(masks, 1.0) is masks


def test_the_frame_cuts_off_and_form_is_kept() -> None:
    masks = np.zeros((1, 1, 20, 20), np.uint8)
    masks[0, 0, 0:8, 4:12] = np.tri(8, dtype=np.uint8)
    large = scale_masks(masks, 4.0)[0, 0]
    assert box(large) == (0, 0, 12, 16)
    # A triangle stays a triangle: twice the size, its upper half beyond the frame.
    assert np.array_equal(large[:12, :16], np.kron(np.tri(8, dtype=np.uint8), np.ones((2, 2)))[4:])


def test_of_two_pixels_as_near_the_one_further_on_is_shown() -> None:
    masks = np.zeros((1, 1, 11, 11), np.uint8)
    masks[0, 0, 4:7, 4:7] = 1
    # Twice a run of 3 about pixel 5: 6 pixels have no middle one, and 2 to 7 it is, never 3 to 8.
    assert box(scale_masks(masks, 4.0)[0, 0]) == (2, 2, 8, 8)


def test_what_touches_the_far_edges_shrinks_away_from_them() -> None:
    masks = np.zeros((1, 1, 12, 16), np.uint8)
    masks[0, 0, 2:, 6:] = 1
    scaled = scale_masks(masks, 0.64)[0, 0]
    assert (box(scaled), scaled.sum()) == ((3, 7, 11, 15), 64)


def test_masks_may_lie_in_memory_in_any_order() -> None:
    masks = (np.random.default_rng(0).random((3, 16, 16, 2)) > 0.5).astype(np.uint8)
    turned = masks.transpose(0, 3, 1, 2)  # as stored masks are read
    scaled = scale_masks(turned, 1.44)
    assert scaled.any()
    assert np.array_equal(scaled, scale_masks(np.ascontiguousarray(turned), 1.44))


def test_what_becomes_thinner_than_a_pixel_may_vanish() -> None:
    masks = np.zeros((1, 1, 16, 16), np.uint8)
    masks[0, 0, 7:9, 1:14] = 1
    assert not scale_masks(masks, 0.04).any()


def test_tiny_specks_and_bad_areas() -> None:
    masks = np.zeros((1, 1, 9, 9), np.uint8)
    masks[0, 0, 4, 4] = 1
    assert scale_masks(masks, 0.64)[0, 0, 4, 4] == 1
    assert scale_masks(masks, 9.0)[0, 0].sum() == 9
    for area in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="above 0"):
            scale_masks(masks, area)
