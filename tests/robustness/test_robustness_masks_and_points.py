"""Masks of corrupted images, and points that are moved back to where they were."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from farbench.cli import main
from farbench.data.batches import Batches
from farbench.data.geometry import map_points
from farbench.data.mask_bits import StoredMasks, to_bits
from farbench.data.targets import Targets
from farbench.errors import UserError
from farbench.plugins.manager import load_plugins
from farbench.robustness.conditions import Condition
from farbench.robustness.corrupt import corrupt
from farbench.robustness.evaluate import evaluate, points_moved_back
from farbench.robustness.faces import TestFaces
from farbench.robustness.masks import MaskSource, move_masks
from farbench.store.artifacts import ArtifactStore
from farbench.store.robustness import read_robustness
from farbench.tables.from_store import build
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import TrainStatistics

SIDE, GROUPS = 32, ("Left", "Right", "Top", "Low", "All")


class Threshold:
    """A mask network that masks what is bright, group by group a part of the frame."""

    def __init__(self):
        self.seen = []

    def make(self, pixels):
        self.seen.append(pixels)
        bright = pixels[..., 0] > 128
        parts = np.zeros((len(pixels), len(GROUPS), SIDE, SIDE), np.uint8)
        parts[:] = bright[:, None]
        return StoredMasks(to_bits(parts), GROUPS, SIDE)


def faces(count=6):
    """Bright squares on a dark ground."""
    pixels = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    for number, image in enumerate(pixels):
        image[8 : 20 + number % 3, 10:22] = 255

    class Packed:
        sizes = np.full((count, 2), SIDE, np.int32)

    Packed.pixels = pixels
    ids = [f"{number}.png" for number in range(count)]
    return TestFaces(None, np.arange(count), SIDE, Packed, ids, {}, "some faces")


@pytest.fixture
def source(tmp_path):
    network = Threshold()
    found = MaskSource("a key", lambda: network, 1.0, {}, faces(), ArtifactStore(tmp_path))
    return found, network


@pytest.fixture(scope="module")
def registry():
    """The shipped plugins."""
    return load_plugins()


def test_masks_are_predicted_on_the_corrupted_image(source, registry):
    masks, network = source
    occlusion = registry.corruptions["occlusion"].value()
    found, agreement = masks.predicted(occlusion, 5, 0)
    changed, _ = corrupt(occlusion, faces().read(0, 6), masks.faces.ids, 5, 0)
    assert np.array_equal(network.seen[-1], changed)
    expected = (changed[..., 0] > 128)[..., None].repeat(len(GROUPS), -1)
    assert np.array_equal(found.read(np.arange(6)), expected)
    assert set(agreement) == {*GROUPS, "mean"}
    assert 0 < agreement["mean"] < 1


def test_masks_that_move_with_the_face_agree(source, registry):
    """Of a network that follows the face, the moved clean masks are what it predicts."""
    masks, _ = source
    for name in ("rotation", "scale"):
        corruption = registry.corruptions[name].value()
        assert masks.predicted(corruption, 5, 0)[1]["mean"] > 0.97
        still = masks.predicted(None, 0, 0)[0]
        turned = masks.predicted(corruption, 5, 0)[0]
        assert not np.array_equal(still.bits, turned.bits)


def test_masks_are_made_once_for_all_rows(source, registry):
    masks, network = source
    noise = registry.corruptions["noise"].value()
    first = masks.predicted(noise, 1, 0)
    calls = len(network.seen)
    again = MaskSource("a key", network.make, 1.0, {}, faces(), masks.store).predicted(noise, 1, 0)
    assert len(network.seen) == calls
    assert np.array_equal(first[0].bits, again[0].bits)
    assert first[1] == again[1]
    masks.predicted(noise, 2, 0)
    masks.predicted(noise, 1, 1)
    assert len(network.seen) == calls + 2


def test_clean_images_have_nothing_to_agree_with(source):
    masks, _ = source
    assert masks.predicted(None, 0, 0)[1] == {}


def test_moved_masks_are_empty_where_the_image_came_to_an_end():
    whole = StoredMasks(to_bits(np.ones((1, 5, 16, 16), np.uint8)), GROUPS, 16)
    right = np.array([[[1.0, 0, -8], [0, 1, 0]]])
    moved = move_masks(whole, right, SIDE).read(np.arange(1))[0]
    assert moved[:, 4:].all()
    assert not moved[:, :4].any()
    assert move_masks(whole, None, SIDE) is whole


def test_points_are_moved_back_to_where_they_were():
    rng = np.random.default_rng(0)
    packed, crop = 40, 32
    points = rng.uniform(4, 36, (5, 7, 2)).astype(np.float32)
    angle = rng.uniform(-1, 1, 5)
    matrices = np.zeros((5, 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1.3 * np.cos(angle)
    matrices[:, 1, 0] = 1.3 * np.sin(angle)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    matrices[:, :, 2] = rng.uniform(-5, 5, (5, 2))

    def fractions(where):
        return ((where - 4 + 0.5) / crop).reshape(5, -1).astype(np.float32)

    found = points_moved_back(fractions(map_points(points, matrices)), matrices, packed, crop)
    assert np.allclose(found, fractions(points), atol=1e-5)


class Looks:
    """A cell whose network says how much of the image each mask covers."""

    tasks = (BinaryAttributes("attributes", GROUPS),)
    protocol = SimpleNamespace(crop=SIDE)
    problem = SimpleNamespace(
        statistics={"attributes": TrainStatistics(prevalence=(0.4,) * len(GROUPS))}
    )

    @property
    def forward(self):
        return self

    @property
    def network(self):
        return torch.nn.Identity()

    def __call__(self, batch):
        return {"attributes": batch.masks.float().mean((2, 3))}

    def batches(self, pixels, masks):
        return Batches(pixels, Targets((), {}, {}), masks, SIDE, SIDE, 4)

    def decode(self, outputs, pixels, sizes):
        return outputs


def covered(masks):
    return masks.read(np.arange(6)).mean((1, 2))


def test_the_network_is_given_the_masks_of_the_condition(source, registry):
    masks, _ = source
    labels = np.tile(np.int8([1, 0, 1, 0, 1]), (6, 1))
    labels[::2] = 1 - labels[::2]
    pictures = dataclasses.replace(faces(), labels={"attributes": labels})

    def seen(corruption, strength, way):
        condition = Condition(corruption, strength, way)
        return evaluate(Looks(), pictures, masks, condition, 0).predictions["attributes"]

    clean = masks.predicted(None, 0, 0)[0]
    assert np.allclose(seen(None, 0, None), covered(clean))
    occlusion, scale = (registry.corruptions[name].value() for name in ("occlusion", "scale"))
    assert np.allclose(
        seen(occlusion, 5, "predicted"), covered(masks.predicted(occlusion, 5, 0)[0])
    )
    assert np.allclose(seen(occlusion, 5, "clean"), covered(clean))
    assert not np.allclose(seen(occlusion, 5, "predicted"), covered(clean))
    _, matrices = corrupt(scale, pictures.read(0, 6), pictures.ids, 5, 0)
    moved = seen(scale, 5, "clean")
    assert np.allclose(moved, covered(move_masks(clean, matrices, SIDE)))
    assert not np.allclose(moved, covered(clean))


BENCHMARK = """
title: Faces
protocol: quick
tasks: [attributes]
robustness: {corruptions: [occlusion, rotation], strengths: [1, 5], masks: [predicted, clean]}
rows:
  baseline: {method: baseline}
  aml: {method: aml, label: AML, levels: [4], mask_area: 0.64}
  points: {method: baseline, tasks: [landmarks]}
"""
SETS = (
    "protocol.dataset={name: synthetic_faces, train: 24, valid: 8, test: 8}",
    "protocol.images={train: 24, valid: 8, test: 8}",
    "protocol.masks.epochs=1",
    "protocol.masks.size=32",
    "protocol.masks.stored_size=16",
    "protocol.batch_size=12",
    "protocol.epochs=1",
    "protocol.stage_epochs={global: 0, groups: 0}",
    "protocol.resize=40",
    "protocol.crop=32",
    "protocol.threads=1",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a benchmark with masks and points, trained and evaluated."""
    folder = tmp_path_factory.mktemp("robust")
    (folder / "faces.yaml").write_text(BENCHMARK)
    sets = [word for change in SETS for word in ("--set", change)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(folder / "cache"))
        patch.delenv("FARBENCH_PLUGINS", raising=False)
        words = ["run", folder / "faces.yaml", "--results", folder / "runs", "--device", "cpu"]
        assert main([str(word) for word in (*words, *sets)]) == 0
        yield folder / "runs/faces"


def held(trained, row):
    plan = json.loads((trained / "plan.json").read_text())
    (name,) = [cell["folder"] for cell in plan["cells"] if cell["row"] == row]
    return read_robustness(trained / name)


def test_rows_with_masks_are_evaluated_with_both_kinds_of_masks(trained):
    ways = [(e["corruption"], e["strength"], e["masks"]) for e in held(trained, "aml").entries]
    pairs = [(name, strength) for name in ("occlusion", "rotation") for strength in (1, 5)]
    assert sorted(ways[1:]) == sorted((*p, m) for p in pairs for m in ("predicted", "clean"))
    assert ways[0] == (None, 0, None)
    assert [e["masks"] for e in held(trained, "baseline").entries] == [None] * 5
    for entry in held(trained, "aml").entries:
        assert bool(entry["mask_agreement"]) == (entry["masks"] == "predicted")


def test_points_are_scored_where_they_were(trained):
    entries = {(e["corruption"], e["strength"]): e for e in held(trained, "points").entries}
    nme = {place: entry["scores"]["landmarks"]["nme"] for place, entry in entries.items()}
    # Hardly trained, it gives every image the mean shape: turned back, that lies elsewhere.
    assert nme["rotation", 5] > nme["rotation", 1] > 0
    assert nme["occlusion", 1] == pytest.approx(nme[None, 0], rel=0.05)


def test_the_tables_show_masks_points_and_clean_masks(trained):
    tables = {
        table.name.partition("robustness-")[2]: table for table in build(trained, "robustness")
    }
    names = {"synthetic_faces-accuracy", "synthetic_faces-landmarks.nme", "synthetic_faces-masks"}
    assert names <= set(tables)
    rows = [row.id for row in tables["synthetic_faces-accuracy"].rows()]
    assert rows == ["baseline", "aml", "aml/clean", "constant"]
    masks = tables["synthetic_faces-masks"]
    assert [row.cells["label"].text for row in masks.rows()] == ["occlusion", "rotation"]
    assert all(0 <= row.cells["5"].value <= 1 for row in masks.rows())


def test_the_sheet_of_faces_is_drawn(trained):
    from farbench.figures.corruptions import draw
    from farbench.figures.request import FigureRequest

    figure = draw(FigureRequest(trained, load_plugins(), images=2))
    assert len(figure.axes) == 2 * 2 * 6
    texts = [axis.texts[-1].get_text() for axis in figure.axes[::6]]
    assert texts == ["occlusion", "occlusion", "rotation", "rotation"]
    pictures = [np.asarray(axis.images[0].get_array()) for axis in figure.axes[12:18]]
    assert pictures[0].shape == (32, 32, 3)
    assert not any(np.array_equal(pictures[0], other) for other in pictures[1:])


def test_without_its_mask_network_a_cell_is_not_evaluated(trained, tmp_path, monkeypatch):
    from farbench.benchmark.places import Places
    from farbench.benchmark.robustness import resolve_robustness
    from farbench.benchmark.schema import Robustness
    from farbench.robustness.run import RobustnessRun
    from farbench.running.progress import Progress

    registry = load_plugins()
    asked = resolve_robustness(Robustness(images=4), registry, Places())
    run = RobustnessRun(asked, registry, ArtifactStore(tmp_path), "cpu", Progress())
    with pytest.raises(UserError, match="needs its mask network"):
        run.stored(held(trained, "aml").folder, None)
