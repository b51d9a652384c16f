"""Targets of a batch: landmarks move with their image, and come back to original pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_parts import colour_targets

from farbench import Landmarks, TrainStatistics
from farbench.benchmark.schema import Augmentation
from farbench.data import geometry
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages
from farbench.data.targets import Targets, to_predictions

CORNERS = Landmarks("points", "three", 3, (1, 0, 2), ((0,), (1,)))
"""Left, right and bottom: the first two change places in a mirrored image."""


def dots(count: int = 12, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Return images with a red, a green and a blue dot and where they are, ``(N, 3, 2)``."""
    rng = np.random.default_rng(1)
    points = np.stack([rng.integers([9, 12], [18, 24], (count, 2)),
                       rng.integers([28, 12], [38, 24], (count, 2)),
                       rng.integers([18, 30], [30, 38], (count, 2))], axis=1)  # fmt: skip
    pixels = np.zeros((count, side, side, 3), np.uint8)
    for n in range(count):
        for channel, (x, y) in enumerate(points[n]):
            pixels[n, y - 2 : y + 3, x - 2 : x + 3, channel] = 255
    return pixels, points.astype(np.float32)


def test_points_stay_on_what_they_mark_under_crop_rotation_and_flip() -> None:
    pixels, points = dots()
    targets = Targets((CORNERS,), {}, {"points": points})
    batches = Batches(pixels, targets, None, 40, 10, 12)
    strong = Augmentation(crop="random", flip=0.5, rotation=25, rotation_probability=0.9)
    (batch,) = batches.train(np.arange(12), strong, 0, "joint", 1)
    found = batch.targets["points"].numpy().reshape(12, 3, 2) * 40 - 0.5
    images = batch.images.numpy().astype(float)
    mirrored = 0
    for n in range(12):
        rows, columns = np.mgrid[:40, :40]
        centres = []
        for channel in range(3):
            weight = images[n, :, :, channel]
            centres.append(
                [(columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()]
            )
        red, green, blue = np.array(centres)
        flipped = red[0] > green[0]
        mirrored += flipped
        expected = [green, red, blue] if flipped else [red, green, blue]
        assert found[n] == pytest.approx(np.array(expected), abs=0.6), n
        # The point on the left of the image is the left one, mirrored or not.
        assert found[n, 0, 0] < found[n, 1, 0]
    assert 2 <= mirrored <= 10


def test_outputs_go_back_to_original_pixels() -> None:
    _, points = dots()
    sizes = np.tile(np.array([[96, 144]], np.int32), (12, 1))  # height, width
    packed = PackedImages(np.zeros((12, 48, 48, 3), np.uint8), sizes, {})
    original = (points + 0.5) * np.float32([3, 2]) - 0.5
    in_packed = packed.to_packed(original.astype(np.float32))
    assert in_packed == pytest.approx(points, abs=1e-4)
    targets = Targets((CORNERS,), {}, {"points": in_packed})
    taken = targets.take(np.arange(12), geometry.center_crop(12, 48, 40), 40)["points"]
    assert taken.shape == (12, 6)
    back = to_predictions(CORNERS, taken.numpy(), TrainStatistics(), packed, np.arange(12), crop=40)
    assert back == pytest.approx(original, abs=1e-3)


def test_unknown_points_stay_unknown_and_others_do_not_catch_it() -> None:
    pixels, points = dots()
    points[3, 1] = np.nan
    batches = Batches(pixels, Targets((CORNERS,), {}, {"points": points}), None, 40, 10, 12)
    (batch,) = batches.evaluate(np.arange(12))
    unknown = np.isnan(batch.targets["points"].numpy())
    assert unknown.sum() == 2
    assert unknown[3].tolist() == [False, False, True, True, False, False]


def test_whole_numbers_are_taken_as_they_are() -> None:
    labels = np.array([[1, 0, -1, 1]] * 3, np.int8)
    taken = colour_targets(labels).take(np.array([2, 0]), geometry.center_crop(2, 8, 8), 8)
    assert taken["colours"].tolist() == [[1, 0, -1, 1]] * 2


def test_landmarks_that_nobody_carries_are_told_before_an_image_is_opened(tmp_path: Path) -> None:
    from farbench import Dataset, UserError
    from farbench.benchmark.schema import Images
    from farbench.data.source import open_source
    from farbench.data.targets import planned_statistics
    from farbench.plugins.dataset import FaceIndex
    from farbench_datasets.synthetic_faces import SyntheticFaces

    class Pointless(SyntheticFaces):
        def index(self, root: Path | None) -> FaceIndex:
            return FaceIndex(super().index(root).frame)

    source = open_source(Pointless(train=3, valid=2, test=2), None, Images())
    tasks = {task.name: task for task in source.dataset.tasks()}
    assert isinstance(source.dataset, Dataset)
    with pytest.raises(UserError, match=r"of its train split has a label for .*landmarks"):
        planned_statistics(source, (tasks["landmarks"],))
    assert planned_statistics(source, (tasks["attributes"],))["attributes"].prevalence
