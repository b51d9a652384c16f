"""Packing in several processes: the same bits, errors instead of hangs, nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from farbench.data import workers
from farbench.data.pack import pack
from farbench.data.workers import parallel, worker_count
from farbench.errors import UserError
from farbench.store.artifacts import DONE, ArtifactStore

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks"),
]
COUNT = 300


def read(i: int) -> NDArray[np.uint8]:
    if i % 97 == 5:
        raise UserError(f"image {i} does not decode.")
    return np.full((20 + i % 3, 18, 3), i % 251, np.uint8)


def test_processes_pack_the_same_bits(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    found = [
        pack(
            ArtifactStore(tmp_path / str(count)),
            "k",
            COUNT,
            read,
            16,
            workers=count,
            skip_broken=True,
            progress=lambda *done: said.append(done),
        )
        for count in (1, 3)
    ]
    assert found[0].pixels.tobytes() == found[1].pixels.tobytes()
    assert np.array_equal(found[0].sizes, found[1].sizes)
    assert found[0].broken == found[1].broken
    assert list(found[0].broken) == [5, 102, 199, 296]
    assert said.count((COUNT, COUNT)) == 2
    checksums = [(tmp_path / c / "packed/k/checksums.npy").read_bytes() for c in ("1", "3")]
    assert checksums[0] == checksums[1]


def test_work_is_done_by_other_processes(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()

    def note(i: int) -> NDArray[np.uint8]:
        (pids / str(os.getpid())).touch()
        time.sleep(0.001)
        return np.zeros((16, 16, 3), np.uint8)

    pack(ArtifactStore(tmp_path), "k", COUNT, note, 16, workers=3)
    found = {int(path.name) for path in pids.iterdir()}
    assert 1 < len(found) <= 3
    assert os.getpid() not in found


def test_a_dead_worker_is_an_error_and_what_is_done_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farbench.store.blocks.BLOCK", 50)
    store, here = ArtifactStore(tmp_path), os.getpid()

    def deadly(i: int) -> NDArray[np.uint8]:
        if i == 222 and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(i)

    with pytest.raises(UserError, match=r"process that decodes images died.*FARBENCH_WORKERS=1"):
        pack(store, "k", COUNT, deadly, 16, workers=2, skip_broken=True)
    folder = store.folder("packed", "k")
    assert not (folder / DONE).exists()
    assert (folder / "progress/150-200.npz").exists()
    seen: list[int] = []

    def again(i: int) -> NDArray[np.uint8]:
        seen.append(i)
        return read(i)

    pack(store, "k", COUNT, again, 16, workers=1, skip_broken=True)
    assert seen == list(range(200, COUNT))


def test_opencv_s_threads_in_the_parent_stop_no_worker(tmp_path: Path) -> None:
    large = np.zeros((1500, 1500, 3), np.uint8)
    threads = cv2.getNumThreads()

    def blur(i: int) -> NDArray[np.uint8]:
        return cv2.GaussianBlur(large[:500, :500], (9, 9), 2)

    try:
        cv2.setNumThreads(2)
        cv2.GaussianBlur(large, (9, 9), 2)  # now OpenCV has threads, which no fork takes along
        pack(ArtifactStore(tmp_path), "k", 130, blur, 16, workers=2)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(threads)


ORPHANS = """
import os, sys, time
from farbench.data.workers import parallel
def work(start, stop):
    os.write(1, b"%d\\n" % os.getpid())  # in one piece: two workers write at once
    time.sleep(30)
with parallel(work, 2) as each:
    list(each(0, 4, 1))
"""


def test_no_worker_outlives_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
        deadline = time.monotonic() + 20
        while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_without_a_fork_threads_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.sys, "platform", "darwin")
    with parallel(lambda start, stop: (start, stop, os.getpid()), 2) as each:
        found = sorted(each(0, 10, 4))
    assert found == [(0, 4, os.getpid()), (4, 8, os.getpid()), (8, 10, os.getpid())]


def test_how_many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workers.WORKERS, raising=False)
    assert worker_count() == len(os.sched_getaffinity(0))
    monkeypatch.setenv(workers.WORKERS, "7")
    assert worker_count() == 7
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv(workers.WORKERS, wrong)
        with pytest.raises(UserError, match=f"FARBENCH_WORKERS={wrong}: must be a whole number"):
            worker_count()
