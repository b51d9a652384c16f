"""ROC curves and reliability diagrams: what is drawn of stored predictions, and refused without."""

import json

import numpy as np
import pytest
from figure_store import IMAGES, NAMES, FigureStore, logits_of
from sklearn.metrics import roc_auc_score

from farbench.errors import UserError
from farbench.figures import reliability, roc
from farbench.figures.decisions import MEAN, decision_names, decisions_of, read_answers
from farbench.figures.request import FigureRequest
from farbench.scoring.calibration import attribute_calibration, class_calibration
from farbench.store.cells import write_predictions
from farbench.tables.results import read_results
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes

DRAW = {"roc": roc.draw, "reliability": reliability.draw}
RACE = Classes("race", ("White", "Black", "Asian"))
GENDER = Classes("gender", ("Male", "Female"))


def titles(figure):
    every = (axis.get_title(loc="left") for axis in figure.axes)
    return [title.replace("\n", " ") for title in every if title]


def listed(axis):
    """Return the values that a panel lists."""
    return [text.get_text() for text in axis.get_legend().get_texts()]


def areas(skill, seed=0):
    logits, truth = logits_of(seed, skill)
    return [roc_auc_score(truth[:, a], logits[:, a]) for a in range(len(NAMES))]


@pytest.fixture
def store(tmp_path):
    """Two rows, one seed."""
    store = FigureStore(tmp_path / "made_up")
    store.cell("plain", skill=0.5)
    store.cell("better", skill=1.0)
    return store


def test_the_mean_curve_and_the_two_hardest_attributes_are_drawn(store):
    figure = roc.draw(FigureRequest(store.folder))
    mean = np.mean([areas(0.5), areas(1.0)], axis=0)
    hardest = [NAMES[number].replace("_", " ") for number in np.argsort(mean)[:2]]
    assert titles(figure) == ["mean of 5 attributes", *hardest]
    assert listed(figure.axes[0]) == [f"{np.mean(areas(skill)):.3f}" for skill in (0.5, 1.0)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["plain", "better"]


def test_the_mean_curve_is_that_of_curves_not_of_pooled_decisions(store):
    line = roc.draw(FigureRequest(store.folder, rows=("plain",))).axes[0].get_lines()[1]
    area = np.trapezoid(line.get_ydata(), line.get_xdata())
    assert area == pytest.approx(np.mean(areas(0.5)), abs=0.004)


def test_chosen_attributes_of_a_chosen_row(store):
    request = FigureRequest(store.folder, rows=("better",), attributes=("Male", "Bald"))
    figure = roc.draw(request)
    assert titles(figure) == ["Male", "Bald"]
    expected = areas(1.0)
    assert listed(figure.axes[0]) == [f"{expected[NAMES.index('Male')]:.3f}"]


def test_seeds_are_averaged_in_their_range(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",))
    for seed in range(3):
        store.cell("plain", seed, skill=0.5)
    figure = roc.draw(FigureRequest(tmp_path, attributes=("Male",)))
    each = [areas(0.5, seed)[NAMES.index("Male")] for seed in range(3)]
    assert listed(figure.axes[0]) == [f"{np.mean(each):.3f} ± {np.std(each, ddof=1):.3f}"]
    assert len(figure.axes[0].collections) == 1
    assert figure.get_supxlabel() == "false positive rate (mean and range of 3 seeds)"


def test_each_data_set_has_its_panels(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",))
    for dataset in ("celeba", "lfwa"):
        store.cell("plain", dataset=dataset)
    assert titles(roc.draw(FigureRequest(tmp_path)))[::3] == [
        "Celeba: mean of 5 attributes",
        "Lfwa: mean of 5 attributes",
    ]
    assert len(titles(roc.draw(FigureRequest(tmp_path, dataset="lfwa")))) == 3


def test_unknown_labels_and_attributes_of_one_answer_are_left_out(tmp_path):
    logits, truth = logits_of(0)
    truth = truth.copy()
    truth[:, 0] = 1
    truth[::2, 2] = -1
    FigureStore(tmp_path, rows=("plain",)).cell("plain", truth=truth)
    (answers,) = read_answers(FigureRequest(tmp_path), read_results(tmp_path))
    decisions = answers.rows["plain"][0]
    assert roc.curve(decisions, "Bald") is None
    expected = roc_auc_score(truth[1::2, 2], logits[1::2, 2])
    assert roc.curve(decisions, "Male").area == pytest.approx(expected)
    every = [roc_auc_score(truth[:, a], logits[:, a]) for a in (1, 3, 4)]
    assert roc.curve(decisions, MEAN).area == pytest.approx(np.mean([expected, *every]))
    with pytest.raises(UserError, match="labelled yes and others that are labelled no"):
        roc.draw(FigureRequest(tmp_path, attributes=("Bald",)))


def test_an_attribute_without_labels_has_no_panel_of_reliability(tmp_path):
    _, truth = logits_of(0)
    truth = truth.copy()
    truth[:, 0] = -1
    FigureStore(tmp_path, rows=("plain",)).cell("plain", truth=truth)
    figure = reliability.draw(FigureRequest(tmp_path, attributes=("Bald", "Male")))
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["Male", ""]
    with pytest.raises(UserError, match="known label of what was asked for"):
        reliability.draw(FigureRequest(tmp_path, attributes=("Bald",)))


def test_a_panel_of_reliability_counts_what_was_said_and_what_was_so(store):
    request = FigureRequest(store.folder, rows=("better",), attributes=("Male",))
    figure = reliability.draw(request)
    logits, truth = logits_of(0, 1.0)
    column = NAMES.index("Male")
    error = attribute_calibration(logits, truth)[0][column]
    assert listed(figure.axes[0]) == [f"{100 * error:.1f}"]
    said = 1 / (1 + np.exp(-logits[:, column].astype(float)))
    number = np.ceil(said * 15).clip(1) - 1
    full = [b for b in range(15) if (number == b).sum() >= reliability.FEWEST]
    line = figure.axes[0].get_lines()[1]
    np.testing.assert_allclose(line.get_xdata(), [said[number == b].mean() for b in full])
    np.testing.assert_allclose(line.get_ydata(), [truth[number == b, column].mean() for b in full])
    (steps,) = figure.axes[1].patches
    assert steps.get_data().values.sum() == IMAGES


def test_the_error_of_all_is_the_mean_of_the_attributes(store):
    figure = reliability.draw(FigureRequest(store.folder))
    errors = [attribute_calibration(*logits_of(0, skill))[0] for skill in (0.5, 1.0)]
    assert listed(figure.axes[0]) == [f"{100 * one.mean():.1f}" for one in errors]
    worst = np.argsort(-np.mean(errors, axis=0))[:2]
    assert titles(figure) == [
        "all 5 attributes",
        *(NAMES[number].replace("_", " ") for number in worst),
    ]


def test_seeds_of_reliability_are_pooled(tmp_path):
    store = FigureStore(tmp_path, rows=("plain",))
    for seed in range(2):
        store.cell("plain", seed)
    figure = reliability.draw(FigureRequest(tmp_path, attributes=("Male",)))
    errors = [100 * attribute_calibration(*logits_of(seed))[0][2] for seed in range(2)]
    said = f"{np.mean(errors):.1f} ± {np.std(errors, ddof=1):.1f}"
    assert listed(figure.axes[0]) == [said]
    assert figure.axes[1].patches[0].get_data().values.sum() == IMAGES
    assert figure.get_supxlabel() == "predicted probability (pooled over 2 seeds)"


def test_classes_are_one_against_the_rest():
    logits = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float16)
    labels = np.array([0, 1, 2, -1, 1] * 10)
    found = decisions_of(RACE, logits, labels)
    shares = np.exp(logits.astype(float))
    shares /= shares.sum(1, keepdims=True)
    for column, name in enumerate(("race.White", "race.Black", "race.Asian")):
        said = 1 / (1 + np.exp(-found.log_odds[name]))
        np.testing.assert_allclose(said, shares[:, column])
        expected = np.where(labels < 0, -1, labels == column)
        np.testing.assert_array_equal(found.truth[name], expected)


def test_of_two_classes_the_second_is_the_decision():
    assert decision_names(GENDER) == ("gender.Female",)
    found = decisions_of(GENDER, np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([1, 0]))
    np.testing.assert_allclose(found.log_odds["gender.Female"], [2.0, -1.0])
    np.testing.assert_array_equal(found.truth["gender.Female"], [1, 0])


def test_the_top_class_is_calibrated_as_in_the_tables():
    logits = np.random.default_rng(1).normal(size=(200, 3))
    labels = np.random.default_rng(2).integers(0, 3, 200)
    found = decisions_of(RACE, logits, labels, top_class=True)
    assert list(found.truth) == ["race"]
    np.testing.assert_array_equal(found.truth["race"], logits.argmax(1) == labels)
    assert reliability.error("race", found) == pytest.approx(class_calibration(logits, labels)[0])


@pytest.mark.parametrize("name", DRAW)
def test_attributes_and_classes_together(store, name):
    """A cell of two tasks: their decisions stand side by side."""
    task = BinaryAttributes("attributes", NAMES)
    store.plan["tasks"]["faces"] = [task.record(), RACE.record()]
    store.save()
    for row in ("plain", "better"):
        folder = store.folder / f"{row}-faces-s0-00000000"
        scores = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps({**scores, "race": {"accuracy": 0.5}}))
        logits, truth = logits_of(0)
        random = np.random.default_rng(3)
        write_predictions(
            folder / "predictions.npz",
            np.array([str(number) for number in range(IMAGES)]),
            {"attributes": logits, "race": random.normal(size=(IMAGES, 3))},
            {"attributes": truth, "race": random.integers(0, 3, IMAGES)},
        )
    every = {"roc": "mean of 8 answers", "reliability": "all 6 answers"}[name]
    assert titles(DRAW[name](FigureRequest(store.folder)))[0] == every


@pytest.mark.parametrize("name", DRAW)
def test_rows_without_predictions_are_left_out(store, name):
    store.cell("plain", 1, predictions=False)
    (store.folder / "better-faces-s0-00000000" / "predictions.npz").unlink()
    (legend,) = DRAW[name](FigureRequest(store.folder)).legends
    assert [text.get_text() for text in legend.get_texts()] == ["plain"]


@pytest.mark.parametrize("name", DRAW)
def test_without_predictions_the_next_command_is_named(tmp_path, name):
    FigureStore(tmp_path, rows=("plain",)).cell("plain", predictions=False)
    with pytest.raises(UserError, match=r"stored predictions.*`farbench run made_up`"):
        DRAW[name](FigureRequest(tmp_path))


@pytest.mark.parametrize("name", DRAW)
def test_without_answers_it_is_said_what_is_needed(tmp_path, name):
    store = FigureStore(tmp_path, rows=("plain",))
    store.planned("plain")
    with pytest.raises(UserError, match="predicts attributes or classes"):
        DRAW[name](FigureRequest(tmp_path))


@pytest.mark.parametrize("name", DRAW)
def test_an_unknown_attribute_is_refused(store, name):
    with pytest.raises(UserError, match="Did you mean 'Smiling'"):
        DRAW[name](FigureRequest(store.folder, attributes=("Smilling",)))
