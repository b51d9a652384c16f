"""Packing and reading take the same memory whatever the number of images."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_parts import colour_targets

from farbench.benchmark.schema import Augmentation
from farbench.data.batches import Batches
from farbench.data.pack import pack
from farbench.store.artifacts import ArtifactStore

COUNT, SIDE = 8000, 48
WHOLE_MB = COUNT * SIDE * SIDE * 3 / 1e6


def anonymous_mb() -> float:
    """Return this process's memory that no file is behind: mapped pages can be given up."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1e3


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells anonymous memory")
def test_images_stay_in_their_file(tmp_path: Path) -> None:
    def read(i: int) -> NDArray[np.uint8]:
        return np.full((SIDE, SIDE, 3), i % 251, np.uint8)

    labels = colour_targets(np.zeros((COUNT, 4), np.int8))
    pack(ArtifactStore(tmp_path / "few"), "k", 200, read, SIDE, workers=2)
    before = anonymous_mb()
    seen = []
    packed = pack(
        ArtifactStore(tmp_path),
        "k",
        COUNT,
        read,
        SIDE,
        workers=2,
        progress=lambda *_: seen.append(anonymous_mb()),
    )
    batches = Batches(packed.pixels, labels, None, SIDE - 8, 0, 50)
    seen += [anonymous_mb() for _ in batches.train(np.arange(COUNT), Augmentation(), 0, "joint", 1)]
    assert len(seen) > COUNT / 50
    assert max(seen) - before < 0.3 * WHOLE_MB
