"""An exchanged image is noticed whatever its length, one that was only touched changes nothing."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from farbench import BinaryAttributes, Dataset, DatasetInfo, FaceIndex
from farbench.benchmark.schema import Images
from farbench.data import contents
from farbench.data.contents import notice_exchanged
from farbench.data.source import Source, open_source
from farbench.errors import NoSpace
from farbench.store.artifacts import ArtifactStore

COUNT = 12


class Files(Dataset):
    """Files of eight bytes; nobody decodes them. It notes what is read again."""

    name: ClassVar[str] = "files"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="Files", citation="", licence="")
    read_again: ClassVar[list[str]] = []

    def tasks(self) -> tuple[BinaryAttributes, ...]:
        return (BinaryAttributes("t", ("a",)),)

    def index(self, root: Path | None) -> FaceIndex:
        split = ["train"] * 8 + ["valid"] * 2 + ["test"] * 2
        names = [f"{i:02d}.png" for i in range(COUNT)]
        return FaceIndex(pd.DataFrame({"image": names, "split": split, "t.a": [0, 1] * 6}))

    def checksums(self, root, images):
        self.read_again.extend(images)
        return super().checksums(root, images)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    for i in range(COUNT):
        (tmp_path / "files" / f"{i:02d}.png").write_text(f"bytes {i:02d}")
    return tmp_path


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "cache")


def seen(root: Path, store: ArtifactStore, *, keep: bool = True) -> tuple[Source, list[str]]:
    """Return the source as a run has it, and which images were read for that."""
    Files.read_again.clear()
    found = notice_exchanged(open_source(Files(), root, Images()), store, keep=keep)
    return found, list(Files.read_again)


def test_images_are_read_once_and_keep_their_manifest(root, store):
    bare = open_source(Files(), root, Images())
    assert len(seen(root, store)[1]) == COUNT
    again, read = seen(root, store)
    assert (again.manifest, again.index.notes, read) == (bare.manifest, [], [])


def test_an_exchanged_image_of_the_same_length_is_another_data_set(root, store):
    before = seen(root, store)[0].manifest
    (root / "files" / "03.png").write_text("bytes xx")
    found, read = seen(root, store)
    assert found.manifest != before
    assert read == ["03.png"]
    assert "1 image was exchanged since the first run: 03.png." in found.index.notes[0]
    assert len(found) == COUNT
    # It stays so without being read again, for a plan as for a run.
    for keep in (True, False):
        again, read = seen(root, store, keep=keep)
        assert (again.manifest, read) == (found.manifest, [])
    (root / "files" / "04.png").write_text("bytes yy")
    both = seen(root, store)[0]
    assert len({before, found.manifest, both.manifest}) == 3
    assert "2 images were exchanged since the first run: 03.png, 04.png." in both.index.notes[0]
    for i in (3, 4):
        (root / "files" / f"{i:02d}.png").write_text(f"bytes {i:02d}")
    assert seen(root, store)[0].manifest == before  # put back: the old results count again


def test_the_time_of_the_last_writing_may_be_set_back(root, store):
    before = seen(root, store)[0].manifest
    path = root / "files" / "03.png"
    state = path.stat()
    path.write_text("bytes xx")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert seen(root, store)[0].manifest != before


def test_files_that_were_touched_or_copied_are_read_once(root, store):
    before = seen(root, store)[0].manifest
    (root / "files" / "07.png").touch()
    touched, read = seen(root, store)
    assert (touched.manifest, read) == (before, ["07.png"])
    elsewhere = root / "elsewhere"
    shutil.copytree(root / "files", elsewhere / "files")
    assert len(seen(elsewhere, store, keep=False)[1]) == COUNT
    copied, read = seen(elsewhere, store)
    assert (copied.manifest, len(read)) == (before, COUNT)
    assert seen(elsewhere, store)[1] == []


def test_a_plan_reads_and_writes_nothing_where_nothing_is_known(root, store):
    bare = open_source(Files(), root, Images())
    found, read = seen(root, store, keep=False)
    assert (found.manifest, read) == (bare.manifest, [])
    assert not store.root.exists()


def test_an_image_that_goes_missing_is_no_error_here(root, store):
    source = open_source(Files(), root, Images())
    first = notice_exchanged(source, store, keep=True)
    (root / "files" / "05.png").unlink()
    assert notice_exchanged(source, store, keep=True).manifest != first.manifest


def test_an_image_that_cannot_be_read_just_now_is_not_another(root, store, monkeypatch):
    before = seen(root, store)[0].manifest
    (root / "files" / "03.png").touch()
    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "checksums", lambda self, root, images: [-1] * len(images))
        assert seen(root, store)[0].manifest == before
    assert seen(root, store)[1] == ["03.png"]  # it is tried again
    (root / "files" / "03.png").write_text("bytes xx")
    assert seen(root, store)[0].manifest != before


@pytest.mark.parametrize("held", [b"", b"PK\x03\x04", b"other"])
def test_a_damaged_file_of_checksums_is_made_anew(root, store, held):
    before = seen(root, store)[0].manifest
    (path,) = (store.root / contents.KIND).iterdir()
    path.write_bytes(held)
    found, read = seen(root, store)
    assert (found.manifest, len(read)) == (before, COUNT)
    assert seen(root, store)[1] == []


def test_several_processes_read_the_same_checksums(root, store, tmp_path, monkeypatch):
    seen(root, store)
    monkeypatch.setattr(contents, "_FEW", 1)
    monkeypatch.setattr(contents, "_AT_ONCE", 5)
    monkeypatch.setenv("FARBENCH_WORKERS", "2")
    other = ArtifactStore(tmp_path / "other")
    said: list[tuple[int, int]] = []
    source = open_source(Files(), root, Images())
    notice_exchanged(source, other, keep=True, progress=lambda *done: said.append(done))
    assert said[-1] == (COUNT, COUNT)
    one, two = (next((s.root / contents.KIND).iterdir()) for s in (store, other))
    with np.load(one) as first, np.load(two) as second:
        assert first["first"].tolist() == second["first"].tolist()


def test_a_cache_that_can_only_be_read_is_no_error(root, tmp_path):
    """Packing tells it, unless all is packed already."""
    (tmp_path / "file").write_text("in the way")
    bare = open_source(Files(), root, Images())
    assert seen(root, ArtifactStore(tmp_path / "file"))[0].manifest == bare.manifest


def test_a_full_disk_is_told(root, store):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))  # as a quota does
    try:
        with pytest.raises(NoSpace):
            seen(root, store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((store.root / contents.KIND).iterdir())


def test_drawn_images_have_no_bytes_to_compare(store):
    from farbench_datasets.synthetic_faces import SyntheticFaces

    source = open_source(SyntheticFaces(train=3, valid=2, test=2), None, Images())
    assert notice_exchanged(source, store, keep=True) is source
    assert not store.root.exists()
