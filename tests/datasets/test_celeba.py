"""CelebA: three layouts on disk, what does not fit together, and malformed files."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from farbench.benchmark.schema import Images
from farbench.data.contents import notice_exchanged
from farbench.data.source import open_source
from farbench.errors import UserError
from farbench.store.artifacts import ArtifactStore
from farbench.tasks.attributes import CELEBA_ATTRIBUTES
from farbench_datasets.celeba import CelebA

NAMES = [f"{number:06d}.jpg" for number in range(1, 7)]
SPLITS = [0, 0, 0, 1, 2, 2]
LANDMARKS = ["lefteye", "righteye", "nose", "leftmouth", "rightmouth"]
LANDMARK_COLUMNS = [f"{part}_{axis}" for part in LANDMARKS for axis in "xy"]
POINTS = [69, 111, 108, 112, 88, 135, 73, 152, 105, 153]


def labels_of(number: int) -> list[int]:
    """Labels that differ from image to image and from column to column."""
    return [1 if (column + number) % 3 == 0 else -1 for column in range(40)]


def draw(folder: Path, names: list[str] = NAMES) -> None:
    """Write images whose brightness tells their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        image = np.full((218, 178, 3), (0, 0, 30 * int(name[:6])), np.uint8)  # BGR: red only
        cv2.imwrite(str(folder / name), image)


def text_tables(attributes: Path, evaluation: Path) -> None:
    """Write the official text files; attributes with the two spaces that real ones have."""
    attributes.mkdir(parents=True, exist_ok=True)
    evaluation.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{name}  " + " ".join(f"{value:2d}" for value in labels_of(number))
        for number, name in enumerate(NAMES)
    ]
    header = " ".join(CELEBA_ATTRIBUTES) + " "
    (attributes / "list_attr_celeba.txt").write_text("\n".join(["6", header, *rows]) + "\n")
    rows = [f"{name}  " + "  ".join(str(v + n) for v in POINTS) for n, name in enumerate(NAMES)]
    (attributes / "list_landmarks_align_celeba.txt").write_text(
        "\n".join(["6", " ".join(LANDMARK_COLUMNS), *rows]) + "\n"
    )
    (attributes / "identity_CelebA.txt").write_text(
        "".join(f"{name} {100 + number}\n" for number, name in enumerate(NAMES[:5]))
    )
    (evaluation / "list_eval_partition.txt").write_text(
        "".join(f"{name} {split}\n" for name, split in zip(NAMES, SPLITS, strict=True))
    )


@pytest.fixture
def official(tmp_path: Path) -> Path:
    root = tmp_path / "celeba"
    draw(root / "Img" / "img_align_celeba")
    text_tables(root / "Anno", root / "Eval")
    return root


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    root = tmp_path / "celeba"
    draw(root / "img_align_celeba")
    text_tables(root, root)
    return root


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    root = tmp_path / "celeba"
    draw(tmp_path / "unpacked")
    text_tables(root, root)
    with zipfile.ZipFile(root / "img_align_celeba.zip", "w") as archive:
        for name in NAMES:
            archive.write(tmp_path / "unpacked" / name, f"img_align_celeba/{name}")
            archive.writestr(f"__MACOSX/img_align_celeba/._{name}", b"no image")
    return root


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    draw(root / "img_align_celeba" / "img_align_celeba")
    rows = [[name, *labels_of(number)] for number, name in enumerate(NAMES)]
    csv(root / "list_attr_celeba.csv", ["image_id", *CELEBA_ATTRIBUTES], rows)
    rows = [[name, split] for name, split in zip(NAMES, SPLITS, strict=True)]
    csv(root / "list_eval_partition.csv", ["image_id", "partition"], rows)
    rows = [[name, *(value + number for value in POINTS)] for number, name in enumerate(NAMES)]
    csv(root / "list_landmarks_align_celeba.csv", ["image_id", *LANDMARK_COLUMNS], rows)
    return root


def csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    lines = [",".join(str(value) for value in row) for row in [header, *rows]]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("layout", ["official", "flat", "zipped", "kaggle"])
def test_every_layout_gives_the_same_faces(layout: str, request: pytest.FixtureRequest) -> None:
    root = request.getfixturevalue(layout)
    dataset = CelebA()
    index = dataset.index(root)
    frame = index.frame
    assert list(frame["image"]) == NAMES
    assert list(frame["split"]) == ["train"] * 3 + ["valid", "test", "test"]
    expected = (np.array([labels_of(number) for number in range(6)]) == 1).astype(int)
    assert np.array_equal(frame[list(dataset.tasks()[0].columns)].to_numpy(), expected)
    points = index.points["landmarks5"]
    assert points.shape == (6, 5, 2)
    assert points.dtype == np.float32
    assert points[2, 2].tolist() == [90, 137]
    assert not index.notes
    for number, row in enumerate(frame.itertuples(), start=1):
        image = dataset.read(root, row)
        assert image.shape == (218, 178, 3)
        assert abs(int(image[100, 80, 0]) - 30 * number) < 6  # red comes first: RGB
        assert image[100, 80, 2] < 6


def test_identities_are_namespaced_and_may_be_unknown(flat: Path, kaggle: Path) -> None:
    identity = CelebA().index(flat).frame["identity"]
    assert identity[0] == "celeba/100"
    assert list(identity.isna()) == [False] * 5 + [True]
    assert CelebA().index(kaggle).frame["identity"].isna().all()


def test_landmarks_and_identity_are_tasks_that_must_be_asked_for(flat: Path) -> None:
    dataset = CelebA()
    assert dataset.default_tasks == ("attributes",)
    tasks = {task.name: task for task in dataset.tasks()}
    assert list(tasks) == ["attributes", "landmarks", "identity"]
    index = dataset.index(flat)
    labels = {name: task.labels(index.frame, index.points) for name, task in tasks.items()}
    assert labels["landmarks"].shape == (6, 5, 2)
    assert labels["landmarks"][2, 2].tolist() == [90, 137]
    # Three persons are in train, in the order of their names; one image has no identity.
    assert labels["identity"].tolist() == [0, 1, 2, 3, 4, -1]


def test_without_their_files_landmarks_and_identity_are_unknown(kaggle: Path) -> None:
    (kaggle / "list_landmarks_align_celeba.csv").unlink()
    dataset = CelebA()
    index = dataset.index(kaggle)
    known = [t.known(t.labels(index.frame, index.points)).any() for t in dataset.tasks()]
    assert known == [True, False, False]


def test_locate_knows_the_folder_and_its_parent(
    official: Path, kaggle: Path, tmp_path: Path
) -> None:
    assert CelebA().locate(official) == official
    assert CelebA().locate(official.parent) == official
    assert CelebA().locate(kaggle) == kaggle
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    assert CelebA().locate(empty) is None
    official.rename(tmp_path / "CelebA")
    assert CelebA().locate(tmp_path) == tmp_path / "CelebA"


def test_rows_and_images_without_partner_are_counted_and_listed(flat: Path) -> None:
    (flat / "img_align_celeba" / NAMES[1]).unlink()
    draw(flat / "img_align_celeba", ["000009.jpg"])
    partition = flat / "list_eval_partition.txt"
    partition.write_text(partition.read_text().replace(f"{NAMES[5]} 2\n", ""))
    index = CelebA().index(flat)
    assert list(index.frame["image"]) == [NAMES[0], *NAMES[2:5]]
    assert index.points["landmarks5"][1, 2].tolist() == [90, 137]  # still beside its own image
    notes = "\n".join(index.notes)
    assert (
        f"1 label rows of list_attr_celeba.txt have no image and are left out: {NAMES[1]}" in notes
    )
    assert "1 images have no row in list_attr_celeba.txt and are left out: 000009.jpg" in notes
    assert (
        f"1 labelled images are in no split of the partition and are left out: {NAMES[5]}" in notes
    )
    with pytest.raises(UserError, match=r"1 label rows.*on_mismatch: skip"):
        CelebA(on_mismatch="error").index(flat)


def test_nothing_in_common_is_an_error(flat: Path) -> None:
    shutil.rmtree(flat / "img_align_celeba")
    draw(flat / "img_align_celeba", ["000077.jpg"])
    with pytest.raises(UserError, match=r"no image .*000077\.jpg.*000001\.jpg"):
        CelebA().index(flat)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("list_attr_celeba.txt", r"list_attr_celeba\.txt \(the 40 attributes\) is missing"),
        ("list_eval_partition.txt", r"list_eval_partition\.txt .* is missing"),
        ("img_align_celeba", "images are not in"),
    ],
)
def test_a_missing_file_is_named_with_the_steps(flat: Path, missing: str, said: str) -> None:
    (flat / missing).rename(flat / "gone")
    with pytest.raises(UserError, match=said) as error:
        CelebA().index(flat)
    assert "mmlab.ie.cuhk.edu.hk" in str(error.value)


def change(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


GOOD = " ".join(["1"] * 40)


@pytest.mark.parametrize(
    ("file", "line", "text", "said"),
    [
        ("list_attr_celeba.txt", 5, f"{NAMES[2]} {GOOD[:-2]}", "expected 40 values .* found 39"),
        ("list_attr_celeba.txt", 5, f"{NAMES[2]} {GOOD} 1", "expected 40 values .* found 41"),
        ("list_attr_celeba.txt", 5, f"{NAMES[2]} {GOOD[:-1]}x", "'x' is not a number"),
        ("list_attr_celeba.txt", 5, f"{NAMES[2]} {GOOD[:-1]}7", "the label 7; allowed"),
        ("list_attr_celeba.txt", 5, f"../{NAMES[2]} {GOOD}", "is not an image name"),
        ("list_attr_celeba.txt", 5, f"{NAMES[0]} {GOOD}", "is there twice"),
        ("list_eval_partition.txt", 3, f"{NAMES[2]} 3", "partition 3; allowed"),
        ("list_eval_partition.txt", 3, f"{NAMES[2]}", "expected 1 values"),
        ("list_landmarks_align_celeba.txt", 4, f"{NAMES[1]} 1 2 3", "expected 10 values"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(
    flat: Path, file: str, line: int, text: str, said: str
) -> None:
    change(flat / file, line, text)
    with pytest.raises(UserError, match=rf"{file}:{line}: .*{said}"):
        CelebA().index(flat)


def test_headers_that_lie(flat: Path) -> None:
    path = flat / "list_attr_celeba.txt"
    change(path, 1, "202599")
    assert any("announces 202,599 rows" in note for note in CelebA().index(flat).notes)
    change(path, 2, " ".join(CELEBA_ATTRIBUTES).replace("Young", "Youngish"))
    with pytest.raises(UserError, match="the header lacks Young"):
        CelebA().index(flat)
    change(path, 1, f"{NAMES[0]} {GOOD}")
    with pytest.raises(UserError, match=r"list_attr_celeba\.txt:1: expected the number of rows"):
        CelebA().index(flat)


def test_landmarks_from_a_csv_are_used_only_when_asked_for(flat: Path) -> None:
    (flat / "list_landmarks_align_celeba.txt").unlink()
    header = ["image_id", "dlib_face_found", *LANDMARK_COLUMNS]
    rows = [[name, int(number != 3), *POINTS] for number, name in enumerate(NAMES)]
    csv(flat / "EXTRA.csv", header, rows)
    assert "landmarks5" not in CelebA().index(flat).points
    for given in ("EXTRA.csv", str(flat / "EXTRA.csv")):
        index = CelebA(landmarks=given).index(flat)
        unknown = np.isnan(index.points["landmarks5"]).all(axis=(1, 2))
        assert list(unknown) == [False] * 3 + [True] + [False] * 2
        assert any("no landmarks for 1 images" in note for note in index.notes)
    with pytest.raises(UserError, match=r"option `landmarks` names .*nowhere\.csv"):
        CelebA(landmarks="nowhere.csv").index(flat)


def test_landmarks_of_the_images_in_the_wild_are_refused(flat: Path) -> None:
    rows = [[name, *(value * 4 for value in POINTS)] for name in NAMES]
    csv(flat / "list_landmarks_celeba.csv", ["image_id", *LANDMARK_COLUMNS], rows)
    with pytest.raises(UserError, match="images in the wild"):
        CelebA(landmarks="list_landmarks_celeba.csv").index(flat)


def test_another_partition_can_be_given(flat: Path) -> None:
    csv(flat / "mine.csv", ["image_id", "partition"], [[name, 2] for name in NAMES])
    assert set(CelebA(partition="mine.csv").index(flat).frame["split"]) == {"test"}


def test_broken_images_are_named(flat: Path, zipped: Path) -> None:
    dataset = CelebA()
    rows = list(dataset.index(flat).frame.itertuples())
    (flat / "img_align_celeba" / NAMES[0]).write_bytes(b"not a jpeg")
    (flat / "img_align_celeba" / NAMES[1]).write_bytes(b"")
    for position in (0, 1):
        with pytest.raises(UserError, match=f"{NAMES[position]} does not decode"):
            dataset.read(flat, rows[position])
    (flat / "img_align_celeba" / NAMES[2]).unlink()
    with pytest.raises(UserError, match=f"{NAMES[2]} is missing"):
        dataset.read(flat, rows[2])


def test_a_broken_zip_is_named(zipped: Path) -> None:
    archive = zipped / "img_align_celeba.zip"
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(UserError, match=r"img_align_celeba\.zip is not a readable zip"):
        CelebA().index(zipped)


def test_reading_from_the_zip_writes_nothing(zipped: Path) -> None:
    before = sorted(path for path in zipped.rglob("*"))
    dataset = CelebA()
    for row in dataset.index(zipped).frame.itertuples():
        dataset.read(zipped, row)
    assert sorted(path for path in zipped.rglob("*")) == before


def exchange_first(root: Path, bytes_of: Callable[[bytes], bytes]) -> None:
    """Put other bytes into the place of 000001.jpg, in a folder or in the zip."""
    path = root / "img_align_celeba.zip"
    if not path.is_file():
        image = next(root.rglob("000001.jpg"))
        image.write_bytes(bytes_of(image.read_bytes()))
        return
    with zipfile.ZipFile(path) as held:
        members = {name: held.read(name) for name in held.namelist()}
    with zipfile.ZipFile(path, "w") as written:
        for member, data in members.items():
            first = member == "img_align_celeba/000001.jpg"
            written.writestr(member, bytes_of(data) if first else data)


@pytest.mark.parametrize("layout", ["flat", "zipped", "kaggle"])
def test_an_exchanged_image_makes_another_manifest(
    layout: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    root, store = request.getfixturevalue(layout), ArtifactStore(tmp_path / "cache")

    def now() -> tuple[str, str]:
        source = open_source(CelebA(), root, Images())
        return source.manifest, notice_exchanged(source, store, keep=True).manifest

    before, noticed = now()
    assert (before, noticed) == (before, before) == now()
    exchange_first(root, lambda data: data[:-3] + b"xyz")  # of the same length
    assert now()[0] == before
    assert now()[1] != before
    exchange_first(root, lambda data: data + b"more")
    assert now()[0] != before


@pytest.mark.real_faces
def test_real_faces_have_landmarks_and_identities() -> None:
    data = Path(os.environ.get("FARBENCH_DATA", "nowhere"))
    root = CelebA().locate(data) if data.is_dir() else None
    if root is None:
        pytest.skip("no CelebA below FARBENCH_DATA")
    extra = root / "EXTRA_pseudo_landmarks5_dlib68.csv"
    dataset = CelebA(landmarks=extra.name) if extra.is_file() else CelebA()
    index = dataset.index(root)
    for task in dataset.tasks():
        known = task.known(task.labels(index.frame, index.points))
        assert known.mean() > 0.9, task.name
    assert index.frame.groupby("identity")["split"].nunique().max() == 1


def test_a_few_of_the_attributes_in_an_order_of_ones_own() -> None:
    few = ("Smiling", "High_Cheekbones")
    task = CelebA(attributes=few).tasks()[0]
    assert task.attributes == few
    assert task.columns == ("attributes.Smiling", "attributes.High_Cheekbones")
    assert len(CelebA().tasks()[0].attributes) == 40
    with pytest.raises(ValueError, match=r"no attribute 'Smilling'\. Did you mean 'Smiling'"):
        CelebA(attributes=("Smilling",))
    with pytest.raises(ValueError, match="named twice"):
        CelebA(attributes=("Smiling", "Smiling"))
