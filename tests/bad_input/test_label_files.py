"""Label files, images and archives of every data set, spoiled: refused by name, or read."""

from __future__ import annotations

import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cases import cases, refusal
from hypothesis import given
from mutations import Choose, chooser, spoiled_binary, spoiled_text
from trees import TREES, encoded, read_everything

from farbench.errors import UserError
from farbench_datasets import celeba_images

BINARY = (".jpg", ".png", ".zip", ".mat")


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write every tree once; a test puts back what it spoils."""
    found = {}
    for name, tree in TREES.items():
        found[name] = tmp_path_factory.mktemp("tree") / tree.dataset.name
        tree.write(found[name])
    return found


@pytest.fixture
def root(request: pytest.FixtureRequest, roots: dict[str, Path], tmp_path: Path) -> Path:
    """Return a copy of one tree, to be changed."""
    return Path(shutil.copytree(roots[request.param], tmp_path / roots[request.param].name))


@pytest.mark.parametrize("name", TREES)
def test_the_trees_are_right_before_they_are_spoiled(roots: dict[str, Path], name: str) -> None:
    read_everything(TREES[name].dataset, roots[name])


def try_a_file(roots: dict[str, Path], choose: Choose) -> None:
    name = choose(tuple(TREES))
    tree, root = TREES[name], roots[name]
    path = root / choose(tree.spoil)
    held = path.read_bytes()
    spoil = spoiled_binary if path.suffix in BINARY else spoiled_text
    try:
        path.write_bytes(spoil(held, choose))
        text = refusal(lambda: read_everything(tree.dataset, root))
    finally:
        path.write_bytes(held)
    # Where all rows of a split or a task are gone, no line is to blame.
    gone = re.match(rf"data set '{tree.dataset.name}'.* (has no images in|no image of)", text)
    # A zip stays open, so it may be found damaged while another file is tried.
    assert not text or gone or path.name in text.split("\n")[0] or ".zip" in text, text


@given(choose=chooser())
@cases(200)
def test_spoiled_files(roots: dict[str, Path], choose: Choose) -> None:
    try_a_file(roots, choose)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(choose=chooser())
@cases(5000)
def test_thousands_of_spoiled_files(roots: dict[str, Path], choose: Choose) -> None:
    try_a_file(roots, choose)


# What was found --------------------------------------------------------------------------------


def line(number: int, change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """Return what changes one line, counted from 1."""

    def spoil(held: bytes) -> bytes:
        lines = held.decode().split("\n")
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines).encode()

    return spoil


def byte(number: int) -> Callable[[bytes], bytes]:
    """Return what puts a byte that is no UTF-8 into a line."""

    def spoil(held: bytes) -> bytes:
        lines = held.split(b"\n")
        lines[number - 1] += b"\xff"
        return b"\n".join(lines)

    return spoil


def first_label(value: str) -> Callable[[bytes], bytes]:
    """Return what changes the first number of line 4 of a table with two spaces."""
    return line(4, lambda text: re.sub(r"  \S+", f"  {value}", text, count=1))


def huge_jpeg(held: bytes) -> bytes:
    """Return an image whose header asks for 65,500 x 65,500 pixels."""
    changed = bytearray(held)
    start = changed.index(b"\xff\xc0")
    changed[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    return bytes(changed)


def huge_png(held: bytes) -> bytes:
    """Return the same as a PNG of 60,000 x 60,000, its checksum right."""
    changed = bytearray(encoded(1, suffix=".png"))
    changed[16:24] = struct.pack(">II", 60000, 60000)
    changed[29:33] = struct.pack(">I", zlib.crc32(changed[12:29]))
    return bytes(changed)


NOT_TEXT = "not UTF-8 text; save the file as UTF-8"
FRAMES = "training_frames_keypoints.csv"
MANUAL = "basic/Annotation/manual/train_00003_manu_attri.txt"
LABEL_LIST = "basic/EmoLabel/list_patition_label.txt"

FOUND = [
    ("celeba", "list_attr_celeba.txt", byte(5), rf"list_attr_celeba.txt:5: {NOT_TEXT}"),
    ("celeba", "list_eval_partition.txt", byte(2), rf"list_eval_partition.txt:2: {NOT_TEXT}"),
    ("celeba", "identity_CelebA.txt", byte(3), rf"identity_CelebA.txt:3: {NOT_TEXT}"),
    ("celeba", "list_attr_celeba.txt", first_label("257"), "txt:4: '257' is not a number of at"),
    ("celeba", "list_attr_celeba.txt", first_label("0.5"), "txt:4: '0.5' is not a number of at"),
    (
        "celeba",
        "identity_CelebA.txt",
        line(2, lambda text: text + "9" * 20),
        "identity_CelebA.txt:2: .* is not a number of at most 15 digits",
    ),
    (
        "celeba",
        "list_landmarks_align_celeba.txt",
        first_label("1e400"),
        "list_landmarks_align_celeba.txt:4: '1e400' is not a number",
    ),
    (
        "celeba (Kaggle)",
        "list_eval_partition.csv",
        line(3, lambda text: text.split(",")[0] + ",1e400"),
        "list_eval_partition.csv:3: '1e400' is not a number",
    ),
    (
        "celeba (Kaggle)",
        "list_attr_celeba.csv",
        line(2, lambda text: f"{text},1,1"),
        "list_attr_celeba.csv:2: expected 40 values after the image name, found 42",
    ),
    ("celeba", "img_align_celeba/000002.jpg", huge_jpeg, "000002.jpg does not decode"),
    ("fairface", "fairface_label_val.csv", byte(1), rf"fairface_label_val.csv:1: {NOT_TEXT}"),
    (
        "fairface",
        "fairface_label_val.csv",
        line(2, lambda text: text + "x" * 200_000),
        "fairface_label_val.csv cannot be read: field larger than field limit",
    ),
    ("fairface", "train/3.jpg", huge_jpeg, "3.jpg does not decode"),
    ("keypoints68", FRAMES, byte(4), rf"{FRAMES}:4: {NOT_TEXT}"),
    (
        "keypoints68",
        FRAMES,
        line(2, lambda text: text.replace(",3.0", ",inf", 1)),
        f"{FRAMES}:2: 'inf' is no place in an image",
    ),
    (
        "keypoints68",
        FRAMES,
        line(2, lambda text: text.replace(",3.0", ",1e30", 1)),
        f"{FRAMES}:2: '1e30' is no place in an image",
    ),
    ("keypoints68", "training/training_1_3.jpg", lambda held: held[:5], "training_1_3.jpg"),
    ("keypoints68", "training/training_1_3.jpg", huge_png, "training_1_3.jpg does not decode"),
    ("rafdb", LABEL_LIST, byte(2), f"list_patition_label.txt:2: {NOT_TEXT}"),
    ("rafdb", MANUAL, byte(6), f"train_00003_manu_attri.txt:6: {NOT_TEXT}"),
    (
        "rafdb",
        MANUAL,
        lambda held: b"\n".join(held.split(b"\n")[:2]),
        "train_00003_manu_attri.txt:3: expected x and y of a landmark, found ''",
    ),
    ("lfwa", "lfw_att_40.mat", lambda held: held[:200], "lfw_att_40.mat is no MATLAB file"),
    ("lfwa", "indices_train_test.mat", lambda held: held[:250], "indices_train_test.mat is no MAT"),
    (
        "lfwa (MATLAB 7.3)",
        "lfw_att_40.mat",
        lambda held: held[: len(held) // 2],
        "lfw_att_40.mat is no MATLAB file",
    ),
]
"""Tree, file, what is done to it, and what is told."""


@pytest.mark.parametrize(
    ("root", "file", "spoil", "message"),
    FOUND,
    indirect=["root"],
    ids=[f"{tree} {file} {number}" for number, (tree, file, _, _) in enumerate(FOUND)],
)
def test_found_in_label_files(
    root: Path, file: str, spoil: Callable[[bytes], bytes], message: str
) -> None:
    (root / file).write_bytes(spoil((root / file).read_bytes()))
    dataset = next(tree.dataset for tree in TREES.values() if tree.dataset.name == root.name)
    with pytest.raises(UserError, match=message):
        read_everything(dataset, root)


@pytest.mark.parametrize("root", ["celeba (Kaggle)"], indirect=True)
def test_a_member_of_a_zip_that_unpacks_to_very_much_is_not_unpacked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celeba_images, "PICTURE", 1 << 20)
    path = root / "img_align_celeba.zip"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("img_align_celeba/000099.jpg", b"\0" * (2 << 20))
    for table, row in (
        ("attr", ",1" * 40),
        ("eval_partition", ",0"),
        ("landmarks_align", ",9" * 10),
    ):
        name = f"list_{table}{'' if table == 'eval_partition' else '_celeba'}.csv"
        with (root / name).open("a") as file:
            file.write(f"000099.jpg{row}\n")
    with pytest.raises(UserError, match=r"zip/000099.jpg has 2,097,152 bytes, and at most 1,048"):
        read_everything(TREES["celeba (Kaggle)"].dataset, root)
