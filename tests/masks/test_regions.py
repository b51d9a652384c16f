"""Face regions: the boxes on a known face, under mirror and rotation, and their raster."""

from __future__ import annotations

import numpy as np
import pytest

from farbench.errors import UserError
from farbench.masks import wflw98
from farbench.masks.regions import REGIONS, rasterise, region_boxes, region_masks

FACE = (wflw98.FRONTAL * wflw98.CELEBA_UNIT + np.float32(wflw98.CELEBA_ORIGIN))[None]
HEIGHT, WIDTH = 218, 178


def rotated(points: np.ndarray, degrees: float, centre: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points - centre) @ turn.T + centre


def test_names_and_counts() -> None:
    assert REGIONS[:8] == (
        *("mouth", "ear", "lower_face", "cheeks", "nose", "eyes", "hair", "face"),
    )
    for region in REGIONS:
        boxes = region_boxes(FACE, region)
        assert boxes.shape == (1, 2 if region in ("ear", "cheeks") else 1, 4)
        assert boxes.dtype == np.float32
        assert (boxes[..., 2:] > boxes[..., :2]).all()
    with pytest.raises(UserError, match="Did you mean 'mouth'"):
        region_boxes(FACE, "moth")


def test_boxes_hold_their_points_and_keep_to_their_place() -> None:
    box = {region: region_boxes(FACE, region)[0] for region in REGIONS}
    for region, part in (
        ("mouth", wflw98.MOUTH),
        ("nose", wflw98.NOSE),
        ("eyes", wflw98.RIGHT_EYE),
        ("eyes", wflw98.LEFT_EYEBROW),
        ("face", slice(0, 98)),
        ("lower_face", slice(8, 25)),
        ("head", slice(0, 98)),
    ):
        points, (x0, y0, x1, y1) = FACE[0, part], box[region][0]
        assert (points >= (x0, y0)).all(), region
        assert (points <= (x1, y1)).all(), region
    # The face box is the smallest one: its sides are the outermost points.
    assert box["face"][0] == pytest.approx([*FACE[0].min(axis=0), *FACE[0].max(axis=0)], abs=1e-3)
    brows, chin = FACE[0, 33:51, 1], FACE[0, 16, 1]
    assert box["hair"][0, 3] == pytest.approx(brows.mean(), abs=2)  # down to the brows
    assert box["hair"][0, 1] < 45  # and up to the crown
    assert box["lower_face"][0, 3] > chin + 25  # the neck: necklace and necktie
    assert box["lower_face"][0, 1] > box["nose"][0, 3] - 3  # but no nose
    left, right = sorted(box["ear"].tolist())
    assert left[0] < FACE[0, :, 0].min() - 10  # outside the face on both sides
    assert right[2] > FACE[0, :, 0].max() + 10
    assert left[2] < 60 < 120 < right[0]
    for cheek in box["cheeks"]:
        assert cheek[1] > FACE[0, wflw98.PUPILS, 1].max()  # below the eyes
        assert cheek[3] < chin


@pytest.mark.parametrize("renumbered", [True, False])
def test_a_mirrored_face_has_mirrored_boxes(renumbered: bool) -> None:
    # A face that is neither upright nor symmetric.
    face = rotated(FACE, 12, (80, 100)) * (0.9, 1.05)
    mirrored = face * (-1, 1) + (WIDTH - 1, 0)
    if renumbered:
        mirrored = mirrored[:, wflw98.FLIP_ORDER]
    for region in REGIONS:
        boxes = region_boxes(face, region)[0]
        expected = np.stack(
            [WIDTH - 1 - boxes[:, 2], boxes[:, 1], WIDTH - 1 - boxes[:, 0], boxes[:, 3]], axis=1
        )
        got = region_boxes(mirrored, region)[0]
        order = [np.argsort(each[:, 0]) for each in (expected, got)]
        assert got[order[1]] == pytest.approx(expected[order[0]], abs=1e-2), region


@pytest.mark.parametrize("degrees", [-30, -15, 15, 30])
def test_a_rotated_face_keeps_its_regions(degrees: float) -> None:
    centre = wflw98.CELEBA_ORIGIN
    face = rotated(FACE, degrees, centre)
    for region in REGIONS:
        upright, turned = region_boxes(FACE, region)[0], region_boxes(face, region)[0]
        middle = (upright[:, :2] + upright[:, 2:]) / 2
        moved = rotated(middle, degrees, centre)
        got = (turned[:, :2] + turned[:, 2:]) / 2
        assert np.abs(got - moved).max() < 0.4 * wflw98.CELEBA_UNIT, region
    ear = region_boxes(face, "ear")[0]
    assert (ear[0, 1] < ear[1, 1]) == (degrees > 0)  # clockwise on screen: the left ear goes up


def test_an_upright_face_has_exactly_the_stated_ear() -> None:
    unit, (x, y) = wflw98.CELEBA_UNIT, wflw98.CELEBA_ORIGIN
    edge = FACE[0, 0:4, 0].mean()
    eyes = wflw98.five_points(FACE)[0, :2, 1].mean()
    expected = [edge - 0.42 * unit, eyes - 0.15 * unit, edge + 0.12 * unit, eyes + 1.25 * unit]
    boxes = region_boxes(FACE, "ear")[0]
    assert boxes[boxes[:, 0].argmin()] == pytest.approx(expected, rel=0.01)
    assert abs(eyes - y) < 1
    assert abs(boxes.mean(axis=0)[[0, 2]].mean() - x) < 1


def test_raster_keeps_pixels_whose_centre_is_inside() -> None:
    boxes = np.float32([[[1.5, 0, 3, 1.9], [3, 1, 9, 9]], [[-5, -5, 0, 0], [np.nan] * 4]])
    masks = rasterise(boxes, 4, 5)
    assert masks.dtype == np.uint8
    assert masks[0].tolist() == [[0, 0, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert masks[1].sum() == masks[1, 0, 0] == 1


def test_faces_without_points_have_empty_masks() -> None:
    unknown = FACE.copy()
    unknown[0, 40] = np.nan
    masks = region_masks(np.concatenate([FACE, unknown]), REGIONS, HEIGHT, WIDTH)
    assert masks.shape == (2, len(REGIONS), HEIGHT, WIDTH)
    assert (masks[0].any(axis=(1, 2))).all()
    assert not masks[1].any()
    assert np.isnan(region_boxes(unknown, "mouth")).all()
    assert region_masks(np.zeros((0, 98, 2)), ["mouth"], 8, 8).shape == (0, 1, 8, 8)


def test_ears_are_two_areas_and_the_others_one() -> None:
    import cv2

    masks = region_masks(FACE, REGIONS, HEIGHT, WIDTH)[0]
    for region, mask in zip(REGIONS, masks, strict=True):
        areas = cv2.connectedComponents(mask)[0] - 1
        assert areas == (2 if region in ("ear", "cheeks") else 1), region
