"""Corrupted images: numbers belong to an image, the same at every strength; matrices are true."""

from typing import ClassVar

import cv2
import numpy as np
import pytest

from farbench import Corruption
from farbench.data.geometry import map_points
from farbench.errors import CellFailed
from farbench.plugins.manager import load_plugins
from farbench.robustness.corrupt import corrupt

IDS = ["a.jpg", "b.jpg", "c.jpg"]


class Drawn(Corruption):
    """Writes its first random number over the image."""

    name: ClassVar[str] = "drawn"

    def apply(self, image, strength, random):
        return np.full_like(image, round(255 * random.random()))


class Shift(Corruption):
    """Moves the image to the right, then darkens it."""

    name: ClassVar[str] = "shift"

    def matrix(self, side, strength, random):
        return np.array([[1.0, 0, -strength], [0, 1, 0]])

    def apply(self, image, strength, random):
        return image // 2


def noise(count=3, side=24):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def drawn(ids, strength=1, seed=0):
    return corrupt(Drawn(), noise(len(ids)), ids, strength, seed)[0][:, 0, 0, 0].tolist()


def test_random_numbers_belong_to_image_and_seed_and_not_to_strength_or_order():
    first = drawn(IDS)
    assert len(set(first)) == 3
    assert drawn(IDS, strength=5) == first
    assert drawn(IDS[::-1]) == first[::-1]
    assert drawn(IDS[1:]) == first[1:]
    assert drawn(IDS, seed=1) != first


def test_another_corruption_draws_other_numbers():
    class Other(Drawn):
        name: ClassVar[str] = "other"

    assert corrupt(Other(), noise(), IDS, 1, 0)[0][:, 0, 0, 0].tolist() != drawn(IDS)


def test_images_are_moved_first_then_changed_and_the_originals_stay():
    images = noise()
    before = images.copy()
    changed, matrices = corrupt(Shift(), images, IDS, 2, 0)
    assert np.array_equal(images, before)
    assert np.array_equal(changed[:, :, 2:], before[:, :, :-2] // 2)
    assert np.array_equal(changed[:, :, :2], before[:, :, :1].repeat(2, axis=2) // 2)
    assert matrices.shape == (3, 2, 3)
    assert np.allclose(map_points(np.float32([[[5, 7]]] * 3), matrices), [[[7, 7]]] * 3)


def test_where_nothing_moves_there_are_no_matrices():
    assert corrupt(Drawn(), noise(), IDS, 1, 0)[1] is None


@pytest.mark.parametrize("name", ["rotation", "scale"])
def test_points_move_with_the_pixels_of_what_ships(name):
    """A dot is where its point is moved to."""
    side, dots = 96, np.float32([[30, 40], [60, 34], [48, 70]])
    images = np.zeros((3, side, side, 3), np.uint8)
    for image, (x, y) in zip(images, dots, strict=True):
        cv2.circle(image, (int(x), int(y)), 3, (255, 255, 255), -1)
    for strength in range(1, 6):
        corruption = load_plugins().corruptions[name].value()
        changed, matrices = corrupt(corruption, images, IDS, strength, 0)
        moved = map_points(dots[:, None], matrices)[:, 0]
        weight = changed[..., 0].astype(float)
        ys, xs = np.mgrid[:side, :side]
        seen = [[(w * g).sum() / w.sum() for g in (xs, ys)] for w in weight]
        assert np.abs(np.array(seen) - moved).max() < 0.3
        assert np.abs(moved - dots).max() > 0.3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"apply": lambda self, image, s, r: image.astype(float)}, "gave float64"),
        ({"apply": lambda self, image, s, r: image[1:]}, r"asks for uint8 \(24, 24, 3\)"),
        ({"matrix": lambda self, side, s, r: np.zeros((2, 3))}, "has an inverse"),
        ({"matrix": lambda self, side, s, r: np.eye(3)}, r"\(2, 3\) map"),
    ],
)
def test_a_corruption_that_breaks_its_contract_is_told(change, words):
    broken = type("Broken", (Drawn,), {"__module__": __name__, **change})
    with pytest.raises(CellFailed, match=words):
        corrupt(broken(), noise(), IDS, 1, 0)
