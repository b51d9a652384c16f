"""The corruptions that ship do what their options say."""

import numpy as np
import pytest
from pydantic import ValidationError

from farbench.robustness.corrupt import corrupt
from farbench_corruptions.blur import Blur
from farbench_corruptions.noise import Noise
from farbench_corruptions.occlusion import Occlusion
from farbench_corruptions.rotation import Rotation
from farbench_corruptions.scale import Scale

SIDE = 100
GREY = np.full((40, SIDE, SIDE, 3), 100, np.uint8)
IDS = [str(number) for number in range(len(GREY))]


def changed(corruption, strength, images=GREY):
    return corrupt(corruption, images, IDS[: len(images)], strength, 0)[0]


@pytest.mark.parametrize("strength", [1, 2, 3, 4, 5])
def test_a_square_of_the_side_hides_the_same_spot_ever_more(strength):
    hidden = (changed(Occlusion(), strength) != 100).any(-1)
    expected = (Occlusion().side[strength - 1] * SIDE) ** 2
    assert np.allclose(hidden.sum((1, 2)), expected, rtol=0.3 if strength == 1 else 0.08)
    if strength > 1:
        before = (changed(Occlusion(), strength - 1) != 100).any(-1)
        assert not (before & ~hidden).any()


def test_the_square_lies_on_the_face_and_is_grey_or_of_any_colour():
    images = changed(Occlusion(), 1)
    ys, xs = np.nonzero((images != 100).any((0, 3)))
    assert min(ys.min(), xs.min()) >= 20
    assert max(ys.max(), xs.max()) <= 80
    assert set(np.unique(images)) == {100, 128}
    assert len(np.unique(changed(Occlusion(colour="random"), 1))) > 20


def test_noise_has_the_deviation_that_is_asked_for():
    for strength, std in enumerate(Noise().std, 1):
        noisy = changed(Noise(), strength).astype(float)
        # Values are cut at 0 and 255, the widest noise a little.
        assert noisy.std() == pytest.approx(255 * std, rel=0.05)
        assert noisy.mean() == pytest.approx(100, abs=0.5)
    assert not np.array_equal(noisy[0], noisy[1])


def test_blur_spreads_a_dot_by_sigma():
    dot = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    dot[0, 45:56, 45:56] = 255
    for strength, sigma in enumerate(Blur().sigma, 1):
        line = changed(Blur(), strength, dot)[0].sum((0, 2)).astype(float)
        x = np.arange(SIDE)
        middle = (line * x).sum() / line.sum()
        spread = (line * (x - middle) ** 2).sum() / line.sum()
        assert spread - 10 == pytest.approx((sigma * SIDE) ** 2, rel=0.12, abs=0.1)


def test_faces_are_turned_to_both_sides_by_the_angle():
    for strength, degrees in enumerate(Rotation().degrees, 1):
        matrices = corrupt(Rotation(), GREY, IDS, strength, 0)[1]
        angles = np.rad2deg(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
        assert np.allclose(np.abs(angles), degrees)
        assert 10 < (angles > 0).sum() < 30
        middle = np.array([(SIDE - 1) / 2] * 2 + [1])
        assert np.allclose(matrices @ middle, middle[:2])


def test_faces_grow_or_shrink_by_the_factor():
    for strength, factor in enumerate(Scale().factor, 1):
        matrices = corrupt(Scale(), GREY, IDS, strength, 0)[1]
        steps = matrices[:, 0, 0]
        assert np.allclose(np.maximum(steps, 1 / steps), factor)
        assert 10 < (steps > 1).sum() < 30


def test_each_strength_needs_a_number():
    with pytest.raises(ValidationError, match="at least 5 items"):
        Blur(sigma=(0.1, 0.2))
    with pytest.raises(ValidationError, match="greater than 1"):
        Scale(factor=(1, 1.1, 1.2, 1.3, 1.4))
