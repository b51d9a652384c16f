"""Keypoints, the mask network and its masks: cut short at any moment, the same bits in the end."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from tiny_parts import CPU

from farbench.benchmark.schema import Images, MaskProtocol
from farbench.data.pack import PackedImages, pack
from farbench.data.source import Source, open_source
from farbench.errors import CellFailed
from farbench.masks import artifact, network, training
from farbench.masks.artifact import make_masks
from farbench.masks.keypoints import find_points
from farbench.masks.plan import MaskPlan, plan_masks
from farbench.plugins.grouping import Group
from farbench.plugins.keypoints import KeypointModel
from farbench.store import blocks
from farbench.store.artifacts import PROGRESS, ArtifactStore
from farbench_datasets.synthetic_faces import SyntheticFaces
from farbench_keypoints.exact import Exact

GROUPS = (Group("Mouth", (0,), "mouth"), Group("Face", (1,), "face"))
SIZE, COUNT = 32, 41
PROTOCOL = MaskProtocol(
    encoder="tu-resnet10t", size=SIZE, epochs=3, batch_size=8, learning_rate=3e-3, stored_size=16
)


class Watched(Exact):
    """The data set's own points, and what was asked for."""

    asked: ClassVar[list[int]] = []

    def points(self, index, read):
        self.asked.append(len(index.frame))
        assert index.frame.index.tolist() == list(range(len(index.frame)))
        return super().points(index, read)


class Dropping(network.MaskNetwork):
    """A network that draws from torch's own random numbers."""

    def forward(self, images):
        return torch.nn.functional.dropout(super().forward(images), 0.1, self.training)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, PackedImages]:
    source = open_source(SyntheticFaces(train=24, valid=1, test=16), None, Images())
    store = ArtifactStore(tmp_path_factory.mktemp("faces"))
    return source, pack(store, "faces", len(source), source.read, SIZE)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 16)
    monkeypatch.setattr(artifact, "BATCH", 8)
    monkeypatch.setattr(training, "MaskNetwork", Dropping)


def make(faces, store: ArtifactStore, stop: tuple[str, int] | None = None, area: float = 1.0):
    """Make the masks of one plan, interrupted when a message comes; return all messages."""
    source, packed = faces
    plan: MaskPlan = plan_masks(
        source, SIZE, "g", GROUPS, Watched(), PROTOCOL, CPU, pretrained=False
    )
    told: list[tuple[str, int]] = []

    def progress(what: str, done: int, count: int) -> None:
        told.append((what, done))
        if (what, done) == stop:
            raise KeyboardInterrupt

    _, meta = make_masks(plan, area, source, packed, store, CPU, progress)
    return told, meta, store.folder("masks", plan.at(area).key)


MOMENTS = {
    "keypoints": ("keypoints", 32),
    "first epoch": ("mask network, epoch 1/3", 2),
    "third epoch": ("mask network, epoch 3/3", 1),
    "prediction": ("masks predicted", 24),
}


@pytest.mark.parametrize("stop", MOMENTS.values(), ids=list(MOMENTS))
def test_cut_short_at_any_moment(faces, tmp_path: Path, stop: tuple[str, int]) -> None:
    whole, whole_meta, whole_folder = make(faces, ArtifactStore(tmp_path / "whole"))
    store = ArtifactStore(tmp_path / "cut")
    Watched.asked.clear()
    with pytest.raises(KeyboardInterrupt):
        make(faces, store, stop)
    rest, meta, folder = make(faces, store)
    # At most one epoch and one block of images is done again.
    assert len(rest) < len(whole)
    epochs = {what for what, _ in rest if what.startswith("mask network")}
    done = {"third epoch": 1, "prediction": 0}
    assert len(epochs) == done.get(next(k for k, v in MOMENTS.items() if v == stop), 3)
    if stop[0] == "keypoints":
        assert Watched.asked == [16, 16, 16, 9]  # the second was found, not yet kept
    else:
        assert Watched.asked == [16, 16, 9]
    if stop[0] == "masks predicted":
        assert rest[0] == ("masks predicted", 24)
    for name in ("masks.npy", "mask_network.safetensors"):
        assert (folder / name).read_bytes() == (whole_folder / name).read_bytes()
    assert meta["f1"] == whole_meta["f1"]
    losses = [[row["loss"] for row in m["history"]] for m in (meta, whole_meta)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 3
    assert not (folder / PROGRESS).exists()


def test_scaling_goes_on(faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make(faces, ArtifactStore(tmp_path / "whole"), area=1.44)[2]
    true, calls = artifact.scale_masks, []

    def torn(masks, area):
        calls.append(len(masks))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return true(masks, area)

    monkeypatch.setattr(artifact, "scale_masks", torn)
    store = ArtifactStore(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        make(faces, store, area=1.44)
    folder = make(faces, store, area=1.44)[2]
    assert calls == [16, 16, 16, 9]
    assert (folder / "masks.npy").read_bytes() == (whole / "masks.npy").read_bytes()


def test_the_checkpoint_is_read_without_code(faces, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        make(faces, store, MOMENTS["third epoch"])
    (path,) = tmp_path.glob(f"masks/*/{PROGRESS}/{artifact.CHECKPOINT}")
    saved = torch.load(path, weights_only=True)
    assert saved["epoch"] == 2
    assert len(saved["history"]) == 2
    assert any(key.endswith("running_mean") for key in saved["network"])


def test_a_model_gets_its_part_of_everything(faces, tmp_path: Path) -> None:
    source, _ = faces
    names: list[str] = []

    class Reads(KeypointModel):
        name = "reads"

        def points(self, index, read):
            names.extend(index.frame["image"])
            first = [read(i)[0, 0, 0] for i in range(len(index.frame))]
            return np.full((len(first), 98, 2), np.array(first)[:, None, None], np.float64)

    points = find_points(Reads(), source.index, source.read, tmp_path, lambda *told: None)
    assert names == list(source.index.frame["image"])
    assert points.dtype == np.float32
    assert points[:, 5, 1].tolist() == [source.read(i)[0, 0, 0] for i in range(COUNT)]


def test_a_model_that_breaks_its_contract_is_told(faces, tmp_path: Path) -> None:
    source, _ = faces

    class Short(KeypointModel):
        name = "short"

        def points(self, index, read):
            return np.zeros((len(index.frame), 68, 2), np.float32)

    with pytest.raises(CellFailed, match=r"'short' gave .* \(16, 68, 2\) for 16 images.*98, 2"):
        find_points(Short(), source.index, source.read, tmp_path, lambda *told: None)
