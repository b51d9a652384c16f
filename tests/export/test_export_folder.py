"""`farbench export`: a folder that predicts without its run, and a card that says what it is."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from safetensors.numpy import load_file

from farbench.plugins.manager import load_plugins
from farbench.running.trained import load_trained


@pytest.fixture
def export(farbench_cli, trained_runs, monkeypatch):
    """Return a function that exports a row and gives the outcome."""
    monkeypatch.setenv("FARBENCH_CACHE", str(trained_runs.cache))

    def run(row, *words, code=0):
        outcome = farbench_cli("export", trained_runs.folder / row, *words)
        assert outcome.code == code, outcome.err
        return outcome

    return run


@pytest.fixture(scope="module")
def face(trained_runs, tmp_path_factory) -> Path:
    """Return a picture of a drawn face."""
    source = load_trained(trained_runs.cells["plain"], load_plugins()).open_source(None)
    path = tmp_path_factory.mktemp("face") / "face.png"
    cv2.imwrite(str(path), cv2.cvtColor(source.read(3), cv2.COLOR_RGB2BGR))
    return path


@pytest.mark.parametrize("row", ["plain", "masked", "scaled", "many"])
def test_an_exported_folder_predicts_like_its_cell(
    export, farbench_cli, trained_runs, face, tmp_path, monkeypatch, row
):
    outcome = export(row, "-o", tmp_path / "out")
    masked = row in ("masked", "scaled")
    files = ["README.md", "farbench.json", "model.safetensors"]
    files += ["mask_network.safetensors"] if masked else []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(files)
    assert all(f"wrote {tmp_path / 'out' / name}" in outcome.out for name in files)
    expected = farbench_cli("predict", trained_runs.folder / row, face)
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "empty"))
    got = farbench_cli("predict", tmp_path / "out", face)
    assert (got.code, got.out) == (0, expected.out)
    needs_cache = farbench_cli("predict", trained_runs.folder / row, face)
    assert needs_cache.code == (2 if masked else 0)


def test_what_the_json_says(export, trained_runs, tmp_path):
    export("masked", "-o", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "farbench.json").read_text())
    assert about["method"]["name"] == "g2ff_ca"
    assert about["method"]["options"]["hidden"] == 16
    assert about["tasks"][0]["attributes"][31] == "Smiling"
    assert about["groups"]["Ear"] == [34]
    given = about["input"]
    assert (given["resize"], given["crop"], given["crop_offset"]) == (72, 64, 4)
    assert len(given["mean"]) == 3
    assert about["masks"]["groups"][0] == "Mouth"
    assert about["masks"]["warped_size"] == 16
    assert about["dataset"]["licence"] == "MIT, like farbench"
    assert 0 < about["metrics"]["attributes"]["accuracy"] < 1
    assert trained_runs.cells["masked"].name.endswith(about["cell"]["identity"]["key"][:8])
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert about["parameters"] <= sum(value.size for value in weights.values())


def test_how_numbers_are_read(export, tmp_path):
    export("many", "-o", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "farbench.json").read_text())
    outputs = {task["name"]: task["output"] for task in about["tasks"]}
    age = about["cell"]["statistics"]["age"]
    assert f"x * {age['std'][0]:.9g} + {age['mean'][0]:.9g} years" in outputs["age"]
    assert "softmax" in outputs["skin"]
    assert "fractions of the crop's side" in outputs["landmarks"]


def test_the_card(export, tmp_path):
    export("masked", "-o", tmp_path / "my_net")
    card = (tmp_path / "my_net" / "README.md").read_text()
    for words in (
        "# masked on Synthetic faces",
        "**The faces are drawn: it is of no use on photographs.**",
        "farbench predict my_net PICTURES...",
        "resized to 72 x 72",
        "one binary mask for each of 8 face regions",
        "- Ear: Wearing_Earrings",
        "| attributes | Accuracy | ",
        "| Smiling | ",
        "- Its licence: MIT, like farbench.",
        "## Responsible use",
        "Do not use its\noutput to decide about people",
    ):
        assert words in card
    assert str(tmp_path) not in card  # nobody's paths travel along


def test_a_stand_in_backbone_is_named(farbench_cli, trained_runs, tmp_path):
    def substituted(record):
        record["substituted"] = {"resnest50d": "test_efficientnet"}

    cell = trained_runs.changed("plain", tmp_path / "cell", substituted)
    assert farbench_cli("export", cell, "-o", tmp_path / "out").code == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert (
        "Its backbone is test_efficientnet, which the protocol puts in place of resnest50d." in card
    )


def test_an_export_can_be_exported_and_replaced(export, farbench_cli, tmp_path):
    export("masked", "-o", tmp_path / "a")
    again = farbench_cli("export", tmp_path / "a", "-o", tmp_path / "b")
    assert again.code == 0, again.err
    for name in ("farbench.json", "model.safetensors", "mask_network.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    export("plain", "-o", tmp_path / "b")
    assert not (tmp_path / "b" / "mask_network.safetensors").exists()
    assert "# plain on" in (tmp_path / "b" / "README.md").read_text()


def test_mistakes(export, trained_runs, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    other = "this holds something else"
    assert other in export("plain", "-o", tmp_path / "full", code=2).err
    assert other in export("plain", "-o", tmp_path / "full" / "thesis.tex", code=2).err
    assert other in export("plain", "-o", trained_runs.cells["plain"], code=2).err
    assert "unknown format 'onx'" in export("plain", "-o", "a", "--format", "onx", code=2).err
    wrong = export("plain", "-o", tmp_path / "a", "--format", "onnx", code=2)
    assert "name a file that ends in .onnx" in wrong.err
    wrong = export("plain", "-o", tmp_path / "a.onnx", code=2)
    assert "written with --format onnx" in wrong.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
