"""The heat map of gains: whose differences stand where, and what cannot be drawn."""

import json

import numpy as np
import pytest
from figure_store import GROUPS, NAMES, FigureStore

from farbench.errors import UserError
from farbench.figures.gain_values import read_panels
from farbench.figures.gains import draw
from farbench.figures.request import FigureRequest
from farbench.tables.from_store import build
from farbench.tables.results import read_results

ORDERED = ("Bald", "Wearing_Hat", "Big_Nose", "Male", "Smiling")


def stored(store, row, metric="accuracy", seed=0, dataset="faces"):
    folder = store.folder / f"{row}-{dataset}-s{seed}-00000000"
    scores = json.loads((folder / "metrics.json").read_text())["attributes"]
    return scores[f"{metric}_per_attribute"]


def panels(store, **wishes):
    return read_panels(read_results(store.folder), FigureRequest(store.folder, **wishes), "plain")


@pytest.fixture
def store(tmp_path):
    store = FigureStore(tmp_path / "made_up", rows=("plain", "better", "grouped", "worse", "close"))
    store.cell("plain", skill=0.5)
    store.cell("better", skill=1.0)
    store.cell("grouped", skill=0.8, groups=GROUPS)
    return store


def test_gains_are_differences_by_group_with_their_mean_last(store):
    (panel,) = panels(store)
    assert panel.names == ORDERED
    assert panel.groups == (("Hair", 2), ("Face", 3))
    assert panel.rows == ("better", "grouped")
    for column, row in enumerate(panel.rows):
        own, base = stored(store, row), stored(store, "plain")
        expected = [100 * (own[name] - base[name]) for name in ORDERED]
        np.testing.assert_allclose(panel.gains[:, column], [*expected, np.mean(expected)])


def test_numbers_and_colours_are_those_of_the_gains(store):
    figure = draw(FigureRequest(store.folder, rows=("better",)))
    axis = figure.axes[0]
    (panel,) = panels(store, rows=("better",))
    fields, whole = axis.collections
    np.testing.assert_allclose(fields.get_array().ravel(), panel.gains[:-1, 0])
    np.testing.assert_allclose(whole.get_array().ravel(), panel.gains[-1])
    low, high = fields.get_clim()
    assert low == -high
    shown = [text.get_text() for text in axis.texts[:6]]
    assert shown == [
        f"{gain:+.1f}".replace("-", "−") + ("†" if holds else "")
        for gain, holds in zip(panel.gains[:, 0], panel.holds[:, 0], strict=True)
    ]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == [*(name.replace("_", " ") for name in panel.names), "mean"]
    assert [one.get_text() for one in axis.get_xticklabels()] == ["better"]
    label = figure.get_supxlabel()
    assert label.replace("\n", " ") == "Accuracy: gain over plain, points; † holds at 5%"


def test_a_dagger_marks_what_holds_in_the_table_of_significance(store):
    store.cell("worse", skill=0.1)
    store.cell("close", skill=0.52)
    (panel,) = panels(store)
    table, _ = build(store.folder, "significance")
    verdicts = {row.id: row.cells["verdict"].text for row in table.rows()}
    for column, row in enumerate(panel.rows):
        told = [verdicts[f"{row}/{name}"] for name in panel.names] + [verdicts[row]]
        assert panel.holds[:, column].tolist() == [one in ("better", "worse") for one in told]
    assert panel.holds.any()
    assert not panel.holds.all()
    assert "worse" in verdicts.values()


def test_nothing_is_said_of_tests_where_there_are_none(tmp_path):
    store = FigureStore(tmp_path)
    store.cell("plain", predictions=False)
    store.cell("better", predictions=False)
    assert panels(store)[0].holds is None
    assert "holds" not in draw(FigureRequest(tmp_path)).get_supxlabel()


def test_rows_that_are_alike_have_a_scale_that_can_be_read(tmp_path):
    store = FigureStore(tmp_path)
    store.cell("plain")
    store.cell("better")
    figure = draw(FigureRequest(tmp_path))
    assert figure.axes[0].collections[0].get_clim() == (-1, 1)
    assert figure.get_supxlabel().replace("\n", " ").endswith("; none holds at 5%")


def test_the_label_is_not_cut(store):
    figure = draw(FigureRequest(store.folder, rows=("better",), compare="grouped"))
    figure.draw_without_rendering()
    (label,) = [text for text in figure.texts if "gain over" in text.get_text()]
    box, page = label.get_window_extent(), figure.bbox
    assert page.x0 <= box.x0
    assert box.x1 <= page.x1


def test_of_the_attributes_asked_for_the_mean_is_theirs(store):
    (panel,) = panels(store, attributes=("Male", "Bald"), metric="mA")
    assert panel.names == ("Bald", "Male")
    assert panel.groups == (("Hair", 1), ("Face", 1))
    assert panel.gains[-1, 0] == pytest.approx(panel.gains[:2, 0].mean())
    own, base = stored(store, "better", "mA"), stored(store, "plain", "mA")
    assert panel.gains[1, 0] == pytest.approx(100 * (own["Male"] - base["Male"]))


def test_seeds_are_compared_with_themselves(tmp_path):
    store = FigureStore(tmp_path)
    for seed in (0, 1):
        store.cell("plain", seed, skill=0.5)
    for seed in (1, 2):
        store.cell("better", seed, skill=1.0)
    (panel,) = panels(store)
    own, base = (stored(store, row, seed=1) for row in ("better", "plain"))
    expected = [100 * (own[name] - base[name]) for name in NAMES]
    np.testing.assert_allclose(panel.gains[:-1, 0], expected)
    assert (panel.names, panel.groups, panel.seeds) == (NAMES, (), 1)


def test_what_is_undefined_has_a_dash(tmp_path):
    store = FigureStore(tmp_path, rows=("plain", "better", "absent"))
    store.cell("plain")
    store.cell("better", change=lambda scores: scores["mA_per_attribute"].update(Bald=None))
    store.planned("absent")
    (panel,) = panels(store, metric="mA")
    assert np.isnan(panel.gains[0, 0])
    assert np.isnan(panel.gains[:, 1]).all()
    assert np.isfinite(panel.gains[1:, 0]).all()
    axis = draw(FigureRequest(tmp_path, metric="mA")).axes[0]
    assert [text.get_text() for text in axis.texts].count("–") == 7


def test_data_sets_of_the_same_attributes_share_their_names(tmp_path):
    store = FigureStore(tmp_path)
    for dataset in ("celeba", "lfwa"):
        store.cell("plain", dataset=dataset)
        store.cell("better", dataset=dataset, groups=GROUPS)
    figure = draw(FigureRequest(tmp_path))
    assert [axis.get_title() for axis in figure.axes[:2]] == ["Celeba", "Lfwa"]
    assert [len(axis.get_yticklabels()) for axis in figure.axes[:2]] == [6, 0]
    assert ["Hair" in [t.get_text() for t in axis.texts] for axis in figure.axes[:2]] == [
        False,
        True,
    ]


def test_of_an_error_metric_blue_is_less(store):
    for row, value in (("plain", 0.3), ("better", 0.1)):
        path = store.folder / f"{row}-faces-s0-00000000" / "metrics.json"
        scores = json.loads(path.read_text())
        scores["age"] = {"mae": value, "mae_per_decade": {"20-29": value, "30-39": value}}
        path.write_text(json.dumps(scores))
    store.plan["tasks"]["faces"] = [
        {"kind": "attributes", "name": "attributes", "attributes": list(NAMES)},
        {"kind": "scalar", "name": "age", "unit": "years", "low": 0, "high": 116},
    ]
    store.save()
    axis = draw(FigureRequest(store.folder, metric="age.mae", rows=("better",))).axes[0]
    red, _, blue, _ = axis.collections[0].get_facecolor()[0]
    assert blue > red
    assert [label.get_text() for label in axis.get_yticklabels()] == ["20-29", "30-39", "all"]


def test_one_row_alone_has_no_gain(store):
    with pytest.raises(UserError, match="no other row"):
        draw(FigureRequest(store.folder, rows=("plain",)))


def test_rows_without_a_seed_in_common_have_none(tmp_path):
    store = FigureStore(tmp_path)
    store.cell("plain", 0)
    store.cell("better", 1)
    with pytest.raises(UserError, match="with the same seed"):
        draw(FigureRequest(tmp_path))


def test_metrics_that_are_not_stored_for_each_attribute_name_those_that_are(store):
    for folder in store.folder.glob("*-00000000"):
        scores = json.loads((folder / "metrics.json").read_text())
        del scores["attributes"]["f1_per_attribute"]
        (folder / "metrics.json").write_text(json.dumps(scores))
    with pytest.raises(UserError, match=r"stores f1 for each attribute.*stored so are: accuracy,"):
        draw(FigureRequest(store.folder, metric="f1"))


def test_an_unknown_attribute_is_refused(store):
    with pytest.raises(UserError, match="Did you mean 'Male'"):
        draw(FigureRequest(store.folder, attributes=("Mael",)))


def test_another_row_can_be_compared_to(store):
    figure = draw(FigureRequest(store.folder, compare="better"))
    assert [one.get_text() for one in figure.axes[0].get_xticklabels()] == ["plain", "grouped"]
    assert "gain over better" in figure.get_supxlabel().replace("\n", " ")
    with pytest.raises(UserError, match="--compare: unknown row 'bettr'"):
        draw(FigureRequest(store.folder, compare="bettr"))
