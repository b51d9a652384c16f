"""An image that is exchanged after it was packed is noticed; all is packed and trained again."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

BENCHMARK = """
protocol: tiny.yaml
plugins: [tiny_method.py]
datasets:
  - name: image_folder
    csv: labels.csv
    labels:
      attributes: {attributes: [bright, left]}
rows:
  fine: {method: tiny_net, cells: 4}
"""


@pytest.fixture
def pictures(tiny, tmp_path):
    """Return the tiny benchmark on 40 pictures in a folder, its arguments, and the folder."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    lines = ["image,split,bright,left"]
    rng = np.random.default_rng(0)
    for i in range(40):
        held = rng.integers(0, 100, (40, 40, 3), np.uint8) + np.uint8(100 * (i % 2))
        cv2.imwrite(str(folder / f"{i}.png"), held)
        split = "train" if i < 24 else "valid" if i < 32 else "test"
        lines.append(f"{i}.png,{split},{i % 2},{i // 2 % 2}")
    (folder / "labels.csv").write_text("\n".join(lines))
    tiny.write({"tiny_bench.yaml": BENCHMARK})
    return tiny, ("--data-root", folder, "--set", "protocol.epochs=1"), folder


def test_it_is_packed_and_trained_again(pictures, tmp_path):
    """It has as many bytes as the one before: only what is in it is another."""
    tiny, words, folder = pictures
    assert "packing 40 images" in tiny.run(*words).err
    os.utime(folder / "3.png")
    assert "1 of 1 cell finished already." in tiny.run(*words).err
    before, first = tiny.cells()["fine"], (folder / "3.png").read_bytes()
    black = cv2.imencode(".png", np.zeros((40, 40, 3), np.uint8))[1].tobytes()
    (folder / "3.png").write_bytes(black.ljust(len(first), b"\0"))
    said = tiny.run(*words).err
    assert "1 image was exchanged since the first run: 3.png." in said
    assert "packing 40 images" in said
    assert "finished already" not in said
    after = tiny.cells()["fine"]
    assert after != before
    assert before.is_dir()  # results of the old images stay, and are in no table any more
    packed = [np.load(path, mmap_mode="r") for path in (tmp_path / "cache").rglob("images.npy")]
    assert sorted(int(pixels[3].max()) for pixels in packed)[0] == 0
    (folder / "3.png").write_bytes(first)
    assert "1 of 1 cell finished already." in tiny.run(*words).err
    assert tiny.cells()["fine"] == before
