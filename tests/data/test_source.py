"""A data set as the cells see it: which images, the manifest, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pandas as pd
import pytest

from farbench import BinaryAttributes, Dataset, DatasetInfo, FaceIndex, UserError
from farbench.benchmark.schema import Images
from farbench.data.source import Source, open_source
from farbench.data.targets import planned_statistics

TASK = BinaryAttributes("t", ("a", "b"))
COUNTS = {"train": 20, "valid": 6, "test": 10}


class Files(Dataset):
    """Image files with two labels; tests change the index."""

    name: ClassVar[str] = "files"
    info: ClassVar[DatasetInfo] = DatasetInfo(
        title="Some files", citation="", licence="", how_to_get="Step one.\nStep two."
    )
    change: ClassVar[Callable[[FaceIndex], None] | None] = None

    def tasks(self) -> tuple[BinaryAttributes, ...]:
        return (TASK,)

    def index(self, root: Path | None) -> FaceIndex:
        rng = np.random.default_rng(0)
        count = sum(COUNTS.values())
        frame = pd.DataFrame(
            {
                "image": [f"{i:02d}.png" for i in range(count)],
                "split": [split for split, size in COUNTS.items() for _ in range(size)],
                "identity": pd.array([f"p{i // 2}" for i in range(count)], dtype="string"),
                "t.a": pd.array(rng.integers(0, 2, count), dtype="Int8"),
                "t.b": rng.integers(0, 2, count).astype(float),
            }
        )
        index = FaceIndex(frame, {"landmarks5": rng.random((count, 5, 2)).astype(np.float32)})
        if type(self).change is not None:
            type(self).change(index)
        return index


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for i in range(sum(COUNTS.values())):
        cv2.imwrite(str(folder / f"{i:02d}.png"), np.full((4, 5, 3), (9, i, 200), np.uint8))
    return tmp_path


def opened(root: Path | None, monkeypatch: pytest.MonkeyPatch | None = None, change=None, **limits):
    if monkeypatch is not None:
        monkeypatch.setattr(Files, "change", staticmethod(change))
    return open_source(Files(), root, Images(**limits))


def names(source: Source, split: str) -> list[str]:
    return list(source.index.frame["image"].iloc[source.positions(split)])


def test_everything_by_default(root: Path) -> None:
    source = opened(root)
    assert len(source) == 36
    assert {split: len(source.positions(split)) for split in COUNTS} == COUNTS
    assert source.root == root / "files"
    assert source.read(7)[0, 0].tolist() == [200, 7, 9]  # RGB
    assert open_source(Files(), root / "files", Images()).manifest == source.manifest


def test_a_limit_takes_the_same_images_always(root: Path) -> None:
    small, again, more = opened(root, train=5), opened(root, train=5, test=3), opened(root, train=9)
    assert len(small) == 21
    assert names(small, "train") == names(again, "train")
    assert set(names(small, "train")) < set(names(more, "train"))
    assert names(small, "valid") == names(opened(root), "valid")
    chosen = names(small, "train")
    assert chosen == sorted(chosen)  # the data set's order
    assert chosen != [f"{i:02d}.png" for i in range(5)]  # but not its first ones
    whole = opened(root)
    for source in (small, more):
        positions = [int(name[:2]) for name in source.index.frame["image"]]
        assert np.array_equal(
            source.index.points["landmarks5"], whole.index.points["landmarks5"][positions]
        )
        assert np.array_equal(source.labels(TASK), whole.labels(TASK)[positions])
    assert opened(root, train=20).manifest == opened(root, train=10_000).manifest == whole.manifest
    assert len({whole.manifest, small.manifest, more.manifest}) == 3


def test_the_manifest_knows_labels_splits_points_and_files(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def label(index: FaceIndex) -> None:
        index.frame.loc[30, "t.b"] = 1 - index.frame.loc[30, "t.b"]

    def unknown(index: FaceIndex) -> None:
        index.frame.loc[30, "t.a"] = pd.NA

    def split(index: FaceIndex) -> None:
        index.frame.loc[3, "split"] = "test"

    def person(index: FaceIndex) -> None:
        index.frame.loc[3, "identity"] = "somebody"

    def point(index: FaceIndex) -> None:
        index.points["landmarks5"][3, 2, 1] += 0.25

    def no_point(index: FaceIndex) -> None:
        index.points["landmarks5"][3, 2, 1] = np.nan

    plain = opened(root).manifest
    manifests = {plain}
    for change in (label, unknown, split, person, point, no_point):
        manifests.add(opened(root, monkeypatch, change).manifest)
    assert len(manifests) == 7
    monkeypatch.undo()
    assert opened(root).manifest == plain
    cv2.imwrite(str(root / "files" / "11.png"), np.zeros((40, 40, 3), np.uint8))
    assert opened(root).manifest != plain
    (root / "files" / "11.png").unlink()
    assert opened(root).manifest not in {plain, *manifests}


def test_labels_and_their_share(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def some(index: FaceIndex) -> None:
        index.frame["t.a"] = pd.array([1] * 5 + [pd.NA] * 10 + [0] * 21, dtype="Int8")
        index.frame["t.b"] = np.nan

    source = opened(root, monkeypatch, some)
    targets = source.labels(TASK)
    assert targets.dtype == np.int8
    assert targets[:, 0].tolist() == [1] * 5 + [-1] * 10 + [0] * 21
    assert (targets[:, 1] == -1).all()
    shares = planned_statistics(source, (TASK,))["t"].prevalence
    assert shares == (0.5, 0.0)  # 5 of the 10 known train labels; none known


def test_without_some_images(root: Path) -> None:
    source = opened(root)
    less = source.without({0, 21})
    assert len(less) == 34
    assert "00.png" not in names(less, "train")
    assert len(less.positions("valid")) == 5
    assert less.read(0)[0, 0, 1] == 1
    assert less.index.points["landmarks5"].shape == (34, 5, 2)
    assert len(less.index.notes) == 1
    assert less.index.notes[0].startswith("2 images")
    assert source.index.notes == []
    assert len({source.manifest, less.manifest, source.without({0}).manifest}) == 3
    assert source.without({21, 0}).manifest == less.manifest
    assert source.without(set()) is source
    with pytest.raises(UserError, match="no images in its valid split"):
        source.without(set(source.positions("valid").tolist()))


def test_a_missing_data_root_is_told_with_the_steps(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)--data-root DIR or set FARBENCH_DATA.*Step two"):
        opened(None)
    with pytest.raises(UserError, match=r"(?s)holds no Some files \(files/\).*Step one"):
        opened(tmp_path)
    with pytest.raises(UserError, match=r"(?s)does not exist.*Step one"):
        opened(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("column", "row", "value", "words"),
    [
        ("split", slice(20, 25), "train", "no images in its valid split"),
        ("split", 4, "training", "unknown split 'training'"),
        ("split", slice(3, 4), [np.nan, "training"], "unknown split nan"),
        ("image", 4, "05.png", "image 05.png is in it twice"),
        ("t.b", 4, -1.0, "t.b has the label -1.0; allowed are 1, 0 and NA"),
        ("t.a", 4, 2, "t.a has the label 2"),
    ],
)
def test_odd_indexes_are_refused(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    row: int | slice,
    value: Any,
    words: str,
) -> None:
    def change(index: FaceIndex) -> None:
        index.frame.loc[row, column] = value

    with pytest.raises(UserError, match=words):
        opened(root, monkeypatch, change).labels(TASK)

    def drop(index: FaceIndex) -> None:
        index.frame = index.frame.drop(columns=column)

    with pytest.raises(UserError, match=f"lacks {column}"):
        opened(root, monkeypatch, drop)


def test_a_task_without_a_label_in_a_split_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(index: FaceIndex) -> None:
        index.frame.loc[index.frame["split"] == "valid", ["t.a", "t.b"]] = pd.NA

    with pytest.raises(UserError, match="no image of its valid split has a label for task 't'"):
        opened(root, monkeypatch, change).labels(TASK)


def test_a_share_of_a_split(root: Path) -> None:
    assert len(opened(root, train=0.1).positions("train")) == 2
    assert len(opened(root, train=0.5).positions("train")) == 10
    assert set(names(opened(root, train=0.1), "train")) < set(
        names(opened(root, train=0.5), "train")
    )


def test_a_bare_frame_is_an_index(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opened(root)
    monkeypatch.setattr(Files, "index", lambda self, root: whole.index.frame)
    assert len(opened(root)) == 36


def test_options_that_change_pixels_alone_make_another_manifest() -> None:
    """Two renderings share labels and points; their packed images must not be mixed up."""
    from farbench.benchmark.schema import Images
    from farbench_datasets.synthetic_faces import SyntheticFaces

    small = {"train": 6, "valid": 3, "test": 3}
    one = open_source(SyntheticFaces(**small), None, Images()).manifest
    assert open_source(SyntheticFaces(**small), None, Images()).manifest == one
    assert (
        open_source(SyntheticFaces(**small, height=109, width=89), None, Images()).manifest != one
    )
