"""The rows' metrics as points with their seeds, and published numbers beside them."""

import json
import statistics

import numpy as np
import pytest
from figure_store import FigureStore

from farbench.errors import UserError
from farbench.figures.bars import BETTER, WORSE, draw
from farbench.figures.request import FigureRequest

PUBLISHED = """
title: A paper
paper: Somebody
table: Table 1
rows:
  - {label: plain, method: a, backbone: VGG16, values: {celeba: {accuracy: 90.5}}}
  - {label: better, method: b, backbone: VGG16, values: {celeba: {accuracy: 91.5}}}
  - {label: better, method: b, backbone: ResNet50, values: {celeba: {accuracy: 92.5}}}
  - {label: stranger, method: c, backbone: VGG16, values: {celeba: {accuracy: 99}}}
"""


def accuracy(store, row, seed=0, dataset="faces"):
    folder = store.folder / f"{row}-{dataset}-s{seed}-00000000"
    return 100 * json.loads((folder / "metrics.json").read_text())["attributes"]["accuracy"]


def texts(axis):
    return [text.get_text() for text in axis.texts]


def titles(figure):
    return [axis.get_title(loc="left").replace("\n", " ") for axis in figure.axes]


@pytest.fixture
def store(tmp_path):
    store = FigureStore(tmp_path / "made_up", rows=("plain", "better", "worse"))
    for row, skill in (("plain", 1.0), ("better", 1.5), ("worse", 0.5)):
        store.cell(row, skill=skill, dataset="celeba")
    return store


def test_points_are_the_numbers_and_bars_the_differences(store):
    figure = draw(FigureRequest(store.folder))
    axis = figure.axes[0]
    values = [accuracy(store, row, dataset="celeba") for row in ("plain", "better", "worse")]
    assert titles(figure) == ["Accuracy (%)", "mA (%)"]
    assert texts(axis) == [f"{value:.2f}" for value in values]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["plain", "better", "worse"]
    bars = axis.patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], np.subtract(values, values[0]))
    assert {bar.get_x() for bar in bars} == {values[0]}
    colours = [bar.get_facecolor()[:3] for bar in bars[1:]]
    from matplotlib.colors import to_rgb

    assert colours == [to_rgb(BETTER), to_rgb(WORSE)]


def test_every_point_lies_inside_its_axis(store):
    for axis in draw(FigureRequest(store.folder)).axes:
        low, high = axis.get_xlim()
        for bar in axis.patches:
            assert low < bar.get_x() < high
            assert low < bar.get_x() + bar.get_width() < high


def test_seeds_are_shown_with_mean_and_deviation(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",), compare=None)
    for seed in range(3):
        store.cell("plain", seed)
    figure = draw(FigureRequest(tmp_path, metric="accuracy"))
    (axis,) = figure.axes
    values = [accuracy(store, "plain", seed) for seed in range(3)]
    mean, std = statistics.fmean(values), statistics.stdev(values)
    assert texts(axis) == [f"{mean:.2f} ± {std:.2f}"]
    assert not axis.patches
    drawn = [line.get_xdata() for line in axis.get_lines()]
    assert any(sorted(one) == sorted(values) for one in map(list, drawn))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "mean ± standard deviation",
        "3 seeds",
    ]


def test_published_numbers_of_the_same_rows_have_an_axis_as_long(store, tmp_path):
    file = tmp_path / "paper.yaml"
    file.write_text(PUBLISHED)
    store.plan["benchmark"]["published"] = [str(file)]
    store.plan["benchmark"]["rows"][1]["label"] = "better (ResNet50)"
    store.save()
    figure = draw(FigureRequest(store.folder))
    assert titles(figure) == ["Accuracy (%)", "published", "mA (%)"]
    measured, published = figure.axes[:2]
    assert texts(published) == ["90.50", "92.50", "–"]
    lengths = [np.ptp(axis.get_xlim()) for axis in (measured, published)]
    assert lengths[0] == pytest.approx(lengths[1])
    assert published.patches[1].get_width() == pytest.approx(2.0)


def test_published_numbers_of_another_data_set_are_not_drawn(tmp_path):
    file = tmp_path / "paper.yaml"
    file.write_text(PUBLISHED)
    store = FigureStore(tmp_path / "made_up", published=[str(file), "gone.yaml"])
    store.cell("plain")
    assert titles(draw(FigureRequest(store.folder))) == ["Accuracy (%)", "mA (%)"]


def test_each_data_set_has_its_line_and_a_missing_row_its_dash(tmp_path):
    store = FigureStore(tmp_path)
    for dataset in ("celeba", "lfwa"):
        store.cell("plain", dataset=dataset)
    store.cell("better", dataset="celeba")
    store.planned("better", dataset="lfwa")
    figure = draw(FigureRequest(tmp_path))
    assert titles(figure) == [
        "Celeba: Accuracy (%)",
        "Celeba: mA (%)",
        "Lfwa: Accuracy (%)",
        "Lfwa: mA (%)",
    ]
    assert [texts(axis)[1] == "–" for axis in figure.axes] == [False, False, True, True]
    assert titles(draw(FigureRequest(tmp_path, dataset="lfwa", metric="mA"))) == ["Lfwa: mA (%)"]


def test_what_nothing_was_measured_of_is_said(tmp_path):
    FigureStore(tmp_path).planned("plain")
    with pytest.raises(UserError, match=r"is finished.*`farbench table"):
        draw(FigureRequest(tmp_path))


def test_an_unknown_metric_is_refused(store):
    with pytest.raises(UserError, match="--metric: unknown metric 'acuracy'"):
        draw(FigureRequest(store.folder, metric="acuracy"))


def test_bars_begin_at_the_row_asked_for(store):
    axis = draw(FigureRequest(store.folder, compare="worse", rows=("better",))).axes[0]
    values = [accuracy(store, row, dataset="celeba") for row in ("worse", "better")]
    (bar,) = axis.patches
    assert (bar.get_x(), bar.get_width()) == pytest.approx((values[0], values[1] - values[0]))
