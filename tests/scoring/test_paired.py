"""The paired bootstrap against plain loops, normal theory, and simulated repetitions."""

import time
from math import erfc, sqrt

import numpy as np
import pytest
from scipy import stats

from farbench.errors import UserError
from farbench.scoring.paired import Pair, holm, paired_bootstrap, paired_bootstraps
from farbench.scoring.per_image import PAIRED, ImageValues, per_image
from farbench.scoring.score import score
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar

ATTRIBUTES = BinaryAttributes("attributes", ("a", "b", "c"))


def single(values):
    return ImageValues("accuracy", np.asarray(values, float)[:, None], ("all",))


@pytest.fixture
def attributes():
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 3)) < [0.5, 0.2, 0.1]).astype(np.int8)
    labels[rng.random((300, 3)) < 0.1] = -1
    a = rng.normal(size=(300, 3)) + 2 * labels - 1
    return labels, a, a + rng.normal(0, 0.6, (300, 3))


def test_values_average_to_the_metric(attributes):
    labels, logits, _ = attributes
    rng = np.random.default_rng(1)
    race = Classes("race", ("x", "y", "z"))
    classes = rng.choice([-1, 0, 1, 2], 90, p=[0.1, 0.5, 0.3, 0.1]).astype(np.int16)
    age = Scalar("age", "years", 0, 116)
    years = np.where(rng.random(90) < 0.1, np.nan, rng.uniform(0, 90, 90))
    points = Landmarks("points", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES)
    shapes = rng.uniform(0, 100, (90, 5, 2))
    shapes[:9, 2] = np.nan
    cases = (
        (ATTRIBUTES, logits, labels),
        (race, rng.normal(size=(90, 3)), classes),
        (age, np.nan_to_num(years) + rng.normal(0, 6, 90), years),
        (points, np.nan_to_num(shapes) + 3, shapes),
    )
    for task, predictions, truth in cases:
        scores = score(task, predictions, truth)
        for metric in PAIRED[task.kind]:
            held = per_image(task, predictions, truth, metric)
            columns = np.nanmean(held.values, axis=0)
            names = np.array(held.names)
            parts = [columns[names == name].mean() for name in dict.fromkeys(held.names)]
            assert np.mean(parts) == pytest.approx(scores[metric]), (task.kind, metric)


def test_agrees_with_a_plain_loop_of_draws(attributes):
    labels, a, b = attributes
    for metric in ("accuracy", "mA"):
        found = paired_bootstrap(
            per_image(ATTRIBUTES, a, labels, metric), per_image(ATTRIBUTES, b, labels, metric)
        )
        difference = [score(ATTRIBUTES, x, labels)[metric] for x in (a, b)]
        assert found.mean.value == pytest.approx(difference[0] - difference[1])
        rng = np.random.default_rng(5)
        draws = []
        for _ in range(400):
            chosen = rng.integers(0, 300, 300)
            rates = []
            for said in (a[chosen] > 0, b[chosen] > 0):
                t = labels[chosen]
                right = said == (t == 1)
                if metric == "accuracy":
                    rates.append(np.mean([right[t[:, k] >= 0, k].mean() for k in range(3)]))
                else:
                    rates.append(
                        np.mean([right[t[:, k] == y, k].mean() for k in range(3) for y in (0, 1)])
                    )
            draws.append(rates[0] - rates[1])
        low, high = np.quantile(draws, [0.025, 0.975])
        width = high - low
        assert found.mean.low == pytest.approx(low, abs=0.15 * width)
        assert found.mean.high == pytest.approx(high, abs=0.15 * width)
        assert list(found.each) == ["a", "b", "c"]
        assert found.images == found.units == (labels >= 0).any(1).sum()


def test_agrees_with_normal_theory():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.1, 1, 500), rng.normal(0, 1, 500)
    found = paired_bootstrap(single(a), single(b)).mean
    error = (a - b).std() / np.sqrt(500)
    assert found.value == pytest.approx((a - b).mean())
    assert found.low == pytest.approx((a - b).mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx((a - b).mean() + 1.96 * error, abs=0.1 * error)
    # The normal two-sided p of the same difference, from a table of the error function.
    expected = erfc(abs(found.value) / error / sqrt(2))
    assert 0.01 < expected < 0.9
    assert found.p == pytest.approx(expected, abs=0.02)


def test_agrees_with_the_paired_bootstrap_of_scipy():
    rng = np.random.default_rng(3)
    a = rng.gamma(2, 3, 300)
    b = a + rng.gamma(1, 2, 300) - 2.2
    found = paired_bootstrap(single(a), single(b)).mean
    theirs = stats.bootstrap(
        (a, b),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.low == pytest.approx(theirs.low, abs=0.04 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.04 * width)


def test_where_seeds_matter_most_it_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    b = rng.random((4, 500))
    a = b + np.array([0.02, 0.05, 0.03, 0.06])[:, None]
    found = paired_bootstrap([single(one) for one in a], [single(one) for one in b]).mean
    theirs = stats.ttest_rel(a.mean(1), b.mean(1))
    low, high = theirs.confidence_interval(0.95)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.002)
    assert found.value == pytest.approx(0.04)
    assert found.std == pytest.approx((a - b).mean(1).std(ddof=1))


def test_where_seeds_agree_it_is_the_bootstrap_over_images():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 300)) < 0.7
    one = paired_bootstrap(single(a), single(b)).mean
    three = paired_bootstrap([single(a)] * 3, [single(b)] * 3).mean
    assert (three.low, three.high, three.p) == (one.low, one.high, one.p)
    assert (one.std, three.std) == (None, 0)


def test_few_seeds_are_not_taken_for_the_world():
    # Nothing but seeds differs. Intervals over drawn seeds would hold in 79 of 100 cases.
    rng = np.random.default_rng(0)
    images = rng.normal(0, 0.02, 60)
    held = 0
    for _ in range(200):
        a = [single(images + luck) for luck in rng.normal(0, 1, 3)]
        found = paired_bootstrap(a, [single(np.zeros(60))] * 3, resamples=400).mean
        held += found.low <= 0 <= found.high
    assert 0.91 <= held / 200 <= 0.99


def test_images_count_beside_seeds():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, 200)
    a = [single(image + luck) for luck in (0.0, 0.05, 0.1)]
    found = paired_bootstrap(a, [single(np.zeros(200))] * 3).mean
    alone = paired_bootstrap(a[1], single(np.zeros(200))).mean
    assert found.high - found.low > alone.high - alone.low


def test_the_far_tail_is_told_apart():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 100), rng.normal(0, 1, 100)
    found = paired_bootstrap(single(a), single(b)).mean
    theirs = stats.ttest_rel(a, b).pvalue
    assert 0 < found.p < 2 / 10_001
    assert np.log10(found.p) == pytest.approx(np.log10(theirs), abs=0.5)


def test_pairs_that_share_the_draws_are_as_if_alone(attributes):
    labels, a, b = attributes
    sides = {m: [per_image(ATTRIBUTES, x, labels, m) for x in (a, b)] for m in ("accuracy", "mA")}
    short = [single(x[:50, 0]) for x in (a, b)]
    pairs = [Pair([one], [other]) for one, other in (*sides.values(), short)]
    together = paired_bootstraps(pairs, resamples=300)
    for pair, found in zip(pairs, together, strict=True):
        assert found == paired_bootstrap(pair.a[0], pair.b[0], resamples=300)
    assert paired_bootstraps([]) == []


def test_no_difference_is_found_about_as_often_as_p_says():
    rng = np.random.default_rng(0)
    p = []
    for _ in range(200):
        a, b = rng.random((2, 150)) < 0.8
        p.append(paired_bootstrap(single(a), single(b), resamples=500).mean.p)
    assert 0.01 <= np.mean(np.array(p) < 0.05) <= 0.10


def test_sides_signs_and_bounds():
    a, b = np.ones(50), np.zeros(50)
    better = paired_bootstrap(single(a), single(b)).mean
    assert (better.value, better.low, better.high) == (1, 1, 1)
    assert better.p == pytest.approx(2 / 10_001)
    assert paired_bootstrap(single(b), single(a)).mean.value == -1
    equal = paired_bootstrap(single(a), single(a)).mean
    assert (equal.value, equal.low, equal.high, equal.p) == (0, 0, 0, 1)


def test_the_same_seed_gives_the_same_and_chunks_do_not_matter(monkeypatch, attributes):
    labels, a, b = attributes
    one, other = (per_image(ATTRIBUTES, x, labels, "mA") for x in (a, b))
    found = paired_bootstrap(one, other, resamples=300)
    assert found == paired_bootstrap(one, other, resamples=300)
    assert found != paired_bootstrap(one, other, resamples=300, seed=1)
    monkeypatch.setattr("farbench.scoring.paired._CHUNK", 1000)
    again = paired_bootstrap(one, other, resamples=300)
    assert again.mean.low == pytest.approx(found.mean.low, abs=0.02)
    assert again.mean.value == found.mean.value


def test_clusters_widen_the_interval_of_repeated_images():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 100)) < 0.7
    people = np.arange(100)
    alone = paired_bootstrap(single(a), single(b)).mean
    tenfold = [single(np.repeat(x, 10)) for x in (a, b)]
    clustered = paired_bootstrap(*tenfold, clusters=np.repeat(people, 10))
    assert clustered.units == 100
    assert clustered.mean == alone  # ten copies of each image tell no more than one
    naive = paired_bootstrap(*tenfold).mean
    assert naive.high - naive.low < 0.5 * (alone.high - alone.low)
    unknown = paired_bootstrap(*tenfold, clusters=np.full(1000, -1))
    assert unknown.units == 1000
    assert unknown.mean.low == pytest.approx(naive.low, abs=0.01)


def test_what_nothing_defines_is_none():
    labels = np.array([[1, -1, 1], [0, -1, 1], [1, -1, 1], [0, -1, 1]], np.int8)
    a = np.ones((4, 3))
    found = paired_bootstrap(
        per_image(ATTRIBUTES, a, labels, "mA"), per_image(ATTRIBUTES, -a, labels, "mA")
    )
    assert found.each["b"] is None
    assert found.each["c"] is None  # only one class: mA leaves it out
    assert found.each["a"].value == found.mean.value == 0
    accuracy = paired_bootstrap(per_image(ATTRIBUTES, a, labels), per_image(ATTRIBUTES, -a, labels))
    assert accuracy.each["c"].value == 1
    assert accuracy.mean.value == pytest.approx(0.5)
    nothing = per_image(ATTRIBUTES, a, np.full_like(labels, -1))
    assert paired_bootstrap(nothing, nothing).mean is None


def test_holm_by_hand():
    # Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.6 x 1; never below the one before.
    assert holm([0.03, 0.01, 0.6, 0.02]) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_what_cannot_be_compared_is_refused(attributes):
    labels, a, b = attributes
    one = per_image(ATTRIBUTES, a, labels)
    with pytest.raises(ValueError, match="one metric"):
        paired_bootstrap(one, per_image(ATTRIBUTES, b, labels, "mA"))
    changed = labels.copy()
    changed[0, 0] = -1 if labels[0, 0] >= 0 else 1
    with pytest.raises(ValueError, match="same known labels"):
        paired_bootstrap(one, per_image(ATTRIBUTES, b, changed))
    with pytest.raises(ValueError, match="same seeds"):
        paired_bootstrap([one, one], [one])
    with pytest.raises(UserError, match=r"'f1'.*accuracy, mA"):
        per_image(ATTRIBUTES, a, labels, "f1")
    with pytest.raises(UserError, match="identity"):
        per_image(Identity("identity"), a, labels[:, 0])


def test_forty_attributes_of_two_thousand_images_take_no_time():
    rng = np.random.default_rng(0)
    task = BinaryAttributes("attributes", tuple(map(str, range(40))))
    labels = (rng.random((2000, 40)) < 0.3).astype(np.int8)
    a, b = (per_image(task, rng.normal(size=(2000, 40)), labels) for _ in range(2))
    started = time.process_time()
    paired_bootstrap(a, b)
    assert time.process_time() - started < 5  # about 0.4; the room is for busy machines
