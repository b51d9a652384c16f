"""A damaged file of a finished cell is noticed by the next run, told, and made again."""

from __future__ import annotations

import json
import shutil

import pytest
from damages import DAMAGES

from farbench.store.cells import KEPT, SCHEMA

STAYS = ("metrics.json", "predictions.npz", "predictions.valid.npz", "model.safetensors")
"""What comes out the same to the last byte; the others hold times."""

FILES = (*(name for name in KEPT if name != "terms.csv"), "cell.json")

UNNOTICED = {
    ("cell.json", "one byte short"),  # the end of its last line
    *(("model.safetensors", name) for name in DAMAGES if name.endswith(" byte")),
}
"""What a run does not look at: flipped bits of weights are noticed by whoever loads them."""


def bytes_of(cell):
    return {name: (cell / name).read_bytes() for name in STAYS}


@pytest.fixture(scope="module")
def trained_before(tmp_path_factory):
    """Return where the first test that needs it puts what it trained."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def finished(tiny, tmp_path, trained_before):
    """Return the tiny benchmark with one finished cell, and the cell."""
    tiny.arguments = ("--rows", "fine", "--set", "protocol.epochs=1")
    places = {"cache": tmp_path / "cache", "results": tiny.results}
    kept = any(trained_before.iterdir())
    if not kept:
        tiny.run(*tiny.arguments)
    for name, place in places.items():
        pair = (trained_before / name, place) if kept else (place, trained_before / name)
        shutil.copytree(*pair)
    return tiny, tiny.cells()["fine"]


def hurt_and_run_again(finished, name, damage):
    tiny, cell = finished
    whole = bytes_of(cell)
    DAMAGES[damage](cell / name)
    said = tiny.run(*tiny.arguments).err
    assert "finished already" not in said
    if (name, damage) != ("cell.json", "missing"):  # then it is not known that it was finished
        assert f"warning: {cell.name} was finished, but " in said
        assert name in said
    assert "joint: taken from the cache" in said
    assert bytes_of(cell) == whole
    assert "1 of 1 cell finished already." in tiny.run(*tiny.arguments).err


def test_each_file_is_looked_at(finished):
    kinds = ("half of it", "one byte short", "one byte more", "empty", "missing", "middle byte")
    for name, damage in zip(FILES, kinds, strict=True):
        hurt_and_run_again(finished, name, damage)


@pytest.mark.slow
@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damage_anywhere_in_each_file(finished, damage):
    for name in FILES:
        if (name, damage) not in UNNOTICED:
            hurt_and_run_again(finished, name, damage)


def test_flipped_weights_are_noticed_when_they_are_loaded(finished, farbench_cli, tmp_path):
    tiny, cell = finished
    whole = bytes_of(cell)
    DAMAGES["middle byte"](cell / "model.safetensors")
    words = ("export", cell, "-o", tmp_path / "out", "--plugins", tiny.folder / "tiny_method.py")
    outcome = farbench_cli(*words)
    assert outcome.code == 2
    assert "model.safetensors is not what was written" in outcome.err
    assert "Delete that file, and run the cell again" in outcome.err
    (cell / "model.safetensors").unlink()
    tiny.run(*tiny.arguments)
    assert bytes_of(cell) == whole


def test_a_table_shows_no_score_that_was_changed(finished):
    tiny, cell = finished
    scores = json.loads((cell / "metrics.json").read_text())
    scores["attributes"]["accuracy"] = 0.99
    (cell / "metrics.json").write_text(json.dumps(scores, indent=2))
    outcome = tiny.cli("table", tiny.results)
    assert "99.00" not in outcome.out
    assert "metrics.json has " in " ".join(outcome.out.split())
    record = json.loads((cell / "cell.json").read_text())
    (cell / "cell.json").write_text(json.dumps({**record, "parameters": 12345}))
    assert "its checksum is another" in " ".join(tiny.cli("table", tiny.results).out.split())


def test_committed_results_without_predictions_stay_in_the_tables(finished):
    """Another row is run beside a cell that was committed without predictions and weights."""
    tiny, cell = finished
    for name in ("predictions.npz", "predictions.valid.npz", "model.safetensors"):
        (cell / name).unlink()
    said = tiny.run("--rows", "coarse", "--set", "protocol.epochs=1").err
    assert "the tables keep what other runs finished here: fine (1 cell)" in said
    assert set(tiny.cells()) == {"coarse", "fine"}
    # Its own run makes them again, as `farbench table` promises.
    assert "model.safetensors is missing" in tiny.run(*tiny.arguments).err
    assert set(bytes_of(cell)) == set(STAYS)


def test_a_cell_of_before_counts_as_it_is(finished):
    tiny, cell = finished
    record = json.loads((cell / "cell.json").read_text())
    for name in ("files", "checksum"):
        del record[name]
    (cell / "cell.json").write_text(json.dumps(record))
    assert "1 of 1 cell finished already." in tiny.run(*tiny.arguments).err
    assert "fine" in tiny.cli("table", tiny.results).out


@pytest.mark.parametrize("name", ["cell.json", "plan.json"])
def test_what_a_later_version_wrote_is_refused_and_stays(finished, name):
    tiny, cell = finished
    path = cell / name if name == "cell.json" else cell.parent / name
    record = json.loads(path.read_text())
    del record["checksum"]
    path.write_text(json.dumps({**record, "schema": SCHEMA + 1}))
    outcome = tiny.run(*tiny.arguments, code=2)
    assert f"{name} was written by a later farbench" in outcome.err
    assert json.loads(path.read_text())["schema"] == SCHEMA + 1
    told = tiny.cli("table", tiny.results)
    assert "later farbench" in told.out + told.err or "reads schema" in told.err
    # Another run in the folder leaves it out, where it is a cell's.
    if name == "cell.json":
        assert "leave out fine" in tiny.run("--rows", "coarse").err


@pytest.mark.parametrize("damage", ["half of it", "middle byte", "empty"])
def test_a_damaged_plan_is_written_anew(finished, damage):
    tiny, cell = finished
    plan = cell.parent / "plan.json"
    whole = plan.read_text()
    DAMAGES[damage](plan)
    assert tiny.cli("table", tiny.results).code == 2
    said = tiny.run(*tiny.arguments).err
    assert "plan.json cannot be read: it is not" in said
    assert "It is written again" in said
    assert plan.read_text() == whole


def test_scores_that_were_changed_are_not_scored_again(finished, farbench_cli):
    _, cell = finished
    before = (cell / "cell.json").read_text()
    DAMAGES["middle byte"](cell / "metrics.json")
    outcome = farbench_cli("rescore", cell)
    assert "metrics.json is not what was written" in outcome.out + outcome.err
    assert (cell / "cell.json").read_text() == before


def test_scores_that_are_scored_again_are_whole(finished, farbench_cli, monkeypatch):
    from farbench.running import rescore

    tiny, cell = finished
    monkeypatch.setattr(rescore, "METRIC_VERSION", 99)
    farbench_cli("rescore", cell)
    assert json.loads((cell / "cell.json").read_text())["metric_version"] == 99
    assert "1 of 1 cell finished already." in tiny.run(*tiny.arguments).err


def hurt_cache_and_run_again(finished, path, damage):
    tiny, cell = finished
    whole, kept = bytes_of(cell), path.read_bytes()
    shutil.rmtree(cell)
    # Of images, the first and the last are looked at in every start.
    DAMAGES[damage](path)
    said = tiny.run(*tiny.arguments).err
    assert "damaged" in said
    assert ("packing" in said) == (path.parent.parent.name == "packed")
    assert ("taken from the cache" in said) == (path.parent.parent.name == "packed")
    assert path.read_bytes() == kept
    assert bytes_of(cell) == whole


CACHED = ("weights.safetensors", "valid.npz", "images.npy", "sizes.npy", "checksums.npy")


@pytest.mark.parametrize("name", CACHED)
def test_a_damaged_cache_is_noticed_by_a_run(finished, tmp_path, name):
    (path,) = (tmp_path / "cache").glob(f"*/*/{name}")
    hurt_cache_and_run_again(finished, path, "last byte")


@pytest.mark.slow
@pytest.mark.parametrize("damage", list(DAMAGES))
def test_damage_anywhere_in_each_file_of_the_cache(finished, tmp_path, damage):
    for name in CACHED:
        (path,) = (tmp_path / "cache").glob(f"*/*/{name}")
        hurt_cache_and_run_again(finished, path, damage)
