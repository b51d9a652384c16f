"""The figure of corruptions: a panel each and their mean, a line a row, seeds as a band."""

import json

import numpy as np
import pytest
from figure_store import FigureStore
from robust_store import SETTINGS, evaluated

from farbench.errors import UserError
from farbench.figures.request import FigureRequest
from farbench.figures.robustness import draw

FALLS = {"blur": 0.02, "rotation": 0.01}


@pytest.fixture
def store(tmp_path):
    store = FigureStore(tmp_path / "runs", rows=("baseline", "aml"))
    for seed in (0, 1):
        clean = (0.9 + 0.02 * seed, 0.8)
        evaluated(store.cell("baseline", seed), clean, FALLS)
        folder = store.cell("aml", seed)
        record = json.loads((folder / "cell.json").read_text())
        (folder / "cell.json").write_text(json.dumps({**record, "masks": {"key": "feed"}}))
        evaluated(folder, clean, {"blur": 0.0, "rotation": 0.01}, masks="predicted")
    return store


def curves(axis):
    return [line for line in axis.get_lines() if line.get_marker() == "o"]


def test_panels_are_the_corruptions_and_their_mean(store):
    figure = draw(FigureRequest(store.folder))
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        "blur", "rotation", "mean of all",
    ]  # fmt: skip
    blur, _, mean = (curves(axis) for axis in figure.axes)
    assert blur[0].get_xdata().tolist() == [0, 1, 3, 5]
    assert np.allclose(blur[0].get_ydata(), [91, 89, 85, 81])
    assert np.allclose(blur[1].get_ydata(), 91)
    assert np.allclose(mean[0].get_ydata(), [91, 89.5, 86.5, 83.5])
    assert blur[0].get_color() != blur[1].get_color()
    assert len({axis.get_ylim() for axis in figure.axes}) == 1


def test_seeds_are_a_band_and_the_constant_predictor_a_line(store):
    figure = draw(FigureRequest(store.folder))
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((80, 92))
    level = [line for line in figure.axes[0].get_lines() if len(set(line.get_ydata())) == 1]
    assert 75 in [round(line.get_ydata()[0]) for line in level]
    assert "2 seeds" in figure.get_supxlabel()


def test_rows_and_metric_can_be_chosen(store):
    figure = draw(FigureRequest(store.folder, rows=("aml",), metric="mA"))
    (line,) = curves(figure.axes[1])
    assert np.allclose(line.get_ydata(), [80, 79, 77, 75])
    assert figure.get_supylabel() == "mA (%)"


def test_clean_masks_are_dotted_in_the_row_s_colour(store):
    both = {**SETTINGS, "masks": ["predicted", "clean"]}
    for folder in store.folder.glob("aml-*"):
        clean = evaluated(folder, (0.9, 0.8), FALLS, masks="clean")
        held = evaluated(folder, (0.9, 0.8), FALLS, masks="predicted", settings=both)
        held.entries += clean.entries[1:]
        held.write()
    for folder in store.folder.glob("baseline-*"):
        evaluated(folder, (0.9, 0.8), FALLS, settings=both)
    figure = draw(FigureRequest(store.folder))
    axis = figure.axes[0]
    dotted = [
        line for line in axis.get_lines() if len(line.get_xdata()) == 4 and line not in curves(axis)
    ]
    assert [line.get_color() for line in dotted] == [curves(axis)[1].get_color()]
    assert "clean masks" in [text.get_text() for text in axis.get_legend().get_texts()]


def test_a_row_that_lacks_a_strength_is_left_out(store):
    for folder in store.folder.glob("aml-*"):
        evaluated(folder, (0.9, 0.8), FALLS, masks="predicted", leave_out=[("blur", 5)])
    figure = draw(FigureRequest(store.folder))
    assert [len(curves(axis)) for axis in figure.axes] == [1, 2, 1]


def test_without_an_evaluation_the_command_is_named(tmp_path):
    store = FigureStore(tmp_path / "runs")
    store.cell("plain")
    with pytest.raises(UserError, match="`farbench robustness"):
        draw(FigureRequest(store.folder))
