"""One affine map a sample: resize, crop, rotation, flip and mask scale composed into 2x3.

Pixel centres lie at whole numbers, as in OpenCV: pixel (0, 0) covers [-0.5, 0.5]. All maps here
go from the output to the source, the direction in which an image is sampled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from farbench.benchmark.schema import Augmentation
from farbench.data.randomness import uniform

if TYPE_CHECKING:
    from torch import Tensor

Matrices = NDArray[np.float64]
"""``(N, 2, 3)`` affine maps from output pixels (x, y) to source pixels."""


def scale_matrix(output: float, source: float) -> NDArray[np.float64]:
    """Return the 3x3 map from a frame of side ``output`` to the same frame at side ``source``."""
    factor = source / output
    shift = (factor - 1) / 2
    return np.array([[factor, 0, shift], [0, factor, shift], [0, 0, 1]])


def center_crop(count: int, packed: int, crop: int) -> Matrices:
    """Return ``(count, 2, 3)`` maps that take the middle of the packed image."""
    offset = (packed - crop) // 2
    one = np.array([[1.0, 0, offset], [0, 1.0, offset]])
    return np.repeat(one[None], count, axis=0)


def random_warp(
    key: int, samples: NDArray[np.int64], packed: int, crop: int, augmentation: Augmentation
) -> Matrices:
    """Return the training warp of each sample.

    Args:
        key: The stream of (seed, stage, epoch).
        samples: ``(N,)`` ids of the samples.
        packed: Side of the packed images in pixels.
        crop: Side of the output in pixels.
        augmentation: Probabilities and ranges. A rotation is uniform in +-``rotation`` degrees
            about the centre of the crop.
    """
    draw = uniform(key, samples, 5)
    room = packed - crop
    if augmentation.crop == "random":
        offset = np.floor(draw[:, :2] * (room + 1))
    else:
        offset = np.full((len(samples), 2), room // 2, dtype=np.float64)
    flip = np.where(draw[:, 2] < augmentation.flip, -1.0, 1.0)
    turned = draw[:, 3] < augmentation.rotation_probability
    angle = np.where(turned, np.deg2rad(augmentation.rotation) * (2 * draw[:, 4] - 1), 0.0)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.stack([np.stack([cos * flip, -sin], -1), np.stack([sin * flip, cos], -1)], -2)
    middle = (crop - 1) / 2
    shift = middle + offset - linear @ np.array([middle, middle])
    return np.concatenate([linear, shift[..., None]], axis=-1)


def for_masks(matrices: Matrices, packed: int, crop: int, stored: int, output: int) -> Matrices:
    """Turn maps between images into maps between their masks.

    Args:
        matrices: ``(N, 2, 3)`` from crop pixels to packed pixels.
        packed: Side of the packed image that the stored mask covers.
        crop: Side of the cropped image.
        stored: Side of the stored mask.
        output: Side of the warped mask.
    """
    full = np.concatenate(
        [matrices, np.broadcast_to([[[0.0, 0.0, 1.0]]], (len(matrices), 1, 3))], axis=1
    )
    composed = scale_matrix(packed, stored) @ full @ scale_matrix(output, crop)
    return np.asarray(composed[:, :2])


def map_points(points: NDArray[np.float32], matrices: Matrices) -> NDArray[np.float32]:
    """Move points of the source to where they lie in the output.

    Args:
        points: ``(N, P, 2)`` in source pixels.
        matrices: ``(N, 2, 3)`` from output to source.
    """
    linear = np.linalg.inv(matrices[:, :, :2])
    moved = (points - matrices[:, None, :, 2]) @ linear.transpose(0, 2, 1)
    return np.asarray(moved, dtype=np.float32)


def warp(
    images: Callable[[int], NDArray[np.uint8]],
    matrices: Matrices,
    side: int,
    channels: int,
    *,
    border: int = cv2.BORDER_REPLICATE,
) -> NDArray[np.uint8]:
    """Sample each image once, bilinearly.

    A crop that is not rotated falls on whole pixels, flipped or not: it is copied, which gives the
    same bits and costs a tenth.

    Args:
        images: Gives the i-th source, uint8 ``(H, W, C)``.
        matrices: ``(N, 2, 3)`` from output to source.
        side: S, side of the output.
        channels: C, at most 4 (OpenCV's limit for a warp).
        border: What lies outside of the source.

    Returns:
        uint8 ``(N, S, S, C)``.
    """
    out = np.empty((len(matrices), side, side, channels), np.uint8)
    for i, matrix in enumerate(matrices):
        image = images(i)
        if _cut_out(image, matrix, out[i]):
            continue
        cv2.warpAffine(
            image,
            matrix,
            (side, side),
            dst=out[i],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )
    return out


def _cut_out(image: NDArray[np.uint8], matrix: NDArray[np.float64], out: NDArray[np.uint8]) -> bool:
    """Copy what a map takes from an image, if it is whole pixels inside of it, flipped or not."""
    (a, b, x), (c, d, y) = matrix.tolist()
    if abs(a) != 1 or b != 0 or c != 0 or d != 1 or not (x.is_integer() and y.is_integer()):
        return False
    side = len(out)
    left, top = int(x) - (side - 1) * (a < 0), int(y)
    height, width = image.shape[:2]
    if min(left, top) < 0 or left + side > width or top + side > height:
        return False
    part = image[top : top + side, left : left + side]
    if a > 0:
        out[:] = part
    else:
        cv2.flip(part, 1, dst=out)
    return True


def warp_on_device(
    images: Tensor, matrices: Tensor, side: int, *, border: Literal["border", "zeros"] = "border"
) -> Tensor:
    """Do what :func:`warp` does in one batched call, for images that live on a device.

    Args:
        images: uint8 or float ``(N, H, W, C)``.
        matrices: ``(N, 2, 3)`` from output to source pixels.
        side: S, side of the output.
        border: What lies outside of the source: its edge (for images) or 0 (for masks).

    Returns:
        float32 ``(N, C, S, S)`` in the units of the input, channels last in memory.
    """
    import torch
    from torch.nn.functional import grid_sample

    height, width = images.shape[1:3]
    steps = torch.arange(side, device=images.device, dtype=torch.float32)
    # Products by elements, not of matrices: those a GPU may round to ten bits (TF32).
    m = matrices.to(images.device, torch.float32)[..., None, None]
    x, y = (m[:, i, 0] * steps + m[:, i, 1] * steps[:, None] + m[:, i, 2] for i in (0, 1))
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    warped = grid_sample(
        images.permute(0, 3, 1, 2).float(),
        grid,
        mode="bilinear",
        padding_mode=border,
        align_corners=False,
    )
    return warped.contiguous(memory_format=torch.channels_last)
