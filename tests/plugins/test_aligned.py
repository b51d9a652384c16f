"""Faces turned upright: the transform, what is not found, and what cannot move with the image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from farbench import Dataset, FaceIndex, KeypointModel, UserError
from farbench.benchmark.datasets import resolve_dataset
from farbench.benchmark.places import Places
from farbench.benchmark.schema import Images
from farbench.benchmark.tasks import choose_tasks
from farbench.data.source import open_source
from farbench.plugins.aligned import (
    FIVE_OF_98,
    AlignedDataset,
    cut_out,
    similarity,
    upright_places,
)
from farbench.plugins.manager import load_plugins
from farbench_datasets.synthetic_faces import SyntheticFaces

FACES = SyntheticFaces(train=6, valid=2, test=2)


class Known(KeypointModel):
    """Knows where the drawn faces are; does not find the second one."""

    name: ClassVar[str] = "known"

    def unavailable(self, index: FaceIndex) -> str:
        return ""

    def points(self, index: FaceIndex, read: Callable[[int], np.ndarray]) -> np.ndarray:
        whole = FACES.index(None)
        image = index.frame["image"][0]
        assert read(0).shape[2] == 3
        points = whole.points["wflw98"][whole.frame["image"] == image]
        return np.full_like(points, np.nan) if image == "face_000001" else points


def aligned(**options: object) -> AlignedDataset:
    return AlignedDataset(inner=FACES, keypoints=Known(), **options)


def test_a_similarity_is_found_again() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((5, 2)) * 100
    angle, scale, shift = 0.4, 1.7, np.array([3.0, -8.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(points, points @ turn.T + shift)
    assert matrix == pytest.approx(np.column_stack([turn, shift]))
    # A mirrored face is not mirrored back, and noise is averaged.
    assert np.linalg.det(similarity(points, points * [-1, 1])[:, :2]) > 0
    noisy = similarity(points, points @ turn.T + shift + rng.normal(0, 0.5, (5, 2)))
    assert noisy == pytest.approx(matrix, abs=2)


def test_eyes_nose_and_mouth_are_where_an_upright_face_has_them() -> None:
    """Dots painted on the five points are found at the places of the template."""
    dataset = aligned(side=112, margin=0.0)
    index = FACES.index(None)
    for row in list(index.frame.itertuples())[2:6]:
        points = index.points["wflw98"][row.Index][list(FIVE_OF_98)]
        places = upright_places(dataset.side, dataset.margin)
        matrix = similarity(points, places)
        moved = points @ matrix[:, :2].T + matrix[:, 2]
        # A head that is turned has its nose elsewhere; the other points are near.
        assert moved == pytest.approx(places, abs=9)
        image = dataset.read(None, row)
        assert image.shape == (112, 112, 3)
        plain = FACES.read(None, row)
        assert np.array_equal(
            image,
            cv2.warpAffine(plain, matrix, (112, 112), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_CONSTANT),
        )  # fmt: skip


def test_a_large_image_is_shrunk_before_it_is_sampled() -> None:
    """Stripes of one pixel in an image four times as large come out grey, not striped."""
    large = SyntheticFaces(train=6, valid=2, test=2, height=218 * 4, width=178 * 4)
    row = next(large.index(None).frame.itertuples())

    class Stripes(SyntheticFaces):
        def read(self, root: Path | None, row: object) -> np.ndarray:
            stripes = np.zeros((872, 712, 3), np.uint8)
            stripes[:, ::2] = 255
            return stripes

    class Scaled(Known):
        def points(self, index: FaceIndex, read: Callable[[int], np.ndarray]) -> np.ndarray:
            return (super().points(index, read) + 0.5) * 4 - 0.5

    striped = Stripes(train=6, valid=2, test=2)
    image = AlignedDataset(inner=striped, keypoints=Scaled(), side=112).read(None, row)
    assert abs(image.astype(int) - 127).max() < 30


def test_the_map_leads_from_the_image_to_the_cut_out_also_where_it_is_shrunk_first() -> None:
    points = FACES.index(None).points["wflw98"][3]
    places = upright_places(40, 0.0)

    class At(Known):
        factor: int = 1

        def points(self, index: FaceIndex, read: Callable[[int], np.ndarray]) -> np.ndarray:
            return (points[None] + 0.5) * self.factor - 0.5

    maps = {}
    for factor in (1, 4):
        image = np.zeros((218 * factor, 178 * factor, 3), np.uint8)
        _, maps[factor] = cut_out(image, At(factor=factor), places, (40, 40), "a")
    here = points @ maps[1][:, :2].T + maps[1][:, 2]
    there = ((points + 0.5) * 4 - 0.5) @ maps[4][:, :2].T + maps[4][:, 2]
    assert there == pytest.approx(here, abs=0.01)


def test_a_margin_keeps_more_of_the_head() -> None:
    row = next(FACES.index(None).frame.itertuples())
    narrow, wide = upright_places(64, 0.0), upright_places(64, 1.0)
    assert np.ptp(wide, axis=0) == pytest.approx(np.ptp(narrow, axis=0) / 2)
    assert aligned(side=64).read(None, row).shape == (64, 64, 3)


def test_a_face_that_is_not_found_stays_as_it_is() -> None:
    rows = list(FACES.index(None).frame.itertuples())
    assert np.array_equal(aligned().read(None, rows[1]), FACES.read(None, rows[1]))
    assert not np.array_equal(aligned().read(None, rows[0]).shape, FACES.read(None, rows[0]).shape)


def test_points_that_lie_in_one_place_are_no_face() -> None:
    class Zeros(Known):
        def points(self, index: FaceIndex, read: Callable[[int], np.ndarray]) -> np.ndarray:
            return np.zeros((1, 98, 2), np.float32)

    row = next(FACES.index(None).frame.itertuples())
    dataset = AlignedDataset(inner=FACES, keypoints=Zeros())
    assert np.array_equal(dataset.read(None, row), FACES.read(None, row))


def test_what_is_in_pixels_is_not_offered_and_the_identity_says_how() -> None:
    dataset = aligned()
    kinds = {task.kind for task in dataset.tasks()}
    assert "landmarks" not in kinds
    assert {"attributes", "scalar", "classes"} <= kinds
    points, *_ = [task.name for task in FACES.tasks() if task.kind == "landmarks"]
    with pytest.raises(UserError, match=f"here: task '{points}' of synthetic_faces is in pixels"):
        choose_tasks(dataset, [points], "here")
    source = open_source(dataset, None, Images())
    assert source.index.points == {}
    assert "aligned by known" in source.index.notes[-1]
    assert dataset.options()["align"]["keypoints"]["name"] == "known"
    other = open_source(aligned(margin=0.5), None, Images())
    assert len({source.manifest, other.manifest, open_source(FACES, None, Images()).manifest}) == 3
    assert Known.__module__ in dataset.modules()


def test_entries_of_a_benchmark_file() -> None:
    registry = load_plugins()
    if not registry.datasets:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    here = Places({(): "bench.yaml:3"})

    def resolve(spec: object) -> Dataset:
        return resolve_dataset(spec, registry, here, ())  # type: ignore[arg-type]

    dataset = resolve({"name": "synthetic_faces", "align": {"name": "canonical", "side": 64}})
    assert isinstance(dataset, AlignedDataset)
    assert (dataset.side, dataset.keypoints.name) == (64, "canonical")
    both = resolve(
        {"name": "synthetic_faces", "align": "canonical", "map": {"gender": {"Male": "man"}}}
    )
    assert both.options()["align"]["side"] == 224
    assert [task.classes for task in both.tasks() if task.name == "gender"] == [("man", "Female")]
    with pytest.raises(UserError, match=r"unknown keypoint model 'dlib86'\. Did you mean 'dlib68'"):
        resolve({"name": "synthetic_faces", "align": "dlib86"})
    with pytest.raises(UserError, match="expected a keypoint model"):
        resolve({"name": "synthetic_faces", "align": 3})
    exact = resolve({"name": "synthetic_faces", "align": "exact"})
    with pytest.raises(UserError, match="align: keypoint model 'exact' cannot find faces"):
        exact.index(Path())
