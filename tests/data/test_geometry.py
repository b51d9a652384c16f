"""One affine map a sample: where pixels, points and masks come to lie."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tiny_parts
import torch
from numpy.typing import NDArray

from farbench.benchmark.schema import Augmentation
from farbench.data import geometry
from farbench.data.randomness import stream_key

STRONG = Augmentation(crop="random", flip=0.5, rotation=40, rotation_probability=0.8)


def homogeneous(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([matrix, [[0, 0, 1]]]) if len(matrix) == 2 else matrix


def noise(count: int, side: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, channels), dtype=np.uint8)


def test_the_identity_changes_nothing() -> None:
    images = noise(2, 30)
    matrices = geometry.center_crop(2, 30, 30)
    assert np.array_equal(geometry.warp(images.__getitem__, matrices, 30, 3), images)


@pytest.mark.parametrize("packed", [32, 33])
def test_the_middle_is_cut_out_exactly(packed: int) -> None:
    images = noise(2, packed)
    out = geometry.warp(images.__getitem__, geometry.center_crop(2, packed, 20), 20, 3)
    assert np.array_equal(out, images[:, 6:26, 6:26])
    centred = geometry.random_warp(5, np.arange(2), packed, 20, tiny_parts.NO_CHANGE)
    assert np.array_equal(centred, geometry.center_crop(2, packed, 20))


def test_a_flip_mirrors_the_crop_exactly() -> None:
    images = noise(3, 24)
    always = Augmentation(crop="center", flip=1, rotation_probability=0)
    matrices = geometry.random_warp(5, np.arange(3), 24, 16, always)
    out = geometry.warp(images.__getitem__, matrices, 16, 3)
    assert np.array_equal(out, images[:, 4:20, 4:20][:, :, ::-1])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_copied_is_what_opencv_samples(channels: int) -> None:
    """Also where a crop sticks out of its image, or lies between pixels."""
    images = noise(60, 33, channels)
    settings = Augmentation(crop="random", flip=0.5, rotation=20, rotation_probability=0.3)
    matrices = geometry.random_warp(6, np.arange(60), 33, 24, settings)
    matrices[:20, :, 2] += np.random.default_rng(0).integers(-12, 12, (20, 2))
    matrices[20:24, :, 2] += 0.25
    out = geometry.warp(images.__getitem__, matrices, 24, channels)
    for image, matrix, got in zip(images, matrices, out, strict=True):
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        expected = cv2.warpAffine(
            image, matrix, (24, 24), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        assert np.array_equal(got, expected.reshape(got.shape))


def test_random_crops_reach_every_place_and_no_further() -> None:
    crops = Augmentation(crop="random", flip=0, rotation_probability=0)
    matrices = geometry.random_warp(9, np.arange(3000), 20, 16, crops)
    offsets = matrices[:, :, 2]
    assert sorted(set(offsets[:, 0])) == sorted(set(offsets[:, 1])) == [0, 1, 2, 3, 4]
    counts = np.unique(offsets, axis=0, return_counts=True)[1]
    assert len(counts) == 25
    assert np.abs(counts - 120).max() < 50


def test_flips_and_rotations_are_as_frequent_as_asked() -> None:
    settings = Augmentation(crop="center", flip=0.35, rotation=15, rotation_probability=0.6)
    linear = geometry.random_warp(2, np.arange(8000), 20, 20, settings)[:, :, :2]
    flipped = np.linalg.det(linear) < 0
    angle = np.rad2deg(np.arctan2(-linear[:, 0, 1], linear[:, 1, 1]))
    assert flipped.mean() == pytest.approx(0.35, abs=0.02)
    assert (angle != 0).mean() == pytest.approx(0.6, abs=0.02)
    assert np.abs(angle).max() == pytest.approx(15, abs=0.1)
    turned = angle[angle != 0]
    assert turned.mean() == pytest.approx(0, abs=0.4)
    assert np.abs(turned).mean() == pytest.approx(7.5, abs=0.3)  # uniform, not peaked
    assert abs(np.corrcoef(flipped, angle != 0)[0, 1]) < 0.04


def test_a_warp_keeps_the_middle_of_the_crop_and_all_distances() -> None:
    matrices = geometry.random_warp(4, np.arange(50), 40, 32, STRONG)
    gram = matrices[:, :, :2].transpose(0, 2, 1) @ matrices[:, :, :2]
    assert gram == pytest.approx(np.broadcast_to(np.eye(2), (50, 2, 2)), abs=1e-12)
    middle = matrices @ np.array([15.5, 15.5, 1])
    offset = middle - 15.5
    assert offset == pytest.approx(offset.round(), abs=1e-9)
    assert ((offset > -0.1) & (offset < 8.1)).all()


@pytest.mark.parametrize("rotation", [0, 40])
def test_a_bright_dot_lands_where_its_point_says(rotation: float) -> None:
    settings = STRONG.model_copy(update={"rotation": rotation})
    samples = np.arange(40)
    spots = np.random.default_rng(0).integers(14, 34, (40, 2))
    images = np.zeros((40, 48, 48, 1), np.uint8)
    images[samples, spots[:, 1], spots[:, 0]] = 255
    matrices = geometry.random_warp(11, samples, 48, 40, settings)
    out = geometry.warp(images.__getitem__, matrices, 40, 1)[..., 0].astype(float)
    points = geometry.map_points(spots[:, None].astype(np.float32), matrices)[:, 0]
    y, x = np.mgrid[:40, :40]
    mass = out.sum((1, 2))
    centre = np.stack([(out * x).sum((1, 2)), (out * y).sum((1, 2))], 1) / mass[:, None]
    assert points.dtype == np.float32
    assert np.abs(centre - points).max() < 0.3
    if not rotation:
        assert np.abs(centre - points).max() < 1e-4


def test_map_points_undoes_the_map() -> None:
    matrices = geometry.random_warp(3, np.arange(6), 48, 40, STRONG)
    points = np.random.default_rng(0).uniform(0, 40, (6, 7, 2))
    back = points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    assert geometry.map_points(back, matrices) == pytest.approx(points, abs=1e-3)
    unknown = np.full((6, 1, 2), np.nan, np.float32)
    assert np.isnan(geometry.map_points(unknown, matrices)).all()


def test_scale_matrix_keeps_edges_on_edges() -> None:
    matrix = geometry.scale_matrix(4, 16)
    for output, source in ((-0.5, -0.5), (3.5, 15.5), (1.5, 7.5), (0, 1.5)):
        assert matrix @ [output, output, 1] == pytest.approx([source, source, 1])
    both = geometry.scale_matrix(16, 4) @ matrix
    assert both == pytest.approx(np.eye(3))


def test_masks_move_with_their_image() -> None:
    """The mask of a drawn blob, warped small, is the warped blob, made small."""
    samples, packed, crop, stored, output = np.arange(30), 64, 56, 32, 28
    y, x = np.mgrid[:64, :64]
    images = np.zeros((30, 64, 64, 1), np.uint8)
    rng = np.random.default_rng(2)
    for i in samples:
        cx, cy = rng.uniform(20, 44, 2)
        images[i, ..., 0] = 255 * (((x - cx) / 9) ** 2 + ((y - cy) / 14) ** 2 < 1)
    small = (
        images[..., 0].reshape(30, 32, 2, 32, 2).mean((2, 4)).round().astype(np.uint8)[..., None]
    )
    matrices = geometry.random_warp(8, samples, packed, crop, STRONG)
    maps = geometry.for_masks(matrices, packed, crop, stored, output)
    warped = geometry.warp(images.__getitem__, matrices, crop, 1, border=cv2.BORDER_CONSTANT)
    expected = warped[..., 0].reshape(30, 28, 2, 28, 2).mean((2, 4)) > 127
    got = geometry.warp(small.__getitem__, maps, output, 1, border=cv2.BORDER_CONSTANT)
    kept = got[..., 0] > 127
    both = (expected & kept).sum((1, 2)) / (expected | kept).sum((1, 2))
    assert both.min() > 0.9
    # Exactly: every corner of the mask frame maps to the same place by either way.
    corner = np.array([27.5, -0.5, 1])
    by_image = matrices @ [55.5, -0.5, 1]
    assert maps @ corner == pytest.approx((by_image + 0.5) / 2 - 0.5)


@pytest.mark.parametrize(
    ("border", "padding"), [(cv2.BORDER_REPLICATE, "border"), (cv2.BORDER_CONSTANT, "zeros")]
)
def test_opencv_and_the_device_agree(border: int, padding: str) -> None:
    images = noise(8, 40)
    matrices = geometry.random_warp(stream_key("x"), np.arange(8), 40, 36, STRONG)
    expected = geometry.warp(images.__getitem__, matrices, 36, 3, border=border)
    got = geometry.warp_on_device(
        torch.from_numpy(images),
        torch.from_numpy(matrices),
        36,
        border=padding,  # type: ignore[arg-type]
    )
    assert got.shape == (8, 3, 36, 36)
    assert got.is_contiguous(memory_format=torch.channels_last)
    y, x = np.mgrid[:36, :36]
    source = np.einsum("nij,jhw->nihw", matrices, np.stack([x, y, np.ones_like(x)]))
    inside = ((source > 0) & (source < 39)).all(1)
    assert 0.5 < inside.mean() < 1  # the border is there to be seen
    difference = np.abs(got.permute(0, 2, 3, 1).numpy() - expected.astype(float))
    assert difference[inside].max() < 0.6
    if padding == "border":
        assert difference.max() < 0.6
    outside = ((source < -1) | (source > 40)).any(1)
    assert padding == "border" or not expected[outside].any()
    assert padding == "border" or not got.permute(0, 2, 3, 1)[torch.from_numpy(outside)].any()


def test_a_sample_is_augmented_the_same_in_any_company() -> None:
    every = geometry.random_warp(1, np.arange(64), 40, 32, STRONG)
    some = np.array([40, 2, 63])
    assert np.array_equal(geometry.random_warp(1, some, 40, 32, STRONG), every[some])
    assert not np.array_equal(geometry.random_warp(2, some, 40, 32, STRONG), every[some])
