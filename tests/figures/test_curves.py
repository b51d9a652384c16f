"""Training curves: stages side by side, seeds, and what no history says."""

import numpy as np
import pytest
from figure_store import FigureStore, history
from matplotlib.colors import to_hex

from farbench.errors import UserError
from farbench.figures.curves import draw, epochs_axis, read_panels
from farbench.figures.files import COLOURS
from farbench.figures.request import FigureRequest
from farbench.store.cells import write_history
from farbench.tables.results import read_results

THREE = (("global", 2), ("groups", 1), ("joint", 3))


def titles(figure):
    return [axis.get_title(loc="left").replace("\n", " ") for axis in figure.axes]


def line(axis, number=0):
    (found,) = [
        one for one in axis.get_lines() if to_hex(one.get_color()) == COLOURS[number].lower()
    ]
    return found


@pytest.fixture
def store(tmp_path):
    """A row of two stages and one of three."""
    store = FigureStore(tmp_path / "made_up")
    store.cell("plain")
    store.cell("better", 1, stages=THREE)
    return store


def test_panels_are_the_loss_and_the_metrics_of_the_table(store):
    figure = draw(FigureRequest(store.folder))
    assert titles(figure) == ["training loss", "valid Accuracy (%)", "valid mA (%)"]
    for axis, key, scale in zip(
        figure.axes, ("loss", "valid_accuracy", "valid_mA"), (1, 100, 100), strict=True
    ):
        expected = [scale * row[key] for row in history(0)]
        np.testing.assert_allclose(line(axis).get_ydata(), expected)


def test_a_row_that_skips_a_stage_has_a_gap(store):
    axis = draw(FigureRequest(store.folder)).axes[0]
    plain, better = (line(axis, number).get_xdata() for number in range(2))
    assert len(plain) == 5
    assert len(better) == 6
    np.testing.assert_allclose(plain, np.delete(better, 2))
    assert [text.get_text() for text in axis.texts] == ["global", "groups", "joint"]
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert labels == ["1", "2", "1", "1", "2", "3"]


def test_stages_stand_in_the_order_of_training_whoever_comes_first():
    def frames(*stages):
        import pandas as pd

        return [pd.DataFrame(history(0, one)) for one in stages]

    two = (("global", 2), ("joint", 3))
    for order in ((two, THREE), (THREE, two)):
        assert list(epochs_axis(frames(*order)).starts) == ["global", "groups", "joint"]
    long = epochs_axis(frames((("global", 100), ("joint", 1))))
    assert long.widths["joint"] > 10  # wide enough for its name
    assert long.place("global", 100) < long.starts["joint"] < long.place("joint", 1)


def test_many_epochs_are_not_all_numbered(tmp_path):
    FigureStore(tmp_path, rows=("plain",)).cell("plain", stages=(("joint", 60),))
    axis = draw(FigureRequest(tmp_path)).axes[0]
    labels = [label.get_text() for label in axis.get_xticklabels()]
    assert labels[-1] == "60"
    assert len(labels) <= 10
    assert not axis.texts


def test_seeds_are_averaged_in_their_range(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",))
    for seed in range(3):
        store.cell("plain", seed)
    figure = draw(FigureRequest(tmp_path))
    every = np.array([[row["loss"] for row in history(seed)] for seed in range(3)])
    np.testing.assert_allclose(line(figure.axes[0]).get_ydata(), every.mean(0))
    assert len(figure.axes[0].collections) == 1
    assert figure.get_supxlabel() == "epoch of the stage (mean and range of 3 seeds)"


def test_a_metric_that_is_undefined_in_an_epoch_leaves_a_hole(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",))
    rows = history(0)
    rows[1]["valid_mA"] = None
    write_history(store.cell("plain") / "history.csv", rows)
    values = line(draw(FigureRequest(tmp_path, metric="mA")).axes[1]).get_ydata()
    assert np.isnan(values).tolist() == [False, True, False, False, False]


def test_losses_far_apart_are_on_a_logarithmic_scale(store):
    rows = history(0)
    for row in rows:
        row["loss"] *= 50
    write_history(store.folder / "plain-faces-s0-00000000" / "history.csv", rows)
    assert draw(FigureRequest(store.folder)).axes[0].get_yscale() == "log"


def test_each_data_set_has_its_panels(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",))
    for dataset in ("celeba", "lfwa"):
        store.cell("plain", dataset=dataset)
    assert titles(draw(FigureRequest(tmp_path, metric="mA"))) == [
        "Celeba: training loss",
        "Celeba: valid mA (%)",
        "Lfwa: training loss",
        "Lfwa: valid mA (%)",
    ]


def test_a_table_of_other_metrics_gets_those_that_were_recorded(tmp_path):
    FigureStore(tmp_path, rows=("plain",), metrics=["f1"]).cell("plain")
    expected = ["training loss", "valid Accuracy (%)", "valid mA (%)"]
    assert titles(draw(FigureRequest(tmp_path))) == expected
    with pytest.raises(UserError, match=r"'f1' was not recorded.*have accuracy, mA"):
        draw(FigureRequest(tmp_path, metric="f1"))


def test_tasks_trained_alone_have_no_loss_in_common(tmp_path):
    """Each task reads its own cell, whose metrics carry no task's name."""
    store = FigureStore(tmp_path, rows=("alone",))
    store.cell("alone")
    other = store.cell("alone", 1)
    (other / "metrics.json").write_text('{"race": {"accuracy": 0.5, "balanced_accuracy": 0.4}}')
    rows = [{"stage": "joint", "epoch": 1, "loss": 2.0, "valid_accuracy": 0.25}]
    write_history(other / "history.csv", rows)
    store.plan["cells"][1]["seed"] = 0
    store.plan["tasks"]["faces"].append(
        {"kind": "classes", "name": "race", "classes": ["White", "Black"]}
    )
    store.save()
    results = read_results(tmp_path)
    panels = read_panels(results, FigureRequest(tmp_path, metric="accuracy"))
    assert [panel.title for panel in panels] == [
        "valid attributes Accuracy (%)",
        "valid race Accuracy (%)",
    ]
    assert panels[1].lines["alone"][0]["value"].tolist() == [0.25]


def test_without_histories_the_next_command_is_named(tmp_path):
    FigureStore(tmp_path, rows=("plain",)).cell("plain", stages=())
    with pytest.raises(UserError, match=r"has history\.csv.*`farbench run made_up`"):
        draw(FigureRequest(tmp_path))


def test_a_damaged_history_is_named(store):
    (store.folder / "plain-faces-s0-00000000" / "history.csv").write_text("nothing\n")
    with pytest.raises(UserError, match=r"history\.csv cannot be read"):
        draw(FigureRequest(store.folder))
