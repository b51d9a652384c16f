"""Keypoint models: what each needs, what it gives, and which one `auto` takes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from farbench.errors import UserError
from farbench.masks import wflw98
from farbench.plugins.dataset import FaceIndex
from farbench_keypoints import dlib68, farbench_keypoints
from farbench_keypoints.auto import Auto
from farbench_keypoints.canonical import Canonical
from farbench_keypoints.celeba5 import CelebA5, fit_canonical
from farbench_keypoints.dlib68 import Dlib68
from farbench_keypoints.exact import Exact
from farbench_keypoints.farl98 import Farl98
from farbench_keypoints.ibug68 import wflw98_from_ibug68

FACE = wflw98.FRONTAL * wflw98.CELEBA_UNIT + np.float32(wflw98.CELEBA_ORIGIN)


def index_of(count: int, **points: np.ndarray) -> FaceIndex:
    return FaceIndex(pd.DataFrame({"image": [str(n) for n in range(count)]}), dict(points))


def never(position: int) -> np.ndarray:
    raise AssertionError("no image may be opened")


def blank(position: int) -> np.ndarray:
    return np.zeros((218, 178, 3), np.uint8)


def test_every_model_has_a_name_a_summary_and_a_source_of_its_own() -> None:
    models = farbench_keypoints()
    assert [model.name for model in models] == [
        *("auto", "exact", "celeba5", "dlib68", "farl98", "canonical"),
    ]
    assert all(len(model.summary()) > 20 for model in models)


def test_exact_gives_the_points_of_the_data_set() -> None:
    points = np.stack([FACE, FACE + 3])
    assert np.array_equal(Exact().points(index_of(2, wflw98=points), never), points)
    assert "synthetic_faces" in Exact().unavailable(index_of(2))
    with pytest.raises(UserError, match="no 98 points"):
        Exact().points(index_of(2), never)


def test_celeba5_returns_a_placed_canonical_face_exactly() -> None:
    angle = np.deg2rad(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    faces = np.stack([FACE, 1.3 * FACE @ turn.T + (7, -4), FACE]).astype(np.float32)
    five = wflw98.five_points(faces)
    five[2, 4, 0] = np.nan
    fitted = CelebA5().points(index_of(3, landmarks5=five), never)
    assert fitted.dtype == np.float32
    assert fitted[:2] == pytest.approx(faces[:2], abs=1e-2)
    assert np.isnan(fitted[2]).all()
    assert "option `landmarks`" in CelebA5().unavailable(index_of(1))


def test_celeba5_moves_the_outline_against_the_nose_of_a_turned_face() -> None:
    five = wflw98.five_points(FACE[None])
    five[0, 2, 0] += 10  # the nose tip goes to the image's right: the head turns there
    moved = fit_canonical(five)[0] - FACE
    assert moved[wflw98.NOSE_TIP, 0] > 7
    assert moved[0, 0] < -5
    assert moved[32, 0] < -5


def test_canonical_follows_the_image_size_and_says_that_it_is_a_makeshift() -> None:
    sizes = [(218, 178), (436, 356), (218, 89)]
    index = index_of(3)
    points = Canonical().points(index, lambda p: np.zeros((*sizes[p], 3), np.uint8))
    assert points[0] == pytest.approx(FACE, abs=1e-3)
    assert points[1] == pytest.approx(2 * FACE + 0.5, abs=1e-3)
    assert points[2, :, 1] == pytest.approx(FACE[:, 1], abs=1e-3)
    assert points[2, :, 0] == pytest.approx((FACE[:, 0] + 0.5) / 2 - 0.5, abs=1e-3)
    assert "average face" in Canonical().note(index)


def test_the_98_points_keep_the_68_and_follow_every_affine_map() -> None:
    ibug = np.random.default_rng(0).normal(100, 30, (3, 68, 2))
    ibug[2, 5] = np.nan
    points = wflw98_from_ibug68(ibug)
    assert points.shape == (3, 98, 2)
    assert np.isnan(points[2]).any()
    for wflw, own in ((0, 0), (16, 8), (32, 16), (33, 17), (42, 22), (54, 30), (57, 33)):
        assert points[:2, wflw] == pytest.approx(ibug[:2, own], abs=1e-3)
    for wflw, own in ((60, 36), (64, 39), (68, 42), (72, 45), (76, 48), (82, 54), (88, 60)):
        assert points[:2, wflw] == pytest.approx(ibug[:2, own], abs=1e-3)
    shear = np.array([[1.1, 0.2], [-0.3, 0.8]])
    assert wflw98_from_ibug68(ibug[:2] @ shear.T + 5) == pytest.approx(
        points[:2] @ shear.T + 5, abs=1e-3
    )


def ibug_of_canonical() -> np.ndarray:
    """The 68 points that lie on the canonical face, taken from the 98 by their meaning."""
    ibug = np.empty((68, 2))
    ibug[:17] = FACE[0:33:2]
    ibug[17:22], ibug[22:27] = FACE[33:38], FACE[42:47]
    ibug[27:36] = FACE[51:60]
    third = [(60, 61, 62), (64, 63, 62), (64, 65, 66), (60, 67, 66)]
    for eye, first in ((36, 60), (42, 68)):
        corner, inner = FACE[first], FACE[first + 4]
        ibug[eye], ibug[eye + 3] = corner, inner
        for own, (_, near, far) in zip((1, 2, 4, 5), third, strict=True):
            shift = first - 60
            ibug[eye + own] = (2 * FACE[near + shift] + FACE[far + shift]) / 3
    ibug[48:68] = FACE[76:96]
    return ibug


def test_interpolated_points_lie_on_the_curves_of_a_face() -> None:
    points = wflw98_from_ibug68(ibug_of_canonical()[None])[0]
    error = np.linalg.norm(points - FACE, axis=1) / wflw98.CELEBA_UNIT
    assert error.max() < 0.12
    assert error[wflw98.CONTOUR].max() < 0.03
    # Left stays left: a mirrored face gives the mirrored points.
    assert points[wflw98.FLIP_ORDER] * (-1, 1) == pytest.approx(
        points - (2 * wflw98.CELEBA_ORIGIN[0], 0), abs=1.5
    )


class FakeDlib(ModuleType):
    """Stands in for dlib: finds the faces it is told, puts the 68 points into their box."""

    def __init__(self, boxes: list[list[tuple[int, int, int, int]]], parts: int = 68) -> None:
        super().__init__("dlib")
        self.seen: list[Any] = []
        calls = iter(boxes)

        class Box:
            def __init__(self, *sides: int) -> None:
                self.sides = sides

            def center(self) -> Any:
                left, top, right, bottom = self.sides
                return SimpleNamespace(x=(left + right) / 2, y=(top + bottom) / 2)

        def predict(image: np.ndarray, face: Box) -> Any:
            self.seen.append(face.sides)
            part = SimpleNamespace(x=face.sides[0], y=face.sides[1])
            return SimpleNamespace(num_parts=parts, parts=lambda: [part] * parts)

        self.rectangle = Box
        self.shape_predictor = lambda path: predict
        self.get_frontal_face_detector = lambda: (
            lambda image, upsample: [Box(*box) for box in next(calls)]
        )


@pytest.fixture
def predictor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "predictor.dat"
    path.write_bytes(b"model")
    monkeypatch.setattr(dlib68.importlib.util, "find_spec", lambda name: object())
    return str(path)


def test_dlib68_takes_the_face_in_the_middle_and_leaves_out_the_rest(
    predictor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeDlib([[(0, 0, 20, 20), (60, 80, 120, 140)], [], [(5, 6, 30, 31)]])
    monkeypatch.setitem(sys.modules, "dlib", fake)
    points = Dlib68(predictor=predictor).points(index_of(3), blank)
    assert points[0, 16].tolist() == [60, 80]
    assert np.isnan(points[1]).all()
    assert points[2, 16].tolist() == [5, 6]


def test_dlib68_can_start_from_the_five_landmarks(
    predictor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeDlib([])
    monkeypatch.setitem(sys.modules, "dlib", fake)
    five = wflw98.five_points(np.stack([FACE, FACE]))
    five[0] = np.nan
    model = Dlib68(predictor=predictor, box="landmarks5")
    points = model.points(index_of(2, landmarks5=five), blank)
    assert np.isnan(points[0]).all()
    assert not np.isnan(points[1]).any()
    ((left, top, right, bottom),) = fake.seen
    assert left < five[1, :, 0].min()
    assert right > five[1, :, 0].max()
    assert top < five[1, :, 1].min()
    assert bottom > five[1, :, 1].max()
    assert "no five landmarks" in model.unavailable(index_of(2))


def test_dlib68_refuses_another_predictor(predictor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dlib", FakeDlib([[(0, 0, 9, 9)]], parts=5))
    with pytest.raises(UserError, match="gives 5 points, not 68"):
        Dlib68(predictor=predictor).points(index_of(1), blank)


def test_dlib68_finds_its_predictor_by_option_environment_or_debian(
    predictor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(dlib68.PREDICTOR_VARIABLE, raising=False)
    assert Dlib68().predictor_path() == dlib68.DEBIAN_PREDICTOR
    monkeypatch.setenv(dlib68.PREDICTOR_VARIABLE, str(tmp_path / "absent.dat"))
    assert "libdlib-data" in Dlib68().unavailable(index_of(1))
    assert Dlib68(predictor=predictor).unavailable(index_of(1)) == ""
    monkeypatch.setattr(dlib68.importlib.util, "find_spec", lambda name: None)
    assert "farbench[dlib]" in Dlib68(predictor=predictor).unavailable(index_of(1))


def test_the_predictor_that_is_used_is_in_the_identity_not_its_path(
    predictor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"model").hexdigest()
    one = Dlib68(predictor=predictor).identity()
    assert one == {"predictor": digest, "box": "detector", "upsample": 0}
    monkeypatch.setenv(dlib68.PREDICTOR_VARIABLE, predictor)
    assert Dlib68().identity() == one
    assert Dlib68(upsample=1).identity() != one
    monkeypatch.delenv(dlib68.PREDICTOR_VARIABLE)
    monkeypatch.setattr(dlib68, "DEBIAN_PREDICTOR", Path(predictor))
    assert Dlib68().identity() == one
    other = tmp_path / "other.dat"
    other.write_bytes(b"model")
    assert Dlib68(predictor=str(other)).identity() == one
    other.write_bytes(b"another model")
    assert Dlib68(predictor=str(other)).identity() != one
    assert Exact().identity() == {}


def test_dlib68_loads_its_predictor_once(predictor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeDlib([[(0, 0, 9, 9)]] * 3)
    loaded, load = [], fake.shape_predictor
    fake.shape_predictor = lambda path: loaded.append(path) or load(path)
    monkeypatch.setitem(sys.modules, "dlib", fake)
    model = Dlib68(predictor=predictor)
    for _ in range(2):
        model.points(index_of(1), blank)
    assert loaded == [predictor]
    Path(predictor).write_bytes(b"a new model")
    model.points(index_of(1), blank)
    assert loaded == [predictor, predictor]


def test_auto_takes_the_best_there_is(predictor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dlib68.PREDICTOR_VARIABLE, "/nowhere/predictor.dat")
    points, five = FACE[None], wflw98.five_points(FACE[None])
    everything = index_of(1, wflw98=points, landmarks5=five)
    auto = Auto(predictor=predictor)
    assert auto.resolve(everything) == Exact()
    assert auto.resolve(index_of(1, landmarks5=five)) == CelebA5()
    assert auto.resolve(index_of(1)) == Dlib68(predictor=predictor)
    assert auto.note(index_of(1)) == ""
    assert Auto().resolve(index_of(1)) == Canonical()
    note = Auto().note(index_of(1))
    assert "average face" in note
    assert "/nowhere/predictor.dat" in note
    assert Exact().resolve(everything) == Exact()
    assert np.array_equal(auto.points(everything, never), points)


class FakeFacer(ModuleType):
    """Stands in for pyfacer: detects by brightness, aligns to the first of the five points."""

    def __init__(self, torch: Any) -> None:
        super().__init__("facer")

        def detect(images: Any) -> dict[str, Any]:
            assert images.shape[:2] == (1, 3)
            if images.max() == 0:
                return {}
            points = torch.stack([torch.full((5, 2), 1.0), torch.full((5, 2), 2.0)])
            return {
                "points": points,
                "scores": torch.tensor([0.3, 0.9]),
                "image_ids": torch.zeros(2, dtype=torch.long),
            }

        def align(images: Any, faces: dict[str, Any]) -> dict[str, Any]:
            assert len(faces["image_ids"]) == len(faces["points"]) == 1
            return {**faces, "alignment": faces["points"][:, :1].expand(1, 98, 2)}

        self.face_detector = lambda name, device: detect
        self.face_aligner = lambda name, device: align


def test_farl98_uses_the_landmarks_else_the_best_detection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "facer", FakeFacer(torch))
    monkeypatch.setattr(dlib68.importlib.util, "find_spec", lambda name: object())
    five = np.stack([np.full((5, 2), 7.0), np.full((5, 2), np.nan)]).astype(np.float32)
    model = Farl98(device="cpu")
    points = model.points(index_of(2, landmarks5=five), blank)
    assert (points[0] == 7).all()
    assert np.isnan(points[1]).all()

    points = model.points(index_of(2), lambda p: np.full((218, 178, 3), p, np.uint8))
    assert np.isnan(points[0]).all()
    assert (points[1] == 2).all()


def test_farl98_without_package_or_network_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(dlib68.importlib.util, "find_spec", lambda name: None)
    assert "farbench[farl]" in Farl98().unavailable(index_of(1))
    monkeypatch.setattr(dlib68.importlib.util, "find_spec", lambda name: object())
    facer = FakeFacer(torch)

    def offline(name: str, device: str) -> None:
        raise OSError("no route to host")

    facer.face_aligner = offline
    monkeypatch.setitem(sys.modules, "facer", facer)
    with pytest.raises(UserError, match=r"no route to host[\s\S]*dlib68"):
        Farl98(device="cpu").points(index_of(1), blank)
