"""Images and a CSV of anyone's own labels: the page's example, columns, splits, mistakes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from farbench.benchmark.schema import Images
from farbench.data.source import open_source
from farbench.errors import UserError
from farbench_datasets.image_folder import ImageFolder

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
GENDER = {"gender": {"classes": ["female", "male"]}}


def folder_of(where: Path, text: str, images: str = "{}", suffix: str = ".png") -> Path:
    """Write a CSV and, for each of its rows, an image whose red tells the row."""
    where.mkdir(parents=True, exist_ok=True)
    (where / "labels.csv").write_text(text)
    for row, line in enumerate(text.strip().splitlines()[1:]):
        path = where / images.replace("{}", line.split(",")[0].strip())
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix:
            cv2.imwrite(str(path), np.full((60, 64, 3), (0, 0, 10 * row), np.uint8))
    return where


def table(rows: int, header: str, row: str) -> str:
    """A CSV of images a00.png, a01.png, ...; {n} in ``row`` stands for the number."""
    lines = [f"a{n:02d}.png,{row.replace('{n}', str(n))}" for n in range(rows)]
    return "\n".join([f"image,{header}", *lines]) + "\n"


def frame_of(root: Path, labels: dict[str, Any], **options: Any) -> Any:
    return ImageFolder(labels=labels, **options).index(root).frame


# The example of the page -----------------------------------------------------------------------


def example() -> tuple[dict[str, Any], str]:
    section = PAGE.read_text().split("## `image_folder`")[1]
    written = re.search(r"```yaml\n(.*?)```.*?```text\n(.*?)```", section, re.DOTALL)
    assert written is not None
    return yaml.safe_load(written[1]), written[2]


def test_the_example_of_the_page(tmp_path: Path) -> None:
    benchmark, text = example()
    (spec,) = benchmark["datasets"]
    assert spec.pop("name") == ImageFolder.name
    dataset = ImageFolder(**spec)
    assert benchmark["tasks"] == [task.name for task in dataset.tasks()]
    folder_of(tmp_path / "my_faces", text, "photos/{}.jpg")
    root = dataset.locate(tmp_path)
    assert root == tmp_path / "my_faces"
    # Two persons make no three splits; with more of the same it opens as in a run.
    more = "".join(
        line.replace("b01,test,bob", f"{name},{split},{name}") + "\n"
        for name, split in (("c01", "train"), ("c02", "train"), ("d01", "valid"))
        for line in text.splitlines()
        if line.startswith("b01")
    )
    folder_of(root, text + more, "photos/{}.jpg")
    source = open_source(dataset, tmp_path, Images())
    assert list(source.index.frame["image"][:3]) == [
        f"photos/{n}.jpg" for n in ("a01", "a02", "b01")
    ]
    looks, gender, age, points = (task.labels(source.index.frame, source.index.points)
                                  for task in dataset.tasks())  # fmt: skip
    assert looks[:3].tolist() == [[1, 0], [0, -1], [1, 1]]
    assert gender[:3].tolist() == [0, 0, 1]
    assert age[:2].tolist() == [31, 33]
    assert np.isnan(age[2])
    assert points[0].tolist() == [[22, 30], [42, 30], [32, 40], [24, 50], [40, 50]]
    assert "landmarks5" in source.index.points
    assert source.index.frame["identity"][0] == "image_folder/ann"
    assert source.read(2)[0, 0, 0] == pytest.approx(20, abs=3)


# Columns ---------------------------------------------------------------------------------------


def test_words_for_yes_and_no(tmp_path: Path) -> None:
    cells = ["1,yes,-1", "0,No,1", ",,", "1.0,TRUE, 1 ", "0.0,false,-1", "1,n,1"]
    rows = "\n".join(f"a{n}.png,{cell}" for n, cell in enumerate(cells))
    root = folder_of(tmp_path, f"image,a,b,c\n{rows}\n")
    frame = frame_of(root, {"t": {"attributes": ["a", "b", "c"]}})
    values = frame[["t.a", "t.b", "t.c"]].fillna(-9).to_numpy().tolist()
    assert values == [[1, 1, 0], [0, 0, 1], [-9, -9, -9], [1, 1, 1], [0, 0, 0], [1, 0, 1]]


def test_minus_one_beside_zero_is_refused(tmp_path: Path) -> None:
    root = folder_of(tmp_path, "image,a\na0.png,1\na1.png,0\na2.png,-1\n")
    with pytest.raises(UserError, match="holds 0 and -1, so -1 may be no or unknown"):
        frame_of(root, {"t": {"attributes": ["a"]}})


def test_classes_are_listed_ready_to_paste(tmp_path: Path) -> None:
    text = "image,age group,c\na0.png,10-19,x\na1.png,3-9,no\na2.png,,x\na3.png,more,x\n"
    root = folder_of(tmp_path, text)
    labels: dict[str, Any] = {"age": {"classes": [], "column": "age group"}}
    with pytest.raises(UserError, match=r"labels\.csv:2: labels\.age names no classes") as error:
        frame_of(root, labels)
    pasted = yaml.safe_load(str(error.value).splitlines()[-1])
    assert pasted == {"age": {"classes": ["3-9", "10-19", "more"], "column": "age group"}}
    assert frame_of(root, pasted)["age"].fillna("?").tolist() == ["10-19", "3-9", "?", "more"]
    with pytest.raises(
        UserError, match=r"csv:3: c is 'no', which is not among .* labels\.c\."
    ) as error:
        frame_of(root, {"c": {"classes": ["x"]}})
    assert "{classes: ['no', x]}" in str(error.value)


def test_numbers_as_class_names(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(4, "level", "{n}"))
    dataset = ImageFolder(labels={"level": {"classes": [0, 1, 2, 3]}})
    index = dataset.index(root)
    assert dataset.tasks()[0].labels(index.frame, index.points).tolist() == [0, 1, 2, 3]


def test_a_column_of_numbers_is_hardly_one_of_classes(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(60, "age", "{n}"))
    with pytest.raises(
        UserError, match=r"60 different values, .* \{scalar: UNIT, low: L, high: H\}"
    ):
        frame_of(root, {"age": {"classes": []}})


def test_points_of_another_kind(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(4, "ax,ay,bx,by,cx,cy", "{n},2,3,4,,6"))
    spec = {
        "landmarks": 3,
        "columns": ["ax", "ay", "bx", "by", "cx", "cy"],
        "mirror": [1, 0, 2],
        "eyes": [[0], [1]],
    }
    dataset = ImageFolder(labels={"tips": spec})
    index = dataset.index(root)
    (task,) = dataset.tasks()
    labels = task.labels(index.frame, index.points)
    np.testing.assert_equal(labels[3], np.float32([[3, 2], [3, 4], [np.nan, 6]]))
    assert set(index.points) == {"tips"}


def test_identity_as_a_task(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(6, "who", "p{n}"))
    dataset = ImageFolder(labels={"who_is_it": {"identity": 64}}, identity="who")
    index = dataset.index(root)
    (task,) = dataset.tasks()
    assert (task.name, task.outputs, task.columns) == ("who_is_it", 64, ("identity",))
    assert task.known(task.labels(index.frame, index.points)).all()
    with pytest.raises(UserError, match="has no column 'identity'"):
        frame_of(root, {"who_is_it": {"identity": 64}})


def test_another_separator_and_spaces(tmp_path: Path) -> None:
    root = folder_of(tmp_path, "image; gender \na0.png; male \na1.png;female\na2.png;  \n", "{}")
    for name in ("a0.png", "a1.png", "a2.png"):
        cv2.imwrite(str(root / name), np.zeros((8, 8, 3), np.uint8))
    (root / "labels.csv").write_text("image; gender\na0.png; male \na1.png;female\na2.png;  \n")
    frame = frame_of(root, GENDER, separator=";")
    assert frame["gender"].fillna("?").tolist() == ["male", "female", "?"]


# Splits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "splits"),
    [
        (["Train", "val", "test"], ["train", "valid", "test"]),
        (["0", "1", "2"], ["train", "valid", "test"]),
        (["training", "dev", "testing"], ["train", "valid", "test"]),
    ],
)
def test_words_for_splits(tmp_path: Path, words: list[str], splits: list[str]) -> None:
    rows = "\n".join(f"a{n}.png,male,{word}" for n, word in enumerate([*words, ""]))
    root = folder_of(tmp_path, f"image,gender,split\n{rows}\n")
    index = ImageFolder(labels=GENDER).index(root)
    assert index.frame["split"].tolist() == splits
    assert index.notes == ["1 rows are in no split and are left out: a3.png."]


def test_a_split_is_drawn_where_none_is_given(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(200, "gender", "male"))
    index = ImageFolder(labels=GENDER).index(root)
    counts = index.frame["split"].value_counts()
    assert counts["train"] > 140
    assert min(counts["valid"], counts["test"]) > 8
    assert "80% train, 10% valid, 10% test by a hash of the image (split_seed 0)" in index.notes[0]
    again = ImageFolder(labels=GENDER, split_seed=1).index(root)
    assert (again.frame["split"] != index.frame["split"]).any()


def test_a_drawn_split_keeps_persons_together(tmp_path: Path) -> None:
    rows = "\n".join(f"a{n}.png,male,p{n // 4}" for n in range(80))
    root = folder_of(tmp_path, f"image,gender,person\n{rows}\n")
    index = ImageFolder(labels=GENDER, identity="person").index(root)
    assert index.frame.groupby("identity")["split"].nunique().max() == 1
    assert "by a hash of the identity" in index.notes[0]


def test_missing_splits_are_made_of_the_others(tmp_path: Path) -> None:
    words = ["train"] * 60 + ["val"] * 20
    rows = "\n".join(f"a{n}.png,male,{word},p{n // 2}" for n, word in enumerate(words))
    root = folder_of(tmp_path, f"image,gender,split,identity\n{rows}\n")
    index = ImageFolder(labels=GENDER).index(root)
    frame = index.frame
    assert (frame["split"][60:] == "test").all()
    assert 0 < (frame["split"][:60] == "valid").sum() < 20
    assert frame.groupby("identity")["split"].nunique().max() == 1
    assert index.notes == [
        "no test split: valid is the test.",
        "no valid split: 10% of train by a hash of the identity.",
    ]


def test_persons_in_several_given_splits_are_told(tmp_path: Path) -> None:
    splits = ["train", "valid", "test"]
    rows = "\n".join(f"a{n}.png,male,{splits[n % 3]},p{n // 6}" for n in range(12))
    root = folder_of(tmp_path, f"image,gender,split,identity\n{rows}\n")
    notes = ImageFolder(labels=GENDER).index(root).notes
    assert notes == ["2 identities are in more than one split."]


# Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"g": {}}, "give one of attributes, classes, scalar, landmarks, identity; found none"),
        ({"g": {"scalar": "x", "classes": []}}, "found classes and scalar"),
        ({"g": {"scalar": "years"}}, "needs 'low' and 'high'"),
        ({"g": {"scalar": "years", "low": 3, "high": 3}}, "needs 'low' and 'high'"),
        ({"g": {"classes": ["a"], "low": 1}}, "'low' belongs to scalar, not to classes"),
        ({"g": {"classes": [True, False]}}, 'write "yes" and "no"'),
        ({"g": {"classes": ["a", "a"]}}, "a name is there twice"),
        ({"g": {"attributes": []}}, "name at least one column"),
        ({"g": {"landmarks": 7}}, "7 landmarks need 'mirror' and 'eyes'"),
        ({"g": {"landmarks": 5, "columns": ["x", "y"]}}, "5 landmarks need 10 columns"),
        ({"g": {"landmarks": 2, "mirror": [1, 0]}}, "'mirror' and 'eyes' together"),
        ({"g": {"landmarks": 2, "mirror": [1, 1], "eyes": [[0], [1]]}}, "each number from 0 to 1"),
        ({"g": {"landmarks": 2, "mirror": [1, 0], "eyes": [[0], [2]]}}, "points from 0 to 1"),
        ({"g": {"clases": ["a"]}}, "Extra inputs"),
        ({"split": {"classes": ["a"]}}, "must not be called 'split'"),
        ({"identity": {"classes": ["a"]}}, "must not be called 'identity'"),
        ({"my age": {"scalar": "years", "low": 0, "high": 9}}, "'my age' is no task name"),
    ],
)
def test_what_labels_cannot_be(labels: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ImageFolder(labels=labels)


def test_a_path_needs_one_place_for_the_name() -> None:
    with pytest.raises(ValidationError, match=r"needs one \{\}"):
        ImageFolder(labels=GENDER, path="photos")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,sex\na0.png,male\n", r"no column 'gender'\. It has: image, sex\."),
        ("image,gendr\na0.png,male\n", r"no column 'gender'\. Did you mean 'gendr'\?"),
        ("img,gender\na0.png,male\n", r"no column 'image'\. Did you mean 'img'\?"),
        ("image,gender\n", "holds no rows"),
        ("", r"no column 'gender'\. It has: \."),
        ("image,gender\na0.png,male\n\na1.png,mal\n", r"csv:4: gender is 'mal'"),
        ("image,gender\n,male\n", r"csv:2: image is empty"),
        ("image,gender\na0.png,male\na0.png,male\n", r"csv:3: a0\.png is there twice"),
        ("image,gender\n../a0.png,male\n", r"csv:2: \.\./a0\.png is not below the folder"),
        ("image,gender\n/etc/a0.png,male\n", "is not below the folder"),
        ("image,gender\na0.png,male,1,2\na1.png,male,1\n", r"csv:2: expected 2 cells, .* found 4"),
        ("image,gender,gender\na0.png,male,male\n", r"csv:1: column 'gender' is there twice"),
        ('image,gender\n"a0.png,male\n', "cannot be read"),
        ("image,gender,split\na0.png,male,trian\n", r"csv:2: split is 'trian'; allowed are train,"),
    ],
)
def test_a_bad_table_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        frame_of(tmp_path, GENDER)


def test_values_that_are_no_labels(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(3, "a,age", "{n},old"))
    with pytest.raises(UserError, match=r"csv:4: a is '2'; allowed are 1, 0, true, false, yes, no"):
        frame_of(root, {"t": {"attributes": ["a"]}})
    with pytest.raises(UserError, match=r"csv:2: age is 'old'; allowed are numbers"):
        frame_of(root, {"age": {"scalar": "years", "low": 0, "high": 9}})


@pytest.mark.parametrize("value", ["inf", "-1e30"])
def test_a_point_lies_in_an_image(tmp_path: Path, value: str) -> None:
    header = ",".join(f"{axis}{point}" for point in range(5) for axis in "xy")
    root = folder_of(tmp_path, table(3, header, f"1,2,3,4,5,{value},7,8,9,10"))
    with pytest.raises(UserError, match=r"csv:2: y2 is '\S+', which is no place in an image"):
        frame_of(root, {"points": {"landmarks": 5}})


def test_a_named_column_must_be_there(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(3, "gender", "male"))
    for option in ("split", "identity"):
        with pytest.raises(UserError, match="no column 'set'"):
            frame_of(root, GENDER, **{option: "set"})


def test_missing_images_are_counted_and_none_is_an_error(tmp_path: Path) -> None:
    root = folder_of(tmp_path, table(8, "gender", "male"))
    (root / "a03.png").unlink()
    index = ImageFolder(labels=GENDER).index(root)
    assert "1 rows have no image and are left out: a03.png." in index.notes
    assert len(index.frame) == 7
    with pytest.raises(UserError, match="on_mismatch: skip"):
        frame_of(root, GENDER, on_mismatch="error")
    with pytest.raises(UserError, match=r"a00\.png\.jpg.* option `path` says where they lie"):
        frame_of(root, GENDER, path="{}.jpg")


def test_where_the_folder_is_looked_for(tmp_path: Path) -> None:
    dataset = ImageFolder(labels=GENDER)
    assert dataset.locate(tmp_path) is None
    root = folder_of(tmp_path / "image_folder", table(3, "gender", "male"))
    assert dataset.locate(tmp_path) == root == dataset.locate(root)
    named = ImageFolder(labels=GENDER, folder="other")
    assert named.locate(tmp_path) is None
    (tmp_path / "other").mkdir()
    assert named.locate(tmp_path) == tmp_path / "other"
    with pytest.raises(UserError, match=r"labels\.csv is missing\.\n1\. Put your images"):
        named.index(tmp_path / "other")


def test_without_labels_the_steps_are_told() -> None:
    with pytest.raises(UserError, match=r"`labels` is empty\.\n1\. Put your images"):
        ImageFolder().tasks()
