"""McNemar's test against scipy, statsmodels and a plain count of all signs."""

import itertools

import numpy as np
import pytest
from scipy import stats

from farbench.scoring.mcnemar import mcnemar, sign_test
from farbench.scoring.paired import holm
from farbench.scoring.per_image import ImageValues

COUNTS = [(1, 0), (5, 1), (3, 3), (20, 9), (30, 0), (300, 350), (4000, 3800)]


def values(right):
    return ImageValues("accuracy", np.asarray(right, float)[:, None], ("all",))


def discordant(only_a, only_b):
    """Return two networks that disagree so often, and agree on some images."""
    a = [1] * only_a + [0] * only_b + [1, 0, 1]
    b = [0] * only_a + [1] * only_b + [1, 0, 1]
    return values(a), values(b)


@pytest.mark.parametrize(("only_a", "only_b"), COUNTS)
def test_the_exact_p_is_that_of_scipy_and_the_mid_p_is_as_published(only_a, only_b):
    signs = np.r_[np.ones(only_a, int), -np.ones(only_b, int), 0, 0]
    n, least = only_a + only_b, min(only_a, only_b)
    assert sign_test(signs, mid=False) == pytest.approx(stats.binomtest(least, n).pvalue)
    # Fagerland, Lydersen and Laake 2013, equation 4.
    exact, at = 2 * stats.binom.cdf(least, n, 0.5), stats.binom.pmf(least, n, 0.5)
    mid = exact - at if only_a != only_b else 1 - at / 2
    (found,) = mcnemar(*([one] for one in discordant(only_a, only_b))).values()
    assert found.p == pytest.approx(mid)
    assert (found.only_a, found.only_b) == (only_a, only_b)


@pytest.mark.parametrize(("only_a", "only_b"), COUNTS)
def test_agrees_with_statsmodels(only_a, only_b):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    theirs = tables.mcnemar([[7, only_a], [only_b, 9]], exact=True).pvalue
    signs = np.r_[np.ones(only_a, int), -np.ones(only_b, int)]
    assert sign_test(signs, mid=False) == pytest.approx(theirs)


def test_holm_agrees_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(0).random(50) ** 3
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_weighted_signs_against_all_of_them():
    sizes = np.array([3, 1, -2, 4, 1, -1, 5, 2])
    sums = [abs(np.dot(signs, sizes)) for signs in itertools.product((1, -1), repeat=8)]
    observed = abs(sizes.sum())
    beyond, at = np.mean(np.array(sums) > observed), np.mean(np.array(sums) == observed)
    assert sign_test(sizes) == pytest.approx(beyond + at / 2)
    assert sign_test(sizes, mid=False) == pytest.approx(beyond + at)


def test_rounding_takes_no_p_above_one():
    for count in range(1, 60):
        assert sign_test(np.array(count * [1, -1]), mid=False) <= 1.0


def test_nothing_discordant_says_nothing():
    assert sign_test(np.zeros(5, int)) == 1
    assert sign_test(np.zeros(0, int)) == 1


def test_the_mid_p_is_false_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p = [sign_test(rng.choice([-1, 1], 25)) for _ in range(2000)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.065


def test_repeated_images_of_a_person_tell_no_more_than_one():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 60)) < 0.7
    (alone,) = mcnemar([values(a)], [values(b)]).values()
    tenfold = [[values(np.repeat(x, 10))] for x in (a, b)]
    (clustered,) = mcnemar(*tenfold, np.repeat(np.arange(60), 10)).values()
    assert clustered.p == pytest.approx(alone.p)
    assert clustered.only_a == 10 * alone.only_a
    (naive,) = mcnemar(*tenfold).values()
    assert naive.p < alone.p
    (unknown,) = mcnemar(*tenfold, np.full(600, -1)).values()
    assert unknown.p == naive.p


def test_seeds_are_predictions_of_the_same_images():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 80)) < 0.7
    (alone,) = mcnemar([values(a)], [values(b)]).values()
    (three,) = mcnemar([values(a)] * 3, [values(b)] * 3).values()
    assert three.p == pytest.approx(alone.p)
    assert three.only_a == 3 * alone.only_a


def test_unknown_labels_and_several_names():
    nan = np.nan
    a = ImageValues("accuracy", np.array([[1, nan], [1, 1], [1, 0], [0, nan]]), ("x", "y"))
    b = ImageValues("accuracy", np.array([[0, nan], [1, 0], [0, 0], [1, nan]]), ("x", "y"))
    found = mcnemar([a], [b])
    assert (found["x"].only_a, found["x"].only_b) == (2, 1)
    assert (found["y"].only_a, found["y"].only_b, found["y"].p) == (1, 0, 0.5)
