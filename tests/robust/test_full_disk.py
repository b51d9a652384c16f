"""A full disk is told as one, leaves nothing half-written, and the next run goes on."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from farbench.data.pack import pack
from farbench.errors import NoSpace, UserError
from farbench.store.artifacts import DONE, ArtifactStore
from farbench.store.atomic import write_with
from farbench.store.space import allocate, need_space


@contextmanager
def files_end_at(length: int):
    """Let no file of this process grow beyond a length: what a quota does, and a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


NUMBERS = np.random.default_rng(0).random(100_000)
WRITERS = {
    "text": lambda path: path.write_text("x" * 800_000),
    "numpy": lambda path: np.save(path.open("wb"), NUMBERS),
    "npz": lambda path: np.savez(path, numbers=NUMBERS),
    "torch": lambda path: torch.save(torch.from_numpy(NUMBERS), path),
    "safetensors": lambda path: save_file({"numbers": torch.from_numpy(NUMBERS)}, path),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_whatever_library_writes_the_old_file_stays(tmp_path, write):
    path = tmp_path / "value.npz"
    path.write_text("old")
    told = rf"no space is left on the disk of {tmp_path}\. What is finished stays\."
    with files_end_at(200_000), pytest.raises(NoSpace, match=told):
        write_with(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_stay_what_they_are(tmp_path):
    def write(path):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        write_with(tmp_path / "value", write)
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_goes_on_where_there_is_room_again(tmp_path):
    def build(folder: Path) -> dict[str, int]:
        np.save(folder / "points.npy", NUMBERS)  # a library that says it in words of its own
        return {"answer": 42}

    store = ArtifactStore(tmp_path)
    with files_end_at(200_000), pytest.raises(NoSpace):
        store.get("points", "abc", build)
    folder = tmp_path / "points" / "abc"
    assert not (folder / DONE).exists()
    assert store.get("points", "abc", build)[2] is False
    assert np.load(folder / "points.npy").tolist() == NUMBERS.tolist()
    assert sorted(path.name for path in folder.iterdir()) == [DONE, "points.npy"]


def test_room_is_asked_for_before_work_begins(tmp_path):
    need_space(tmp_path / "not" / "there", 1, "things", "Do something.")
    with pytest.raises(NoSpace, match=r"8 things need 1,000,000,000,000\.0 MB in .* Do something"):
        need_space(tmp_path / "not" / "there", 10**18, "8 things", "Do something.")
    assert list(tmp_path.iterdir()) == []
    assert issubclass(NoSpace, UserError)


def test_a_map_has_its_room_before_it_is_written(tmp_path):
    path = tmp_path / "masks.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(500_000,))
    assert path.stat().st_blocks * 512 < 400_000
    allocate(path)
    assert path.stat().st_blocks * 512 >= 500_000
    assert np.load(path).sum() == 0


def test_a_map_without_room_is_an_error_and_no_signal(tmp_path, monkeypatch):
    path = tmp_path / "masks.npy"
    path.write_bytes(bytes(10))
    for number, raises in ((errno.ENOSPC, True), (errno.EOPNOTSUPP, False)):

        def refuse(handle, start, length, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        if raises:
            with pytest.raises(OSError, match="No space"):
                allocate(path)
        else:
            allocate(path)


def test_packing_without_room_is_refused_and_goes_on(tiny, tmp_path):
    with files_end_at(200_000):  # 64 images of 40 px take 307 kB
        outcome = tiny.run(code=2)
    assert "farbench: error: no space is left on the disk of" in outcome.err
    assert not tiny.results.exists()
    tiny.run()


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that makes a disk of so many kB, or another size of it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: int, *, again: bool = False) -> Path:
        options = f"remount,size={size}k" if again else f"size={size}k"
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        return place

    yield mount
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_disk_that_fills_while_images_are_packed(small_disk, monkeypatch, workers):
    """Its file has its length from the start and takes no room yet; a map would end the process."""
    monkeypatch.setattr("farbench.store.blocks.BLOCK", 100)
    seen = []

    def read(i: int) -> np.ndarray:
        seen.append(i)
        return np.full((32, 32, 3), i % 251 + 1, np.uint8)

    store = ArtifactStore(small_disk(600) / "cache")  # 300 images take 922 kB
    with pytest.raises(NoSpace, match=r"no space is left on the disk of .* it goes on from there"):
        pack(store, "k", 300, read, 32, workers=workers)
    folder = store.folder("packed", "k")
    assert not (folder / DONE).exists()
    assert not list(folder.rglob(".unfinished-*"))
    small_disk(5_000, again=True)
    seen.clear()
    packed = pack(store, "k", 300, read, 32, workers=1)
    assert seen == list(range(100, 300))
    assert [int(pixels.max()) for pixels in packed.pixels] == [i % 251 + 1 for i in range(300)]


def test_a_disk_that_takes_a_part_of_an_image_gets_the_rest(tmp_path, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, place: write(file, data[:1000], place))
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    packed = pack(ArtifactStore(tmp_path), "k", 3, lambda i: image, 32)
    assert all(np.array_equal(pixels, image) for pixels in packed.pixels)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("full", "jobs"), [("cache", 1), ("results", 1), ("cache", 2)])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk")
def test_a_run_on_a_full_disk(tiny, tmp_path, monkeypatch, small_disk, full, jobs):
    """A real one, which ends while images are packed, in a stage, or while a cell is written."""
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "whole_cache"))
        tiny.run(results=tmp_path / "whole")
    sizes = (200, 325, 345) if full == "cache" else (4, 16, 36)
    refused = 0
    for size in sizes:
        disk = small_disk(size)
        results = disk / "results" if full == "results" else tmp_path / f"results{size}"
        cache = disk / "cache" if full == "cache" else tmp_path / f"cache{size}"
        process = tiny.start("--jobs", jobs, results=results, FARBENCH_CACHE=str(cache))
        _, err = process.communicate(timeout=240)
        assert "Traceback" not in err
        if process.returncode:
            refused += 1
            assert process.returncode in (1, 2)
            assert "no space is left" in err.lower() or "MB are free" in err or "No space" in err
            assert not list(disk.rglob(".unfinished-*"))
        small_disk(50_000, again=True)
        process = tiny.start("--jobs", jobs, results=results, FARBENCH_CACHE=str(cache))
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        for row, cell in tiny.cells(results).items():
            whole = tiny.cells(tmp_path / "whole")[row]
            for name in ("metrics.json", "predictions.npz", "model.safetensors"):
                assert (cell / name).read_bytes() == (whole / name).read_bytes()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    assert refused >= len(sizes) - 1
