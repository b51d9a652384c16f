"""`farbench run`, killed while it makes masks, and the same command again."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

KILLER = """
import os
import signal

from farbench.running import progress
from farbench.store import blocks

blocks.BLOCK = 8
step = progress.Progress.step


def strike(self, what, done, total):
    if what == os.environ.get("KILL_AT") and done == int(os.environ["KILL_DONE"]):
        os.kill(os.getpid(), signal.SIGKILL)
    step(self, what, done, total)


progress.Progress.step = strike
"""

BENCHMARK = """
protocol: tiny.yaml
plugins: [killer.py]
datasets: [{name: synthetic_faces, train: 24, valid: 8, test: 8}]
rows:
  aml: {method: aml, backbone: resnet10t}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    [("keypoints", 16), ("mask network, epoch 2/3", 2), ("masks predicted", 24)],
    ids=lambda moment: moment[0],
)
def test_killed(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment) -> None:
    """The same bits as without, down to the predictions."""
    tiny.write({"killer.py": KILLER, "tiny_bench.yaml": BENCHMARK})
    masks = "masks: {encoder: tu-resnet10t, size: 32, batch_size: 8, epochs: 3, stored_size: 16}"
    stages = "stage_epochs: {global: 0, groups: 0}"
    protocol = (tiny.folder / "tiny.yaml").read_text().replace("stage_epochs: {}", stages)
    tiny.write({"tiny.yaml": f"{protocol}{masks}\n"})
    process = tiny.start(KILL_AT=moment[0], KILL_DONE=str(moment[1]))
    _, err = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL, err
    tiny.run()
    with monkeypatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(tmp_path / "another_cache"))
        tiny.run(results=tmp_path / "whole")
    for pattern in ("masks/*/masks.npy", "masks/*/mask_network.safetensors", "points/*/points.npy"):
        (cut,), (whole,) = ((tmp_path / c).glob(pattern) for c in ("cache", "another_cache"))
        assert cut.read_bytes() == whole.read_bytes()
    cells = [tiny.cells(results)["aml"] for results in (None, tmp_path / "whole")]
    metrics = [json.loads((cell / "metrics.json").read_text()) for cell in cells]
    assert metrics[0] == metrics[1]
