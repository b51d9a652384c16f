"""Data sets as one, and label names translated so that they can be."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from farbench import (
    BinaryAttributes,
    Classes,
    Dataset,
    DatasetInfo,
    FaceIndex,
    Scalar,
    Task,
    UserError,
)
from farbench.benchmark.schema import Images
from farbench.benchmark.tasks import choose_tasks
from farbench.data.source import open_source
from farbench.plugins.joined import JoinedDataset
from farbench.plugins.mapped import MappedDataset


class Ages(Dataset):
    """Images of one colour with age, race and two attributes."""

    name: ClassVar[str] = "ages"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="Ages", citation="a", licence="free")
    needs_root: ClassVar[bool] = False
    colour: int = 10

    def tasks(self) -> tuple[Task, ...]:
        return (
            Scalar("age", "years", 0, 100),
            Classes("race", ("White", "Black", "Asian")),
            BinaryAttributes("attributes", ("Bald", "Young")),
        )

    def index(self, root: Path | None) -> FaceIndex:
        frame = pd.DataFrame(
            {
                "image": [f"{i}" for i in range(6)],
                "split": ["train", "train", "valid", "test", "train", "test"],
                "identity": pd.array(["ages/1", "ages/2", "ages/3", "ages/4", pd.NA, pd.NA]),
                "age": [5.0, 20.0, 33.0, 70.0, np.nan, 20.0],
                "race": ["White", "Black", "Asian", "White", "Black", None],
                "attributes.Bald": [0, 1, 0, 1, 0, 1],
                "attributes.Young": [1, 0, 1, 0, 1, 0],
            }
        )
        points = {"landmarks5": np.ones((6, 5, 2), np.float32)}
        return FaceIndex(frame, points, ["a note"])

    def read(self, root: Path | None, row: object) -> np.ndarray:
        return np.full((4, 4, 3), self.colour + int(row.image), np.uint8)


class Faces(Ages):
    """The same images with other labels."""

    name: ClassVar[str] = "faces"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="Faces", citation="f", licence="free")
    default_tasks: ClassVar[tuple[str, ...]] = ("race",)
    colour: int = 100

    def tasks(self) -> tuple[Task, ...]:
        return (
            Classes("race", ("White", "Black", "Others")),
            Classes("gender", ("Male", "Female")),
            BinaryAttributes("attributes", ("Young", "Male")),
        )

    def index(self, root: Path | None) -> FaceIndex:
        frame = super().index(root).frame[["image", "split"]]
        frame["race"] = ["White", "Others", "Black", "White", "Others", "Black"]
        frame["gender"] = ["Male", "Female", "Male", "Female", "Male", "Female"]
        frame["attributes.Young"] = frame["attributes.Male"] = [1, 0, 1, 0, 1, 0]
        return FaceIndex(frame)


def joined(**mapping: dict[str, str | None]) -> JoinedDataset:
    first = MappedDataset(inner=Ages(), mapping=mapping) if mapping else Ages()
    return JoinedDataset(parts=(first, Faces()))


ASIAN = {"race": {"Asian": "Others"}}


def test_vocabularies_that_differ_are_shown_side_by_side() -> None:
    dataset = joined()
    # A task that is not asked for does no harm.
    assert [task.name for task in dataset.tasks()] == ["age", "attributes", "gender"]
    assert [task.name for task in choose_tasks(dataset, ["gender", "age"], "here")] == [
        "gender", "age",
    ]  # fmt: skip
    with pytest.raises(UserError, match="here: ages and faces cannot be joined") as caught:
        choose_tasks(dataset, ["race"], "here")
    with pytest.raises(UserError, match="cannot be joined"):
        choose_tasks(dataset, (), "here")  # the members' usual tasks
    message = str(caught.value)
    assert "White, Black, Asian" in message
    assert "White, Black, Others" in message
    assert "map: {race:" in message


def test_images_of_all_members_with_their_own_labels() -> None:
    dataset = joined(**ASIAN)
    assert dataset.name == "ages+faces"
    assert [task.name for task in dataset.tasks()] == ["age", "race", "attributes", "gender"]
    assert dataset.default_tasks == ("age", "race", "attributes")
    source = open_source(dataset, None, Images())
    assert len(source) == 12
    assert list(source.index.frame["image"][[0, 6]]) == ["ages:0", "faces:0"]
    assert list(source.index.frame["split"][:6]) == list(source.index.frame["split"][6:])
    tasks = {task.name: task for task in dataset.tasks()}
    ages = source.labels(tasks["age"])
    assert np.isnan(ages[6:]).all()
    assert ages[:4].tolist() == [5, 20, 33, 70]
    assert source.labels(tasks["race"]).tolist() == [0, 1, 2, 0, 1, -1, 0, 2, 1, 0, 2, 1]
    # Attributes are joined: one that a member lacks is unknown there.
    assert tasks["attributes"].attributes == ("Bald", "Young", "Male")
    attributes = source.labels(tasks["attributes"])
    assert (attributes[6:, 0] == -1).all()
    assert (attributes[:6, 2] == -1).all()
    assert attributes[6:, 1].tolist() == [1, 0, 1, 0, 1, 0]
    assert np.isnan(source.index.points["landmarks5"][6:]).all()
    assert source.index.notes == ["ages: a note"]
    # Each image is read by its own data set.
    assert [int(source.read(i)[0, 0, 0]) for i in (0, 5, 6, 11)] == [10, 15, 100, 105]
    # A task is trained by the images that carry it.
    assert source.positions("train", (tasks["gender"],)).tolist() == [6, 7, 10]
    assert source.positions("train", (tasks["age"],)).tolist() == [0, 1]


def test_each_member_answers_for_its_own_images(tmp_path: Path) -> None:
    for name in "12":
        (tmp_path / name).write_text("abc"[: int(name)])
    first = type("Filed", (Ages,), {"needs_root": True, "locate": lambda self, root: root})
    dataset = JoinedDataset(parts=(MappedDataset(inner=first(), mapping=ASIAN), Faces()))
    images = ["faces:1", "ages:2", "ages:1", "ages:0"]
    assert dataset.sizes(tmp_path, images) == [-1, 2, 1, -1]
    assert dataset.checksums(tmp_path, images) == [-1, zlib.crc32(b"ab"), zlib.crc32(b"a"), -1]
    stamps = dataset.stamps(tmp_path, images)
    assert [stamp >= 0 for stamp in stamps] == [False, True, True, False]


def test_the_same_classes_in_another_order_are_the_same() -> None:
    mapping = {"race": {"White": "Black", "Black": "White", "Asian": "Others"}}
    dataset = joined(**mapping)
    race = next(task for task in dataset.tasks() if task.name == "race")
    assert race == Classes("race", ("Black", "White", "Others"))  # the first member's order
    labels = open_source(dataset, None, Images()).labels(race)
    assert labels.tolist() == [0, 1, 2, 0, 1, -1, 1, 2, 0, 1, 2, 0]


def test_options_and_mapping_are_part_of_the_identity() -> None:
    one = open_source(joined(**ASIAN), None, Images())
    other = open_source(joined(**ASIAN, age={"0-100": "any"}), None, Images())
    assert one.manifest != other.manifest
    assert joined(**ASIAN).options()["ages"]["map"] == {"race": {"Asian": "Others"}}
    modules = joined(**ASIAN).modules()
    assert {"farbench.plugins.joined", "farbench.plugins.mapped", Ages.__module__} <= set(modules)


def test_ranges_of_a_number_become_classes() -> None:
    mapping = {"age": {"0-19": "young", "20-39": "young", "40-100": "old"}}
    dataset = MappedDataset(inner=Ages(), mapping=mapping)
    task = next(task for task in dataset.tasks() if task.name == "age")
    assert task == Classes("age", ("young", "old"))
    assert open_source(dataset, None, Images()).labels(task).tolist() == [0, 0, 0, 1, -1, 0]
    shared_end = MappedDataset(inner=Ages(), mapping={"age": {"0-20": "a", "20-100": "b"}})
    (task, *_) = shared_end.tasks()
    assert open_source(shared_end, None, Images()).labels(task).tolist() == [0, 1, 1, 1, -1, 1]
    unknown = MappedDataset(inner=Ages(), mapping={"race": {"Asian": None}})
    task = next(task for task in unknown.tasks() if task.name == "race")
    assert task == Classes("race", ("White", "Black"))
    with pytest.raises(UserError, match="no image of its valid split has a label"):
        open_source(unknown, None, Images()).labels(task)


def test_what_a_member_does_not_offer_is_told_through_every_view() -> None:
    class Refuses(Ages):
        def refused_tasks(self) -> dict[str, str]:
            return {"pose": "pose is not labelled", "gender": "neither is gender"}

    mapped = MappedDataset(inner=Refuses(), mapping=ASIAN)
    assert mapped.refused_tasks()["pose"] == "pose is not labelled"
    both = JoinedDataset(parts=(mapped, Faces()))
    assert both.refused_tasks() == {"pose": "pose is not labelled"}  # the other one has genders
    with pytest.raises(UserError, match="here: pose is not labelled"):
        choose_tasks(both, ["pose"], "here")


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"rage": {}}, "unknown task 'rage'. Did you mean"),
        ({"race": {"white": "x"}}, "has no class 'white'. Did you mean 'White'"),
        ({"age": {"young": "x"}}, "'young' is no range of numbers"),
        ({"age": {"29-20": "x"}}, "'29-20' is no range of numbers"),
        ({"age": {"0-20": "x", "15-40": "y"}}, "the ranges 0-20 and 15-40 overlap"),
        ({"age": {"0-100": None}}, "age is left without a class"),
        ({"race": {"White": None, "Black": None, "Asian": None}}, "race is left without a class"),
        ({"attributes": {"Bald": "x"}}, "only classes and numbers can be translated"),
    ],
)
def test_mistakes_in_a_mapping(mapping: dict[str, dict[str, str]], words: str) -> None:
    with pytest.raises(UserError, match=words):
        MappedDataset(inner=Ages(), mapping=mapping).tasks()
