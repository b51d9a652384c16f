"""The noise of the gate against numpy and scipy on the same numbers."""

import json
import math

import numpy as np
import pytest
from gate_store import AGE, FACES, GateStore, usual
from scipy import stats

from farbench.gate.baseline import read_baseline, write_baseline
from farbench.gate.check import check, take
from farbench.gate.noise import (
    ERROR_SPREAD,
    MORE_SEEDS,
    NORMAL,
    STUDENT,
    counted_error,
    from_images,
    from_seeds,
    jackknife_errors,
)
from farbench.scoring.paired import paired_bootstrap
from farbench.scoring.per_image import per_image
from farbench.scoring.predictions import Predictions
from farbench.scoring.score import score
from farbench.store.cells import write_predictions


def test_quantiles_are_those_of_scipy():
    expected = [stats.t.ppf(0.975, degrees) for degrees in range(1, len(STUDENT) + 1)]
    assert pytest.approx(expected, abs=0.006) == list(STUDENT)
    assert pytest.approx(stats.t.ppf(0.975, len(STUDENT) + 1), abs=0.006) == MORE_SEEDS
    assert pytest.approx(stats.norm.ppf(0.975), abs=0.001) == NORMAL


@pytest.mark.parametrize("seeds", [2, 3, 10, 11, 40])
def test_the_noise_of_seeds(seeds):
    noise = from_seeds(0.01, seeds, seeds, 1)
    assert noise.sigma == pytest.approx(0.01 * math.sqrt(1 / seeds + 1))
    exact = stats.t.ppf(0.975, seeds - 1)
    assert exact - 0.006 <= noise.times <= exact + 0.22
    assert f"{seeds} seeds" in noise.source


def test_seeds_without_any_change_are_rarely_called_changed():
    """Of 4,000 draws of three seeds against three, about one in twenty, as Student's t promises."""
    draws = np.random.default_rng(0).normal(0, 1, (4000, 2, 3))
    before, after = draws[:, 0], draws[:, 1]
    spread = before.std(1, ddof=1)
    limits = [noise.times * noise.sigma for noise in (from_seeds(s, 3, 3, 3) for s in spread)]
    share = np.mean(np.abs(after.mean(1) - before.mean(1)) > limits)
    assert share == pytest.approx(0.05, abs=0.012)


def test_the_noise_of_counts():
    assert counted_error("accuracy", 0.9, 1000) == pytest.approx(math.sqrt(0.9 * 0.1 / 1000))
    assert counted_error("r2", -3.0, 100) == pytest.approx(0.05)
    errors = np.abs(np.random.default_rng(1).normal(0, 7, 200_000))
    exact = errors.std(ddof=1) / math.sqrt(len(errors))
    assert counted_error("mae", errors.mean(), len(errors)) == pytest.approx(exact, rel=0.01)
    assert pytest.approx(math.sqrt(math.pi / 2 - 1), abs=0.005) == ERROR_SPREAD
    assert from_images(0.01, 1, 1).sigma == pytest.approx(0.01 * math.sqrt(2))


def faces(count=2000, skill=0.9, seed=0):
    """Return predictions whose labels of an image stand or fall together now and then."""
    random = np.random.default_rng(seed)
    labels = (np.random.default_rng(99).random((count, 3)) < (0.1, 0.6, 0.3)).astype(np.int8)
    hard = np.random.default_rng(98).random((count, 1)) < 0.3
    met = random.random((count, 3)) < np.where(hard, skill - 0.3, skill)
    output = np.where(met == (labels == 1), 1, -1) * random.random((count, 3))
    images = np.array([f"{i}.jpg" for i in range(count)])
    return Predictions(images, output.astype(np.float16), labels)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    held = faces(20_000)
    met = ((held.output > 0) == (held.target == 1)).mean(1)
    exact = met.std(ddof=1) / math.sqrt(len(met))
    found = jackknife_errors(FACES, held, ["accuracy"])
    # The relative spread of a standard error from 20 blocks is 16%.
    assert found["accuracy"] == pytest.approx(exact, rel=0.4)
    ages = np.random.default_rng(0).normal(0, 6, 5000).astype(np.float32)
    held = Predictions(np.arange(5000).astype(str), ages, np.zeros(5000, np.float32))
    found = jackknife_errors(AGE, held, ["mae", "r2"])
    exact = np.abs(ages).std(ddof=1) / math.sqrt(5000)
    assert found == {"mae": pytest.approx(exact, rel=0.4)}  # all labels alike: no r2


def test_the_jackknife_of_mA_is_near_a_bootstrap_of_numpy():
    held, random = faces(2000), np.random.default_rng(3)

    def m_a(rows):
        said, truth = held.output[rows] > 0, held.target[rows] == 1
        rates = [(said & truth).sum(0) / truth.sum(0), (~said & ~truth).sum(0) / (~truth).sum(0)]
        return np.mean(rates)

    drawn = [m_a(random.integers(0, 2000, 2000)) for _ in range(500)]
    found = jackknife_errors(FACES, held, ["mA"])
    assert found["mA"] == pytest.approx(np.std(drawn), rel=0.4)


def test_too_few_images_have_no_jackknife():
    assert jackknife_errors(FACES, faces(19), ["accuracy"]) == {}


def store_of(root, seeds, predictions=None, rows=("r",), **scores):
    """Return a store of one row with numbers a seed, or with predictions of a single one."""
    store = GateStore(root, rows=rows)
    for seed, accuracy in seeds.items():
        if predictions is None:
            store.cell("r", seed, accuracy=accuracy, **scores)
            continue
        held = predictions[seed]
        metrics = {"attributes": score(FACES, held.output, held.target)}
        place = store.cell("r", seed, metrics=metrics)
        write_predictions(
            place / "predictions.npz",
            held.image,
            {"attributes": held.output},
            {"attributes": held.target},
        )
    return store


def of(verdict, metric="accuracy"):
    (found,) = [one for one in verdict.judgements if one.metric and one.metric.name == metric]
    return found


def test_the_tolerance_is_from_the_baseline_s_seeds(tmp_path):
    before = store_of(tmp_path / "a", {0: 0.90, 1: 0.91, 2: 0.89})
    after = store_of(tmp_path / "b", {0: 0.88, 1: 0.89, 2: 0.87})
    found = of(check(after.folder, before.folder))
    spread = np.std([0.90, 0.91, 0.89], ddof=1)
    expected = stats.t.ppf(0.975, 2) * spread * math.sqrt(2 / 3)
    assert found.tolerance == pytest.approx(expected, rel=0.001)
    assert (found.before, found.after) == (pytest.approx(0.90), pytest.approx(0.88))
    assert found.outcome.value == "same"  # 2 points are less than 3.5
    assert found.reason == "spread of 3 seeds"
    steady = store_of(tmp_path / "c", {0: 0.900, 1: 0.901, 2: 0.899})
    assert of(check(after.folder, steady.folder)).outcome.value == "worse"


def test_seeds_are_compared_with_the_same_seeds(tmp_path):
    before = store_of(tmp_path / "a", {0: 0.90, 1: 0.94, 2: 0.86})
    after = store_of(tmp_path / "b", {2: 0.86})
    found = of(check(after.folder, before.folder, allow_missing=True))
    assert (found.before, found.after) == (0.86, 0.86)
    others = store_of(tmp_path / "c", {7: 0.89})
    found = of(check(others.folder, before.folder, allow_missing=True))
    assert (found.before, found.after) == (pytest.approx(0.90), 0.89)
    expected = 4.30 * 0.04 * math.sqrt(1 / 3 + 1)
    assert found.tolerance == pytest.approx(expected, rel=0.001)


def test_seeds_that_agree_leave_what_a_table_prints(tmp_path):
    before = store_of(tmp_path / "a", {0: 0.9, 1: 0.9})
    within = store_of(tmp_path / "b", {0: 0.90004, 1: 0.90004})
    found = of(check(within.folder, before.folder))
    assert (found.outcome.value, found.tolerance) == ("same", pytest.approx(0.00005))
    beyond = store_of(tmp_path / "c", {0: 0.9002, 1: 0.9002})
    assert of(check(beyond.folder, before.folder)).outcome.value == "better"


def test_one_seed_with_predictions_is_judged_by_the_jackknife(tmp_path):
    held = faces()
    before = store_of(tmp_path / "a", {0: None}, {0: held})
    file = tmp_path / "base.json"
    write_baseline(file, take(before.folder))
    found = of(check(before.folder, file))
    error = jackknife_errors(FACES, held, ["accuracy"])["accuracy"]
    assert found.tolerance == pytest.approx(NORMAL * math.sqrt(2) * error, rel=0.001)
    assert found.reason == "one seed: test images"


def test_predictions_of_both_sides_are_compared_image_by_image(tmp_path):
    old, new = faces(), faces()
    new.output[:60] *= -1  # what was met is missed, and the other way round
    before = store_of(tmp_path / "a", {0: None}, {0: old})
    after = store_of(tmp_path / "b", {0: None}, {0: new})
    found = of(check(after.folder, before.folder))
    assert found.reason == "paired bootstrap"
    met = [((one.output > 0) == (one.target == 1)).mean(1) for one in (old, new)]
    exact = (met[1] - met[0]).std(ddof=1) / math.sqrt(2000)
    assert found.tolerance == pytest.approx(NORMAL * exact, rel=0.05)
    assert found.outcome.value == "worse"
    interval = paired_bootstrap(
        per_image(FACES, new.output, new.target), per_image(FACES, old.output, old.target)
    ).mean
    assert interval.high < 0
    # The file has no predictions; unpaired, the same difference is within the noise.
    file = tmp_path / "base.json"
    write_baseline(file, take(before.folder))
    alone = of(check(after.folder, file))
    assert alone.outcome.value == "same"
    assert alone.tolerance > 1.5 * found.tolerance


def test_predictions_of_other_images_are_not_paired(tmp_path):
    old, new = faces(), faces()
    new.image[0] = "other.jpg"
    before = store_of(tmp_path / "a", {0: None}, {0: old})
    after = store_of(tmp_path / "b", {0: None}, {0: new})
    assert of(check(after.folder, before.folder)).reason == "one seed: test images"


def test_several_seeds_count_more_than_predictions(tmp_path):
    held = {0: faces(seed=0), 1: faces(seed=1)}
    before = store_of(tmp_path / "a", dict.fromkeys(held), held)
    assert of(check(before.folder, before.folder)).reason == "spread of 2 seeds"


def test_a_metric_that_is_no_mean_over_images_is_not_paired(tmp_path):
    held = {0: faces()}
    before = store_of(tmp_path / "a", {0: None}, held)
    plan = json.loads((before.folder / "plan.json").read_text())
    plan["benchmark"]["metrics"] = ["f1"]
    (before.folder / "plan.json").write_text(json.dumps(plan))
    found = of(check(before.folder, before.folder), "f1")
    assert found.reason == "one seed: test images"


def test_a_baseline_survives_its_file(tmp_path):
    taken = take(usual(tmp_path / "a", (0, 1)).folder)
    file = tmp_path / "base.json"
    write_baseline(file, taken)
    assert read_baseline(file) == taken
