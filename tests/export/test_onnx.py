"""The ONNX graph: from a picture to probabilities, masks included, as farbench has it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from farbench.data.batches import Batches
from farbench.data.pack import resize
from farbench.data.targets import Targets
from farbench.export.graph import MaskGraph
from farbench.export.onnx_operators import adaptive_max_pool2d
from farbench.masks.trained import TrainedMasks
from farbench.plugins.manager import load_plugins
from farbench.plugins.method import Problem
from farbench.running.trained import load_trained
from farbench.running.trained_masks import mask_network
from farbench.store.artifacts import ArtifactStore
from farbench.testing.method_subject import MethodSubject

onnx = pytest.importorskip("onnx", reason="the extra farbench[onnx] is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="farbench[onnx] is not installed")

REGISTRY = load_plugins()
METHODS = REGISTRY.methods


@pytest.fixture
def export(farbench_cli, trained_runs, monkeypatch, tmp_path):
    """Return a function that exports a cell and gives the outcome and the file."""
    monkeypatch.setenv("FARBENCH_CACHE", str(trained_runs.cache))

    def run(cell, *words, code=0):
        path = tmp_path / "out.onnx"
        outcome = farbench_cli("export", cell, "--format", "onnx", "-o", path, *words)
        assert outcome.code == code, outcome.err
        assert path.exists() == (code == 0)
        return outcome, path

    return run


@pytest.mark.parametrize("row", ["plain", "masked", "many"])
def test_the_graph_says_what_the_run_said(export, trained_runs, row):
    """Compared here with the stored predictions, by a session of the test's own."""
    outcome, path = export(trained_runs.folder / row)
    assert ("Mask pixels that differ from farbench's: " in outcome.out) == (row == "masked")
    assert "ONNX and torch differ by at most " in outcome.out
    assert " on 8 random pictures." in outcome.out
    assert " on 12 test pictures." in outcome.out
    trained = load_trained(trained_runs.cells[row], REGISTRY)
    source = trained.open_source(None)
    images = [source.read(int(i)) for i in source.positions("test")]
    pixels = np.stack([resize(image, 72) for image in images])
    session = onnxruntime.InferenceSession(str(path))
    assert [node.name for node in session.get_inputs()] == ["images"]
    assert session.get_inputs()[0].shape[1:] == [3, 72, 72]
    names = [node.name for node in session.get_outputs()]
    floats = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
    outputs = dict(zip(names, session.run(None, {"images": floats}), strict=True))
    stored = np.load(trained_runs.cells[row] / "predictions.npz")
    assert outputs["attributes"] == pytest.approx(
        1 / (1 + np.exp(-stored["attributes.output"].astype(float))), abs=1e-3
    )
    assert names[-1:] == (["masks"] if row == "masked" else names[-1:])
    if row == "masked":
        assert outputs["masks"].shape == (12, 8, 16, 16)
        assert set(np.unique(outputs["masks"])) == {0, 1}
    if row == "many":
        assert outputs["age"] == pytest.approx(stored["age.output"], abs=1e-3)
        assert outputs["skin"].sum(1) == pytest.approx(np.ones(12))
        assert list(outputs["skin"].argmax(1)) == list(stored["skin.output"].argmax(1))
        sizes = np.array([image.shape[1::-1] for image in images])[:, None]
        points = outputs["landmarks"] * sizes - 0.5
        assert points == pytest.approx(stored["landmarks.output"], abs=1e-2)


def test_what_the_file_says_of_itself(export, trained_runs):
    _, path = export(trained_runs.folder / "many")
    model = onnx.load(path)
    onnx.checker.check_model(model)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["name"] == "many on Synthetic faces"
    assert said["licence"] == "MIT, like farbench"
    assert trained_runs.cells["many"].name.endswith(said["cell"][:8])
    tasks = json.loads(said["tasks"])
    assert tasks[0]["attributes"][31] == "Smiling"
    assert not list(path.parent.glob("*.data"))  # one file


def test_a_difference_above_the_tolerance_writes_nothing(export, trained_runs):
    outcome, _ = export(trained_runs.folder / "plain", "--tolerance", "0", code=1)
    assert "is not written: ONNX and torch differ by " in outcome.err


def test_other_masks_than_farbench_s_write_nothing(export, trained_runs, monkeypatch):
    def nothing(source, side):
        return torch.zeros(side, source)

    monkeypatch.setattr("farbench.export.graph._shrunk", nothing)
    outcome, _ = export(trained_runs.folder / "masked", code=1)
    assert "mask pixels of the ONNX graph are not those of farbench" in outcome.err


def test_scaled_masks_have_no_operator(export, trained_runs):
    outcome, _ = export(trained_runs.folder / "scaled", code=2)
    assert "masks of area 0.64 are scaled part by part" in outcome.err


def test_without_the_extra(export, trained_runs, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("farbench.export.")]:
        monkeypatch.delitem(sys.modules, name)  # so that their imports happen again
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    outcome, _ = export(trained_runs.folder / "plain", code=2)
    assert "--format onnx needs onnx, onnxruntime. Install with: pip install" in outcome.err


@pytest.mark.parametrize(
    ("height", "width", "size"), [(8, 8, (4, 4)), (7, 9, (4, 4)), (5, 3, (5, 1)), (3, 4, (4, 7))]
)
def test_adaptive_max_pooling(height, width, size):
    images = torch.randn(2, 3, height, width)
    expected = torch.nn.functional.adaptive_max_pool2d(images, size)
    assert torch.equal(adaptive_max_pool2d(images, size)[0], expected)


@pytest.mark.parametrize(
    ("side", "crop", "network", "stored"),
    [(72, 64, 64, 32), (128, 112, 96, 64), (64, 50, 128, 40), (40, 33, 32, 48)],
)
def test_masks_by_matrices_are_opencv_s(trained_runs, side, crop, network, stored):
    """Whatever the sizes, shrunk or enlarged: a pixel in a thousand may round the other way."""
    trained = load_trained(trained_runs.cells["masked"], REGISTRY)
    loaded = mask_network(trained, ArtifactStore(trained_runs.cache))
    protocol = loaded.protocol.model_copy(update={"size": network, "stored_size": stored})
    masks = TrainedMasks(loaded.network, loaded.groups, protocol, 1.0, loaded.compute)
    source = trained.open_source(None)
    pixels = np.stack([resize(source.read(i), side) for i in range(6)])
    warped = round(crop * 0.25)
    batches = Batches(pixels, Targets((), {}, {}), masks.make(pixels), crop, warped, 6)
    (batch,) = batches.evaluate(np.arange(6))
    graph = MaskGraph(masks, side, crop, warped)
    with torch.inference_mode():
        own = graph(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
    assert batch.masks.float().mean() > 0.01
    assert (own != batch.masks).float().mean() < 1e-3


@pytest.mark.parametrize("name", ["baseline", "g2ff_ca", *(
    pytest.param(name, marks=pytest.mark.slow)
    for name in METHODS if name not in ("baseline", "g2ff_ca")
)])  # fmt: skip
def test_every_shipped_method(export, trained_runs, tmp_path, name):
    """With random weights and small stand-ins for its backbone."""
    subject = MethodSubject(METHODS[name].value, {})
    masked = subject.method.mask_request() is not None
    base = load_trained(trained_runs.cells["masked" if masked else "many"], REGISTRY)
    kinds = METHODS[name].value.task_kinds
    tasks = [task for task in base.tasks if not kinds or task.kind in kinds]
    problem = Problem(
        tuple(tasks), 64, base.problem.statistics, pretrained=False,
        groupings=base.problem.groupings,
    )  # fmt: skip
    network = subject.build(subject.method, problem)

    def change(record):
        record["method"] = {"name": name, "options": subject.method.options()}
        record["tasks"] = [task.record() for task in tasks]

    cell = trained_runs.changed("masked" if masked else "many", tmp_path / "cell", change)
    save_file(
        {key: value.contiguous() for key, value in network.state_dict().items()},
        cell / "model.safetensors",
    )
    outcome, _ = export(cell)
    assert "on 12 test pictures." in outcome.out
