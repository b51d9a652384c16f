"""A cell whose masks are predicted in every step: what it shares, and what can be done with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from trained_cells import BENCHMARK, PROTOCOL

from farbench.data.mask_bits import StoredMasks
from farbench.data.online_masks import OnlineMasks
from farbench.data.pack import resize
from farbench.errors import UserError
from farbench.export.graph import PictureGraph
from farbench.plugins.manager import load_plugins
from farbench.running.trained import load_trained
from farbench.running.trained_masks import mask_network, stored_masks
from farbench.store.artifacts import ArtifactStore

ONLINE = ("--set", "protocol.masks.online=true", "--device", "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("online")
    (folder / "trained.yaml").write_text(PROTOCOL)
    (folder / "trained_bench.yaml").write_text(BENCHMARK)
    return folder


@pytest.fixture
def asked(farbench_cli, folder, trained_runs, monkeypatch):
    """Run rows of the benchmark with online masks and the cache of the cells with stored ones."""
    monkeypatch.setenv("FARBENCH_CACHE", str(trained_runs.cache))

    def run(*words: str, file: str = "trained_bench.yaml"):
        return farbench_cli("run", folder / file, *words, *ONLINE, "--results", folder / "runs")

    return run


def test_a_cell_with_online_masks_from_training_to_prediction(asked, folder, trained_runs):
    networks = sorted((trained_runs.cache / "masks").iterdir())
    assert asked("--rows", "masked").code == 0
    assert sorted((trained_runs.cache / "masks").iterdir()) == networks
    (cell,) = (path.parent for path in (folder / "runs" / "trained_bench").glob("*/cell.json"))

    def recipe(path: Path) -> dict:
        return json.loads((path / "cell.json").read_text())["identity"]["recipe"]["training"]

    online, stored = recipe(cell), recipe(trained_runs.cells["masked"])
    assert online["masks"] == stored["masks"] | {"online": True}
    assert online["parent"]["parent"] == stored["parent"]["parent"]  # the global stage

    store = ArtifactStore(trained_runs.cache)
    trained = load_trained(cell, load_plugins(()))
    source = trained.open_source(None)
    positions = source.positions("test", trained.tasks)
    pixels = np.stack([resize(source.read(int(one)), trained.protocol.resize) for one in positions])
    masks = mask_network(trained, store)
    torch.set_num_threads(1)
    assert isinstance(masks.for_batches(pixels), OnlineMasks)
    predicted = trained.predict(pixels, masks.for_batches(pixels), np.full((12, 2), 64, np.int32))
    kept = np.load(cell / "predictions.npz")["attributes.output"]
    assert np.array_equal(predicted["attributes"], kept)
    with pytest.raises(UserError, match="predicts its masks anew"):
        stored_masks(trained, store)
    with pytest.raises(UserError, match="Export as safetensors"):
        PictureGraph(trained, masks)


def test_a_cell_with_stored_masks_is_given_stored_ones(trained_runs):
    trained = load_trained(trained_runs.cells["masked"], load_plugins(()))
    masks = mask_network(trained, ArtifactStore(trained_runs.cache))
    assert isinstance(masks.for_batches(np.zeros((1, 72, 72, 3), np.uint8)), StoredMasks)


def test_scaled_masks_are_refused_before_anything_is_trained(asked):
    outcome = asked("--rows", "scaled", "--dry-run")
    assert outcome.code == 2
    assert "row 'scaled' asks for masks of area 0.64" in outcome.err
    assert "--set protocol.masks.online=false" in outcome.err


def test_robustness_is_refused_before_anything_is_trained(asked, folder):
    benchmark = yaml.safe_load(BENCHMARK) | {"robustness": {"corruptions": ["noise"]}}
    (folder / "robust.yaml").write_text(yaml.safe_dump(benchmark))
    outcome = asked("--rows", "masked", "--dry-run", file="robust.yaml")
    assert outcome.code == 2
    assert "leave `robustness` out" in outcome.err
    assert asked("--rows", "plain", "--dry-run", file="robust.yaml").code == 0
