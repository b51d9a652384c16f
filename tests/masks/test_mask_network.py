"""The mask network learns rectangles, and its masks are made once and shared."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_parts import CPU
from torch import Tensor, nn

from farbench.benchmark.schema import Images, MaskProtocol
from farbench.data.mask_bits import StoredMasks
from farbench.data.pack import PackedImages, pack
from farbench.data.source import Source, open_source
from farbench.errors import CellFailed, UserError
from farbench.masks import artifact, network, training
from farbench.masks.artifact import make_masks
from farbench.masks.plan import MaskPlan, plan_masks
from farbench.masks.regions import region_masks
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.grouping import Group
from farbench.store.artifacts import ArtifactStore
from farbench_datasets.synthetic_faces import SyntheticFaces
from farbench_keypoints.exact import Exact

GROUPS = tuple(
    Group(region.title(), (i,), region) for i, region in enumerate(("mouth", "ear", "hair", "face"))
)
REGIONS = [str(group.region) for group in GROUPS]
SIZE = 64
PROTOCOL = MaskProtocol(
    encoder="tu-resnet10t", size=SIZE, epochs=6, batch_size=8, learning_rate=3e-3, stored_size=32
)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> tuple[Source, PackedImages]:
    """64 + 16 drawn faces at 64 px."""
    source = open_source(SyntheticFaces(train=64, valid=1, test=16), None, Images())
    store = ArtifactStore(tmp_path_factory.mktemp("faces"))
    return source, pack(store, "faces", len(source), source.read, SIZE)


def plan(source: Source, protocol: MaskProtocol = PROTOCOL) -> MaskPlan:
    return plan_masks(source, SIZE, "g", GROUPS, Exact(), protocol, CPU, pretrained=False)


def quiet(*ignored: object) -> None:
    pass


def true_masks(source: Source, packed: PackedImages) -> np.ndarray:
    points = packed.to_packed(source.index.points["wflw98"])
    return region_masks(points, REGIONS, SIZE, SIZE)


class Oracle(nn.Module):
    """Knows the masks of the image whose number its first pixel shows."""

    def __init__(self, masks: np.ndarray) -> None:
        super().__init__()
        self.masks = torch.from_numpy(masks).float()
        self.weights = None

    def forward(self, images: Tensor) -> Tensor:
        return 20 * self.masks[images[:, 0, 0, 0].long()] - 10


@pytest.fixture
def known(
    faces: tuple[Source, PackedImages], monkeypatch: pytest.MonkeyPatch
) -> tuple[Source, PackedImages, list[int]]:
    """Faces with their number in a pixel, an oracle in place of training, and a count of calls."""
    source, packed = faces
    pixels = np.array(packed.pixels)
    pixels[:, 0, 0, 0] = np.arange(len(pixels))
    numbered = PackedImages(pixels, packed.sizes, {})
    calls: list[int] = []

    def train(*args: Any, **settings: Any) -> training.TrainedMaskNetwork:
        calls.append(1)
        oracle: Any = Oracle(true_masks(source, packed))
        return training.TrainedMaskNetwork(oracle, [{"epoch": 1, "loss": 0.0}], 60.0)

    monkeypatch.setattr(artifact, "train_mask_network", train)
    return source, numbered, calls


@pytest.mark.slow
def test_rectangles_are_learnt(faces: tuple[Source, PackedImages], tmp_path: Path) -> None:
    source, packed = faces
    masks, meta = make_masks(plan(source), 1.0, source, packed, ArtifactStore(tmp_path), CPU, quiet)
    true = true_masks(source, packed)[source.positions("test")].astype(bool)
    share = true.mean((0, 2, 3))
    everywhere = 2 * share / (1 + share)  # F1 of a mask that is all ones
    scores = np.array([meta["f1"][group.name] for group in GROUPS])
    assert meta["f1"]["mean"] == pytest.approx(scores.mean())
    # Mouth and ear are small: it takes more steps than these 48 before they show.
    assert (scores[2:] > everywhere[2:] + 0.3).all(), (scores, everywhere)
    assert meta["history"][-1]["loss"] < 0.6 * meta["history"][0]["loss"]
    assert masks.read(np.arange(3)).shape == (3, 32, 32, 4)
    folder = next((tmp_path / "masks").iterdir())
    assert (folder / "mask_network.safetensors").is_file()


def test_perfect_masks_score_one_and_are_stored(
    known: tuple[Source, PackedImages, list[int]], tmp_path: Path
) -> None:
    source, packed, _ = known
    masks, meta = make_masks(plan(source), 1.0, source, packed, ArtifactStore(tmp_path), CPU, quiet)
    assert meta["f1"] == {**{group.name: 1.0 for group in GROUPS}, "mean": 1.0}
    assert meta["minutes"] == pytest.approx(1, abs=0.5)
    assert masks.groups == ("Mouth", "Ear", "Hair", "Face")
    true = true_masks(source, packed)
    half = true.reshape(len(true), 4, 32, 2, 32, 2).mean((3, 5))
    got = masks.read(np.arange(len(true))).transpose(0, 3, 1, 2)
    clear = np.abs(half - 0.5) > 0.01
    assert np.array_equal(got[clear], half[clear] > 0.5)


def test_masks_are_made_once_and_scaled_from_there(
    known: tuple[Source, PackedImages, list[int]], tmp_path: Path
) -> None:
    source, packed, calls = known
    store = ArtifactStore(tmp_path)
    whole = np.arange(len(source))
    large, meta = make_masks(plan(source), 1.44, source, packed, store, CPU, quiet)
    plain, same = make_masks(plan(source), 1.0, source, packed, store, CPU, quiet)
    small, _ = make_masks(plan(source), 0.64, source, packed, store, CPU, quiet)
    again, _ = make_masks(plan(source), 1.44, source, packed, store, CPU, quiet)
    assert calls == [1]
    assert meta == same
    area = [m.read(whole)[..., 0].sum() for m in (small, plain, large)]  # mouths: off the border
    assert area[2] / area[1] == pytest.approx(1.44, abs=0.2)
    assert area[0] / area[1] == pytest.approx(0.64, abs=0.15)
    assert np.array_equal(again.bits, large.bits)
    other = MaskProtocol(**{**PROTOCOL.model_dump(), "seed": 1})
    make_masks(plan(source, other), 1.0, source, packed, store, CPU, quiet)
    assert calls == [1, 1]
    assert len(list((tmp_path / "points").iterdir())) == 1  # the points are shared


def test_identities(faces: tuple[Source, PackedImages]) -> None:
    source, _ = faces
    one = plan(source)
    assert one.at(1.0).key == one.network.key
    assert len({one.at(area).key for area in (0.64, 1.0, 1.44)}) == 3
    assert plan(source.without({3})).network.key != one.network.key
    longer = MaskProtocol(**{**PROTOCOL.model_dump(), "epochs": 7})
    assert plan(source, longer).network.key != one.network.key
    assert plan(source, longer).points.key == one.points.key


def test_the_weights_that_the_encoder_starts_from_are_in_the_identity(
    faces: tuple[Source, PackedImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = faces
    said = {"package": "weights", "sha256": "1"}
    monkeypatch.setattr(network, "pretrained_identity", lambda name: {**said, "name": name})

    def key(encoder: str = "tu-resnet10t", pretrained: bool = True) -> str:
        protocol = MaskProtocol(**{**PROTOCOL.model_dump(), "encoder": encoder})
        planned = plan_masks(
            source, SIZE, "g", GROUPS, Exact(), protocol, CPU, pretrained=pretrained
        )
        if pretrained and encoder.startswith("tu-"):
            assert planned.network.recipe["pretrained"] == {**said, "name": "resnet10t"}
        return planned.network.key

    one = key()
    assert key(pretrained=False) != one
    # Only timm's encoders take pretrained weights.
    assert key("resnet18") == key("resnet18", pretrained=False)
    said["sha256"] = "2"
    assert key() != one


def test_groups_without_region_and_data_without_points_are_told(
    faces: tuple[Source, PackedImages],
) -> None:
    source, _ = faces
    bare = (*GROUPS, Group("Whole", (4,), None))
    with pytest.raises(UserError, match="'ps_mcnn' gives no face region for Whole"):
        plan_masks(source, SIZE, "ps_mcnn", bare, Exact(), PROTOCOL, CPU, pretrained=False)
    points = source.index.points
    source.index.points = {}
    try:
        with pytest.raises(UserError, match="'exact' cannot give them for data set 'synthetic"):
            plan(source)
    finally:
        source.index.points = points


def test_what_is_scored(known: tuple[Source, PackedImages, list[int]], tmp_path: Path) -> None:
    """Only the test split, and of it only what has keypoints; all images get masks."""
    source, packed, _ = known
    first, second = source.positions("test")[:2]

    def masks_with(moved: int) -> tuple[StoredMasks, dict[str, Any]]:
        points = source.index.points["wflw98"].copy()
        points[first] = np.nan
        points[moved] += 20  # now the rectangles lie elsewhere than the oracle says
        index = FaceIndex(source.index.frame, {"wflw98": points})
        changed = Source(source.dataset, None, index, f"moved {moved}")
        store = ArtifactStore(tmp_path)
        return make_masks(plan(changed), 1.0, changed, packed, store, CPU, quiet)

    masks, meta = masks_with(0)
    assert meta["f1"]["mean"] == 1.0
    assert meta["found"] == 80
    assert len(masks.bits) == 81
    assert masks.read(np.array([first])).any()
    assert 0.8 < masks_with(int(second))[1]["f1"]["mean"] < 1.0


def test_a_view_moves_image_and_masks_alike(faces: tuple[Source, PackedImages]) -> None:
    """Flipped and rotated at another size: boxes lie round what the picture shows."""
    source, packed = faces
    points = packed.to_packed(source.index.points["wflw98"])
    pixels = np.zeros((8, SIZE, SIZE, 3), np.uint8)
    for i in range(8):
        for x, y in points[i].round().astype(int):
            pixels[i, y, x] = 255
    protocol = MaskProtocol(size=96, rotation=30)
    images, masks = training._views(pixels, points, np.arange(8), ["face"], protocol, epoch=1)
    assert images.shape == (8, 96, 96, 3)
    light = images[..., 0].numpy().astype(float)
    inside = (light * torch.nn.functional.max_pool2d(masks.float(), 5, 1, 2)[:, 0].numpy()).sum()
    assert inside / light.sum() > 0.99
    for i in range(8):
        rows, columns = np.nonzero(light[i] > 40)
        box_rows, box_columns = np.nonzero(masks[i, 0].numpy())
        for shown, box in ((rows, box_rows), (columns, box_columns)):
            assert abs(shown.min() - box.min()) <= 3
            assert abs(shown.max() - box.max()) <= 3


def test_faces_without_points_are_not_trained_on(
    faces: tuple[Source, PackedImages], tmp_path: Path
) -> None:
    source, packed = faces
    points = np.full((len(source), 98, 2), np.nan, np.float32)
    arguments = (packed.pixels, points, np.arange(8), REGIONS, PROTOCOL, CPU)
    with pytest.raises(UserError, match="no training image has keypoints"):
        training.train_mask_network(
            *arguments, pretrained=False, checkpoint=tmp_path / "c.pt", progress=quiet
        )


def test_a_loss_that_is_not_a_number_is_told(
    faces: tuple[Source, PackedImages], tmp_path: Path
) -> None:
    source, packed = faces
    wild = MaskProtocol(**{**PROTOCOL.model_dump(), "learning_rate": math.inf})
    points = packed.to_packed(source.index.points["wflw98"])
    with pytest.raises(CellFailed, match="the mask network became nan in epoch 1"):
        training.train_mask_network(
            packed.pixels, points, np.arange(16), REGIONS, wild, CPU,
            pretrained=False, checkpoint=tmp_path / "c.pt", progress=quiet,
        )  # fmt: skip


def test_an_unknown_encoder_is_told() -> None:
    for encoder in ("resnet19", "tu-resnet19"):
        with pytest.raises(UserError, match=f"no encoder '{encoder}'"):
            network.MaskNetwork(4, MaskProtocol(encoder=encoder), pretrained=False)


@pytest.mark.parametrize("fits", [True, False])
def test_an_encoder_takes_pretrained_weights_whole_or_not_at_all(
    fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(net: nn.Module, name: str) -> dict[str, str]:
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.fill_(0.25)
        return {"from": name}

    monkeypatch.setattr(network, "load_pretrained", fill)
    protocol = MaskProtocol(encoder="tu-resnet10t" if fits else "tu-convnext_atto")
    if not fits:
        with pytest.raises(UserError, match="do not fit the encoder 'tu-convnext_atto'"):
            network.MaskNetwork(4, protocol, pretrained=True)
        return
    made = network.MaskNetwork(4, protocol, pretrained=True)
    assert made.weights == {"from": "resnet10t"}
    assert network.MaskNetwork(4, protocol, pretrained=False).weights is None
    assert all((p == 0.25).all() for p in made.unet.encoder.parameters())
    assert not any((p == 0.25).all() for p in made.unet.decoder.parameters() if p.ndim > 1)


def test_dice_weighs_small_groups_like_large_ones() -> None:
    masks = torch.zeros(1, 2, 8, 8)
    masks[:, 0, :6], masks[:, 1, 0, 0] = 1, 1
    empty = torch.full((1, 2, 8, 8), -20.0)
    plain = training.mask_loss(empty, masks, 0)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(empty, masks)
    torch.testing.assert_close(plain, cross_entropy)
    # Nothing predicted: 1 - 1/(area + 1) for each group, with areas 48 and 1.
    dice = ((1 - 1 / 49) + (1 - 1 / 2)) / 2
    torch.testing.assert_close(training.mask_loss(empty, masks, 2) - plain, torch.tensor(2 * dice))
    right = torch.where(masks > 0, 20.0, -20.0)
    assert training.mask_loss(right, masks, 1) < 1e-4
