"""A finished cell is loaded again: it predicts what it predicted, and says what is missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from farbench.benchmark.datasets import entries_of, from_entries
from farbench.benchmark.places import Places
from farbench.data.pack import resize
from farbench.errors import UserError
from farbench.plugins.aligned import AlignedDataset
from farbench.plugins.joined import JoinedDataset
from farbench.plugins.manager import load_plugins
from farbench.plugins.mapped import MappedDataset
from farbench.running.trained import TrainedCell, load_trained
from farbench.running.trained_masks import mask_network, stored_masks
from farbench.store.artifacts import ArtifactStore


@pytest.fixture(scope="module")
def registry():
    return load_plugins()


def test_images(trained: TrainedCell):
    """Return the packed test images of a cell, their sizes and their positions in its source."""
    source = trained.open_source(None)
    positions = source.positions("test", trained.tasks)
    images = [source.read(int(position)) for position in positions]
    pixels = np.stack([resize(image, trained.protocol.resize) for image in images])
    return pixels, np.array([image.shape[:2] for image in images], np.int32), positions


test_images.__test__ = False  # a helper, for all its name


@pytest.mark.parametrize("row", ["plain", "masked", "scaled", "many"])
def test_predictions_are_those_of_the_run(trained_runs, registry, row):
    trained = load_trained(trained_runs.cells[row], registry)
    pixels, sizes, positions = test_images(trained)
    masks = stored_masks(trained, ArtifactStore(trained_runs.cache))
    if masks is not None:
        made = mask_network(trained, ArtifactStore(trained_runs.cache)).make(pixels)
        assert made.bits.any()
        assert np.array_equal(made.bits, masks.bits[positions])
        masks = made
    stored = np.load(trained_runs.cells[row] / "predictions.npz")
    predictions = trained.predict(pixels, masks, sizes)
    assert len(predictions) == (4 if row == "many" else 1)
    for task, values in predictions.items():
        assert values.dtype == stored[f"{task}.output"].dtype
        assert np.array_equal(values, stored[f"{task}.output"]), task


def test_the_masks_of_another_area_are_other_masks(trained_runs, registry):
    store = ArtifactStore(trained_runs.cache)
    whole, scaled = (
        stored_masks(load_trained(trained_runs.cells[row], registry), store).read(np.arange(48))
        for row in ("masked", "scaled")
    )
    assert 0 < scaled.sum() < whole.sum()


def test_the_network_is_in_eval_mode_and_needs_no_pretrained_weights(trained_runs, registry):
    def pretrained(record):
        record["protocol"]["pretrained"] = True  # loading must not look for weights

    trained = load_trained(trained_runs.cells["plain"], registry)
    assert not any(module.training for module in trained.network.modules())
    folder = trained_runs.changed("plain", trained_runs.folder / "pre-x-s0-1", pretrained)
    try:
        assert not load_trained(folder, registry).problem.pretrained
    finally:
        shutil.rmtree(folder)


def set_(*path):
    """Return a change that sets the last word at the path of the others."""
    *keys, last, value = path

    def change(record):
        for key in keys:
            record = record[key]
        record[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_("status", "failed"), "is not finished (failed). Run it first."),
        (set_("method", "name", "linear_hed"), "Did you mean 'linear_head'?"),
        (set_("method", "name", "mine"), "A plugin file is given with --plugins PATH."),
        (set_("method", "options", "widht", 3), "has no option 'widht'"),
        (set_("method", "options", "backbone", "resnet10t"), "do not fit the network"),
        (set_("protocol", "crop", -3), "cannot be read by this version of farbench"),
        (set_("method", {"options": {}}), "cell.json: method.name is missing. Run the cell again."),
        (set_("statistics", "attributes", {}), "statistics.attributes.prevalence is missing."),
        (set_("identity", None), "cell.json: identity is missing. Run the cell again."),
        (set_("environment", "here"), "environment is 'here', not a mapping. Run the cell again."),
    ],
)
def test_a_cell_that_cannot_be_loaded_says_why(trained_runs, registry, tmp_path, change, message):
    folder = trained_runs.changed("plain", tmp_path / "plain-x-s0-1", change)
    with pytest.raises(UserError) as caught:
        load_trained(folder, registry)
    assert message in str(caught.value)


def test_weights_that_are_not_there(trained_runs, registry, tmp_path):
    folder = trained_runs.changed("plain", tmp_path / "a", lambda record: None)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"committed hold no weights\. Run it again with --set"):
        load_trained(folder, registry)
    off = trained_runs.changed("plain", tmp_path / "b", set_("protocol", "keep_weights", False))
    (off / "model.safetensors").unlink()
    with pytest.raises(UserError, match="was run with keep_weights off"):
        load_trained(off, registry)
    with pytest.raises(UserError, match="is no folder of a cell"):
        load_trained(tmp_path, registry)


def test_masks_that_the_cache_does_not_hold(trained_runs, registry, tmp_path):
    trained = load_trained(trained_runs.cells["masked"], registry)
    empty = ArtifactStore(tmp_path)
    for ask in (stored_masks, mask_network):
        with pytest.raises(UserError, match="Set FARBENCH_CACHE to the cache"):
            ask(trained, empty)
    plain = load_trained(trained_runs.cells["plain"], registry)
    assert stored_masks(plain, empty) is None
    assert mask_network(plain, empty) is None


def test_a_method_that_asks_for_masks_by_now(trained_runs, registry, tmp_path):
    folder = trained_runs.changed("masked", tmp_path / "a", set_("masks", None))
    trained = load_trained(folder, registry)
    for ask in (stored_masks, mask_network):
        with pytest.raises(
            UserError, match=r"was trained without masks, and method '\w+' now asks"
        ):
            ask(trained, ArtifactStore(trained_runs.cache))


def test_other_data_is_noticed(trained_runs, registry, tmp_path):
    fewer = set_("dataset", "images", "test", 11)
    trained = load_trained(trained_runs.changed("plain", tmp_path / "a", fewer), registry)
    with pytest.raises(UserError, match=r"24 / 12 / 11 images of .* here there are 24 / 12 / 12"):
        trained.open_source(None)


def test_cells_of_earlier_versions(trained_runs, registry, tmp_path):
    """They have no statistics, no entries; the first ones no list of tasks."""

    def older(record):
        del record["statistics"], record["dataset"]["entries"]

    def oldest(record):
        older(record)
        del record["tasks"]

    plain = load_trained(trained_runs.changed("plain", tmp_path / "a", oldest), registry)
    pixels, sizes, _ = test_images(plain)
    stored = np.load(plain.folder / "predictions.npz")["attributes.output"]
    assert np.array_equal(plain.predict(pixels, None, sizes)["attributes"], stored)
    many = load_trained(trained_runs.changed("many", tmp_path / "b", older), registry)
    with pytest.raises(UserError, match="does not hold mean and standard deviation of 'age'"):
        many.predict(pixels, None, sizes)


def test_the_record_holds_what_decodes_numbers(trained_runs):
    record = json.loads((trained_runs.cells["many"] / "cell.json").read_text())
    labels = np.load(trained_runs.cells["many"] / "predictions.npz")["age.target"]
    age = record["statistics"]["age"]
    assert 10 < age["mean"][0] < 70
    assert 1 < age["std"][0] < 40
    assert np.isfinite(labels).all()
    assert len(record["statistics"]["landmarks"]["mean"]) == 10


def test_a_data_set_comes_back_from_its_entries(registry):
    faces = registry.datasets["synthetic_faces"].value(train=30)
    exact = registry.keypoints["exact"].value()
    aligned = AlignedDataset(inner=faces, keypoints=exact, side=64, margin=0.25)
    mapped = MappedDataset(inner=aligned, mapping={"gender": {"Male": "m", "Female": "f"}})
    for dataset in (faces, aligned, mapped, JoinedDataset(parts=(mapped, faces))):
        again = from_entries(json.loads(json.dumps(entries_of(dataset))), registry, Places())
        assert again == dataset
        assert again.options() == dataset.options()


def test_loading_imports_no_training_loop(trained_runs):
    code = (
        "import sys; from pathlib import Path\n"
        "from farbench.plugins.manager import load_plugins\n"
        "from farbench.running.trained import load_trained\n"
        f"load_trained(Path({str(trained_runs.cells['plain'])!r}), load_plugins())\n"
        "print([m for m in ('farbench.training.train', 'farbench.running.cell', 'matplotlib', "
        "'sklearn', 'segmentation_models_pytorch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout
