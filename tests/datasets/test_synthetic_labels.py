"""Drawn faces beyond the attributes: old faces stay, labels agree with the drawing, persons."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from farbench.masks.wflw98 import FLIP_ORDER, five_points
from farbench_datasets.expressions import EXPRESSIONS
from farbench_datasets.points68 import EYES68, IN_WFLW98, MIRROR68
from farbench_datasets.synthetic import (
    SKIN_TONES,
    Face,
    age_years,
    draw_face,
    sample_face,
    skin_tone,
)
from farbench_datasets.synthetic_faces import SyntheticFaces

SMALL = {"train": 12, "valid": 6, "test": 7}
DRAWN_BEFORE = json.loads((Path(__file__).parent / "drawn_reference.json").read_text())
"""Faces of the first release, which drew nothing but the attributes."""


def frame_of(**options: object) -> pd.DataFrame:
    return SyntheticFaces(**{**SMALL, **options}).index(None).frame  # type: ignore[arg-type]


# What was there before stays -------------------------------------------------------------------


@pytest.mark.parametrize("before", DRAWN_BEFORE, ids=lambda face: f"{face['seed']}-{face['index']}")
def test_the_faces_of_the_first_release_are_still_drawn(before: dict[str, object]) -> None:
    face = sample_face(before["seed"], before["index"])  # type: ignore[arg-type]
    assert "".join(map(str, face.attributes.tolist())) == before["labels"]
    points = face.points[[0, 16, 32, 54, 60, 72, 76, 82]]
    np.testing.assert_allclose(points, before["points"], atol=0.02)
    small = cv2.resize(draw_face(face).astype(np.float32), (6, 8), interpolation=cv2.INTER_AREA)
    # Another build of OpenCV may round a pixel differently, never a block of 800.
    np.testing.assert_allclose(small.ravel(), before["thumbnail"], atol=0.8)


def test_new_options_change_no_attribute() -> None:
    dataset = SyntheticFaces(**SMALL)
    columns = list(dataset.tasks()[0].columns)
    plain, drawn = frame_of()[columns], frame_of(expressions=True)[columns]
    assert plain.equals(drawn)
    digest = hashlib.sha256(
        np.ascontiguousarray(
            SyntheticFaces(train=40, valid=10, test=20).index(None).frame[columns].to_numpy(np.int8)
        ).tobytes()
    )
    assert digest.hexdigest()[:16] == "5cadf8ca818b38ef"  # of the first release


def test_attributes_alone_are_trained_where_nothing_is_named() -> None:
    dataset = SyntheticFaces(**SMALL)
    assert dataset.default_tasks == ("attributes",)
    names = " ".join(task.name for task in dataset.tasks())
    assert names == "attributes age gender skin expression landmarks landmarks68"


# Labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"expressions": True}, {"label_noise": 0.3}, {"images_per_identity": 3}]
)
def test_every_task_reads_its_labels(options: dict[str, object]) -> None:
    dataset = SyntheticFaces(**{**SMALL, **options})
    index = dataset.index(None)
    for task in dataset.tasks():
        labels = task.labels(index.frame, index.points)
        assert task.known(labels).all(), task.name
        if hasattr(task, "mirror"):
            assert labels.shape == (25, task.count, 2)
            assert sorted(task.mirror) == list(range(task.count))


def test_gender_is_the_attribute_also_under_noise() -> None:
    for noise in (0.0, 0.4):
        frame = frame_of(label_noise=noise)
        assert ((frame["gender"] == "Male") == (frame["attributes.Male"] == 1)).all()


def test_age_agrees_with_young_and_follows_its_strength() -> None:
    faces = [sample_face(0, index) for index in range(400)]
    ages = np.array([age_years(face) for face in faces])
    young = np.array([face.has("Young") for face in faces])
    assert ages[young].max() < 45 <= ages[~young].min()
    assert ages.min() > 15
    assert ages.max() < 75
    assert 10 < ages.std() < 16
    grey = np.array([face.has("Gray_Hair") for face in faces])
    assert ages[grey].mean() > ages.mean() + 12


def skin_pixels(face: Face) -> float:
    """Brightness of the cheeks."""
    picture = draw_face(face).astype(float)
    cheeks = 0.6 * face.points[[76, 82]] + 0.4 * face.points[[4, 28]]
    return float(np.mean([picture[int(y), int(x)].mean() for x, y in cheeks]))


def test_skin_tones_are_ordered_in_the_picture() -> None:
    faces = [sample_face(2, index) for index in range(250)]
    tones = [skin_tone(face) for face in faces]
    assert min(Counter(tones)[tone] for tone in SKIN_TONES) > 10
    means = [
        np.mean([skin_pixels(f) for f, t in zip(faces, tones, strict=True) if t == tone])
        for tone in SKIN_TONES
    ]
    assert all(lighter > darker + 3 for lighter, darker in pairwise(means))
    assert means[0] > means[-1] + 35


def test_expressions_never_contradict_the_mouth() -> None:
    frame = frame_of(train=600, expressions=True)
    happy = frame["expression"] == "Happiness"
    assert (happy == (frame["attributes.Smiling"] == 1)).all()
    surprised = frame["expression"] == "Surprise"
    assert (frame.loc[surprised, "attributes.Mouth_Slightly_Open"] == 1).all()
    assert frame["expression"].value_counts(normalize=True)[list(EXPRESSIONS)].min() > 0.03
    plain = frame_of(train=600)
    assert ((plain["expression"] == "Happiness") == (plain["attributes.Smiling"] == 1)).all()


def shapes(name: str, count: int = 25) -> NDArray[np.float32]:
    """Mean of the 98 points of faces with an expression minus those of the same faces without."""
    moved = []
    for index in range(1500):
        face = sample_face(1, index, expressions=True)
        if face.look.expression is not None and face.look.expression.name == name:
            moved.append(face.points - sample_face(1, index).points)
    assert len(moved) >= count
    return np.mean(moved, axis=0)


def test_expressions_move_brows_eyes_and_mouth() -> None:
    inner, outer, gap = [37, 42], [33, 46], lambda move: (move[66] - move[62])[1]
    surprise, anger, sadness = shapes("Surprise"), shapes("Anger"), shapes("Sadness")
    assert surprise[inner, 1].mean() < -2  # up
    assert surprise[94, 1] - surprise[90, 1] > 1.5  # the lips part
    assert gap(surprise) > 0.5 > 0 > gap(sadness)
    assert anger[inner, 1].mean() > anger[outer, 1].mean() + 2  # brows slant down to the nose
    assert sadness[inner, 1].mean() < sadness[outer, 1].mean() - 2
    assert sadness[[76, 82], 1].mean() > sadness[90, 1] + 0.5  # corners of the mouth sink
    assert np.abs(shapes("Neutral")[33:51]).max() < 0.3


def test_noise_exchanges_classes_but_no_age_and_no_picture() -> None:
    clean, noisy = frame_of(train=300), frame_of(train=300, label_noise=0.3)
    for column in ("skin", "expression"):
        assert 0.2 < (clean[column] != noisy[column]).mean() < 0.4
        assert set(noisy[column]) == set(clean[column])
    assert clean["age"].equals(noisy["age"])


# Points ----------------------------------------------------------------------------------------


def test_point_sets_are_taken_from_the_98() -> None:
    points = SyntheticFaces(**SMALL, height=100, width=90).index(None).points
    assert np.array_equal(points["landmarks5"], five_points(points["wflw98"]))
    assert np.array_equal(points["dlib68"], points["wflw98"][:, IN_WFLW98])


def test_the_68_mirror_as_the_98_do() -> None:
    points = sample_face(0, 3).points
    assert np.array_equal(
        points[FLIP_ORDER][list(IN_WFLW98)], points[list(IN_WFLW98)][list(MIRROR68)]
    )
    assert [IN_WFLW98[eye[0]] for eye in EYES68] == [60, 72]  # the outer corners


# Persons ---------------------------------------------------------------------------------------


def test_pictures_of_a_person_share_the_person_and_nothing_else() -> None:
    faces = [sample_face(4, index, images_per_identity=5) for index in range(60)]
    for person in range(12):
        mine = faces[5 * person : 5 * person + 5]
        assert len({face.person for face in mine}) == 1
        for same in ("male", "age", "build", "skin", "hair_light", "hair_length", "parting"):
            assert len({getattr(face.look, same) for face in mine}) == 1, same
        for differs in ("yaw", "roll", "shift", "light", "exposure", "gaze"):
            assert len({getattr(face.look, differs) for face in mine}) == 5, differs
        for name in ("Male", "Young", "Big_Nose", "Chubby", "Gray_Hair"):
            assert len({face.has(name) for face in mine}) == 1, name
    assert len({face.look.build for face in faces}) == 12
    assert len({face.has("Smiling") for face in faces[:5]}) == 2


def test_persons_have_the_rates_of_the_attributes() -> None:
    faces = [sample_face(0, index, images_per_identity=2) for index in range(0, 2000, 2)]
    for name, rate in (("Male", 0.4165), ("Young", 0.7801), ("Smiling", 0.4857)):
        assert abs(np.mean([face.has(name) for face in faces]) - rate) < 0.06


def test_splits_share_no_person() -> None:
    dataset = SyntheticFaces(train=12, valid=6, test=7, images_per_identity=3)
    frame = dataset.index(None).frame
    assert frame.groupby("identity")["split"].nunique().max() == 1
    assert frame["identity"].value_counts().tolist() == [3] * 8 + [1]
    assert frame["identity"][0] == "synthetic_faces/0/000000"
    assert dataset.tasks()[-1].name == "identity"
    assert frame_of()["identity"].isna().all()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_person_in_two_splits_is_refused(split: str) -> None:
    counts = {"train": 12, "valid": 6, "test": 7, split: 10}
    with pytest.raises(ValidationError, match=rf"{split}=10 is no multiple .* use 9 or 12"):
        SyntheticFaces(**counts, images_per_identity=3)


def test_what_is_drawn_of_a_person_stays() -> None:
    first, second = (sample_face(6, index, images_per_identity=2) for index in (8, 9))
    assert first.rng(4).random() == second.rng(4).random()  # the colour of the eyes
    assert first.rng(0).random() != second.rng(0).random()  # the background
    assert (draw_face(first) != draw_face(second)).any()
