"""Tests of the synthetic faces: same bytes again, rates, exact points, visible attributes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from farbench.masks import wflw98
from farbench_datasets.synthetic import (
    ATTRIBUTES,
    FREQUENCIES,
    Face,
    draw_face,
    sample_face,
    with_attribute,
)

COLUMN = {name: place for place, name in enumerate(ATTRIBUTES)}
COUNT = 4000
OUTER_LIPS = slice(76, 88)


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return [sample_face(0, index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def table(faces: list[Face]) -> NDArray[np.int8]:
    return np.stack([face.attributes for face in faces])


def plain_face(seed: int = 3, **wanted: bool) -> Face:
    """A sharp, unoccluded, nearly frontal face with labels as wanted."""
    for index in range(2000):
        face = sample_face(seed, index)
        frontal = abs(face.look.yaw) < 0.12 and abs(face.look.pitch) < 0.15
        clear = face.look.occluder is None and face.shown["Blurry"] < -2
        if frontal and clear and all(face.has(name) == wanted[name] for name in wanted):
            return face
    pytest.fail("no plain face found")


def differing(first: Face, second: Face) -> NDArray[np.bool_]:
    """Pixels (218, 178) in which two faces' pictures clearly differ."""
    change = np.abs(draw_face(first).astype(int) - draw_face(second).astype(int)).max(axis=2)
    return change > 12


# The 98-point layout ---------------------------------------------------------------------------


def test_the_mirror_pairs_are_an_involution_and_keep_the_parts() -> None:
    order = wflw98.FLIP_ORDER
    assert (order[order] == np.arange(98)).all()
    assert np.flatnonzero(order == np.arange(98)).tolist() == [
        *(16, 51, 52, 53, 54, 57, 79, 85, 90, 94)
    ]
    assert set(order[wflw98.RIGHT_EYE].tolist()) == set(range(68, 76))
    assert set(order[33:38].tolist()) == set(range(42, 47))  # upper brow to upper brow


def test_the_frontal_face_is_its_own_mirror_image() -> None:
    mirrored = wflw98.FRONTAL[wflw98.FLIP_ORDER] * np.float32([-1, 1])
    np.testing.assert_allclose(mirrored, wflw98.FRONTAL, atol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        wflw98.FRONTAL[0, 0] = 0.0


def test_the_frontal_face_has_celebas_proportions() -> None:
    five = wflw98.five_points(wflw98.FRONTAL) * wflw98.CELEBA_UNIT + wflw98.CELEBA_ORIGIN
    celeba = [(69.5, 111.5), (108.0, 111.5), (88.5, 134.0), (71.0, 152.0), (106.0, 152.0)]
    np.testing.assert_allclose(five, celeba, atol=0.7)


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(\.\.\., 98, 2\)"):
        wflw98.five_points(np.zeros((68, 2)))


# Sampling --------------------------------------------------------------------------------------


def test_the_names_are_celebas_forty() -> None:
    assert len(ATTRIBUTES) == len(set(ATTRIBUTES)) == 40
    assert (ATTRIBUTES[0], ATTRIBUTES[20], ATTRIBUTES[39]) == ("5_o_Clock_Shadow", "Male", "Young")
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES, key=str)


def test_a_face_depends_on_seed_and_index_alone(faces: list[Face]) -> None:
    again = sample_face(0, 17)
    assert (again.attributes == faces[17].attributes).all()
    assert (again.points == faces[17].points).all()
    assert again.look == faces[17].look
    assert sample_face(1, 17).look != again.look
    assert sample_face(0, 18).look != again.look


def test_the_attribute_matrix_is_the_one_recorded(table: NDArray[np.int8]) -> None:
    # Results on the synthetic data are only comparable while this holds: a change of the sampling
    # must be made on purpose, and this value with it.
    digest = hashlib.sha256(np.ascontiguousarray(table[:1000]).tobytes()).hexdigest()
    assert digest[:16] == "08980d44e51fdf99"


def test_the_rates_are_celebas(table: NDArray[np.int8]) -> None:
    wanted = np.array([FREQUENCIES[name] for name in ATTRIBUTES])
    # Four standard errors of a share among 4000, and a little for the fit.
    allowed = 4 * np.sqrt(wanted * (1 - wanted) / COUNT) + 0.004
    off = np.abs(table.mean(axis=0) - wanted) > allowed
    assert [name for name, wrong in zip(ATTRIBUTES, off, strict=True) if wrong] == []


@pytest.mark.parametrize(
    ("name", "excluded"),
    [
        *(("No_Beard", part) for part in ("Goatee", "Mustache", "5_o_Clock_Shadow")),
        *(("Bald", hair) for hair in ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")),
        *(("Bald", form) for form in ("Bangs", "Straight_Hair", "Wavy_Hair", "Wearing_Hat")),
        *(("Gray_Hair", color) for color in ("Black_Hair", "Blond_Hair", "Brown_Hair")),
        ("Black_Hair", "Brown_Hair"),
        ("Brown_Hair", "Blond_Hair"),
        ("Straight_Hair", "Wavy_Hair"),
        ("Bangs", "Receding_Hairline"),
    ],
)
def test_what_excludes_each_other_never_meets(
    table: NDArray[np.int8], name: str, excluded: str
) -> None:
    assert not (table[:, COLUMN[name]] & table[:, COLUMN[excluded]]).any()


def test_only_men_have_beards(table: NDArray[np.int8]) -> None:
    women = table[table[:, COLUMN["Male"]] == 0]
    for part in ("Goatee", "Mustache", "5_o_Clock_Shadow", "Sideburns", "Bald"):
        assert not women[:, COLUMN[part]].any()
    assert women[:, COLUMN["No_Beard"]].all()


@pytest.mark.parametrize(
    ("first", "second", "at_least"),
    [
        ("Heavy_Makeup", "Wearing_Lipstick", 0.6),
        ("Smiling", "High_Cheekbones", 0.45),
        ("Smiling", "Mouth_Slightly_Open", 0.35),
        ("Attractive", "Young", 0.25),
        ("Attractive", "Heavy_Makeup", 0.25),
        ("Chubby", "Double_Chin", 0.3),
    ],
)
def test_the_strong_correlations_hold(
    table: NDArray[np.int8], first: str, second: str, at_least: float
) -> None:
    both = np.corrcoef(table[:, COLUMN[first]], table[:, COLUMN[second]])
    assert both[0, 1] > at_least


def test_label_noise_flips_labels_and_nothing_else() -> None:
    clean = [sample_face(4, index) for index in range(200)]
    noisy = [sample_face(4, index, label_noise=0.1) for index in range(200)]
    flips = np.mean([a.attributes != b.attributes for a, b in zip(clean, noisy, strict=True)])
    assert 0.08 < flips < 0.12
    for before, after in zip(clean, noisy, strict=True):
        assert (before.attributes == after.true_attributes).all()
        assert before.look == after.look
    assert (draw_face(clean[0]) == draw_face(noisy[0])).all()


@pytest.mark.parametrize("arguments", [(-1, 0), (0, -1), (0, 2**64), (0, 0, 1.5), (0, 0, -0.1)])
def test_arguments_out_of_range_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        sample_face(*arguments)  # type: ignore[arg-type]


# Points ----------------------------------------------------------------------------------------


def test_points_lie_in_the_frame_and_in_order(faces: list[Face]) -> None:
    points = np.stack([face.points for face in faces[:1000]])
    assert points.dtype == np.float32
    assert points.shape == (1000, 98, 2)
    assert (points > -5).all()
    assert (points[..., 0] < 183).all()
    assert (points[..., 1] < 223).all()
    five = wflw98.five_points(points)
    assert (five[:, 0, 0] < five[:, 1, 0]).all()
    assert (five[:, :2, 1].mean(axis=1) < five[:, 2, 1]).all()
    assert (five[:, 2, 1] < five[:, 3:, 1].mean(axis=1)).all()
    np.testing.assert_allclose(five.mean(axis=(0, 1)), (88.75, 132.2), atol=0.5)


def test_pose_and_size_vary(faces: list[Face]) -> None:
    five = wflw98.five_points(np.stack([face.points for face in faces[:1000]]))
    distance = np.linalg.norm(five[:, 1] - five[:, 0], axis=1)
    assert 1.5 < distance.std() < 6
    assert five.mean(axis=1).std(axis=0).min() > 1.5
    nose_side = five[:, 2, 0] - five[:, :2, 0].mean(axis=1)
    assert nose_side.min() < -8
    assert nose_side.max() > 8


def test_the_points_follow_an_open_mouth() -> None:
    face = plain_face()
    shut = with_attribute(face, "Mouth_Slightly_Open", False).points
    wide = with_attribute(face, "Mouth_Slightly_Open", True).points
    gap = [float(np.linalg.norm(points[94] - points[90])) for points in (shut, wide)]
    assert gap[1] > gap[0] + 1.5


# Pictures --------------------------------------------------------------------------------------


def test_the_same_face_gives_the_same_bytes() -> None:
    first = draw_face(sample_face(7, 3))
    for other in (1, 2):
        draw_face(sample_face(7, other))  # another face in between must not matter
    assert first.dtype == np.uint8
    assert first.shape == (218, 178, 3)
    assert (draw_face(sample_face(7, 3)) == first).all()
    assert (draw_face(sample_face(7, 4)) != first).any()


@pytest.mark.parametrize("size", [(138, 112), (112, 112), (64, 48), (436, 356)])
def test_other_sizes_show_the_same_frame(size: tuple[int, int]) -> None:
    import cv2

    face = plain_face()
    small = cv2.resize(draw_face(face, *size), (44, 54), interpolation=cv2.INTER_AREA)
    reference = cv2.resize(draw_face(face), (44, 54), interpolation=cv2.INTER_AREA)
    assert draw_face(face, *size).shape == (*size, 3)
    likeness = np.corrcoef(small.ravel(), reference.ravel())[0, 1]
    assert likeness > 0.93


def test_a_picture_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="24 px"):
        draw_face(sample_face(0, 0), 16, 16)


def test_every_face_can_be_drawn(faces: list[Face]) -> None:
    for face in faces[:60]:
        picture = draw_face(face, 138, 112)
        assert picture.std() > 8


def test_eyeglasses_change_the_picture_round_the_eyes_only() -> None:
    face = plain_face(Eyeglasses=False)
    changed = differing(face, with_attribute(face, "Eyeglasses", True))
    eyes = wflw98.five_points(face.points)[:2]
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 100
    assert np.abs(rows - eyes[:, 1].mean()).max() < 0.6 * unit
    assert np.abs(columns - eyes[:, 0].mean()).max() < 1.6 * unit


def test_lipstick_reddens_the_lips_at_their_points() -> None:
    face = plain_face(Male=False)
    bare = with_attribute(face, "Wearing_Lipstick", False, 3.0)
    made_up = with_attribute(face, "Wearing_Lipstick", True, 3.0)
    lower_lip = np.rint((face.points[94] + face.points[85]) / 2).astype(int)
    cheek = np.rint(face.points[3] * 0.3 + face.points[76] * 0.7).astype(int)

    def redness(of: Face, at: NDArray[np.int64]) -> float:
        patch = draw_face(of)[at[1] - 1 : at[1] + 2, at[0] - 1 : at[0] + 2].astype(float)
        return float((patch[..., 0] - patch[..., 1]).mean())

    assert redness(made_up, lower_lip) > redness(bare, lower_lip) + 25
    assert abs(redness(made_up, cheek) - redness(bare, cheek)) < 4


@pytest.mark.parametrize("seed", [3, 8, 9, 12])
def test_pupils_and_lips_are_painted_where_their_points_are(seed: int) -> None:
    face = with_attribute(plain_face(seed, Eyeglasses=False, Male=False), "Narrow_Eyes", False, 4.0)
    face = with_attribute(face, "Wearing_Lipstick", True, 4.0)
    face = with_attribute(face, "Mouth_Slightly_Open", False, 4.0)
    picture = draw_face(face).astype(float)
    rows, columns = np.mgrid[:218, :178]

    def centre_of(weight: NDArray[np.float64], part: slice) -> NDArray[np.float64]:
        left, top = face.points[part].min(axis=0)
        right, bottom = face.points[part].max(axis=0)
        box = (columns >= left - 4) & (columns <= right + 4)
        box &= (rows >= top - 3) & (rows <= bottom + 3)
        weight = np.where(box, weight - np.median(weight[box]), 0.0).clip(0)
        weight = weight**2
        return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()

    red = picture[..., 0] - picture[..., 1]
    lips = face.points[OUTER_LIPS]
    middle = (lips.min(axis=0) + lips.max(axis=0)) / 2
    assert np.linalg.norm(centre_of(red, OUTER_LIPS) - middle) < 3.0
    for pupil in face.points[wflw98.PUPILS]:
        x, y = np.rint(pupil).astype(int)
        dark = picture[y - 1 : y + 2, x - 1 : x + 2].mean()
        sides = [picture[y - 1 : y + 2, x + step].mean() for step in (-6, 6)]
        assert dark < max(sides) - 12


@pytest.mark.parametrize("shift", [(9.0, 0.0), (0.0, -7.0)])
def test_the_painted_eyes_move_with_their_points(shift: tuple[float, float]) -> None:
    face = plain_face(Eyeglasses=False)
    moved = replace(
        face,
        points=face.points + np.float32(shift),
        projection=replace(face.projection, offset=face.projection.offset + np.float32(shift)),
    )
    across, down = int(shift[0]), int(shift[1])
    before, after = draw_face(face).astype(int), draw_face(moved).astype(int)
    for pupil in np.rint(face.points[96:98]).astype(int):
        x, y = pupil
        patch = before[y - 6 : y + 7, x - 9 : x + 10]
        follow = after[y - 6 + down : y + 7 + down, x - 9 + across : x + 10 + across]
        stay = after[y - 6 : y + 7, x - 9 : x + 10]
        assert np.abs(patch - follow).mean() < 0.5 * np.abs(patch - stay).mean()


@pytest.mark.parametrize(
    ("name", "sex"),
    [(name, "man") for name in ("5_o_Clock_Shadow", "Goatee", "Mustache", "Sideburns", "Bald")]
    + [(name, "woman") for name in ("Heavy_Makeup", "Wearing_Earrings", "Bangs", "Rosy_Cheeks")]
    + [(name, "woman") for name in ("Wearing_Hat", "Wavy_Hair", "Gray_Hair", "Bags_Under_Eyes")]
    + [(name, "woman") for name in ("Smiling", "Big_Nose", "Big_Lips", "Narrow_Eyes", "Blurry")]
    + [(name, "man") for name in ("Bushy_Eyebrows", "Arched_Eyebrows", "Double_Chin", "Chubby")]
    + [(name, "man") for name in ("Wearing_Necktie", "Receding_Hairline", "Oval_Face")]
    + [(name, "woman") for name in ("Wearing_Necklace", "High_Cheekbones", "Pointy_Nose")],
)
def test_the_attribute_is_visible(name: str, sex: str) -> None:
    face = plain_face(Male=sex == "man", Wearing_Hat=False, Bald=False)
    without = with_attribute(face, name, False, 2.5)
    assert differing(without, with_attribute(face, name, True, 2.5)).sum() > 15
