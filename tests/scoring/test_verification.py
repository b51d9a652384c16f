"""Verification against scikit-learn, plain loops, and cases counted by hand."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from farbench.scoring.identity import draw_pairs, score_identity


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 60, 400).astype(np.int32)
    embeddings = (rng.normal(size=(60, 8))[labels] + 0.9 * rng.normal(size=(400, 8))).astype(
        np.float32
    )
    labels[rng.random(400) < 0.1] = -1
    return embeddings, labels


def alike(embeddings, pairs):
    values = []
    for a, b, _ in pairs:
        x, y = embeddings[a].astype(float), embeddings[b].astype(float)
        values.append(float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)))
    return np.array(values)


def test_pairs_are_balanced_distinct_right_and_the_same_each_time(drawn):
    _, labels = drawn
    pairs = draw_pairs(labels)
    assert pairs.tolist() == draw_pairs(labels).tolist()
    same = pairs[:, 2] == 1
    every_same = [
        {a, b}
        for a, b in itertools.combinations(range(len(labels)), 2)
        if labels[a] == labels[b] >= 0
    ]
    assert same.sum() == (~same).sum() == len(every_same)  # fewer than the limit: all of them
    assert {frozenset(p) for p in pairs[same, :2].tolist()} == set(map(frozenset, every_same))
    assert len({frozenset(p) for p in pairs[:, :2].tolist()}) == len(pairs)
    assert (labels[pairs[:, :2]] >= 0).all()
    assert ((labels[pairs[:, 0]] == labels[pairs[:, 1]]) == same).all()
    few = draw_pairs(labels, limit=50)
    assert len(few) == 100
    assert len({frozenset(p) for p in few[:, :2].tolist()}) == 100


def test_drawn_pairs_are_frozen():
    pairs = draw_pairs(np.arange(40) // 4, limit=3)
    assert pairs.tolist() == [
        [34, 35, 1], [32, 39, 0], [30, 31, 1], [0, 13, 0], [28, 31, 1], [11, 15, 0]
    ]  # fmt: skip


def test_the_order_of_pairs_that_are_all_taken_is_frozen():
    pairs = draw_pairs(np.arange(6) // 2)
    assert pairs.tolist() == [
        [4, 5, 1], [0, 2, 0], [2, 3, 1], [1, 3, 0], [0, 1, 1], [0, 5, 0]
    ]  # fmt: skip


def test_every_pair_is_as_likely():
    size = np.array([100, 200, 500])
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], size))
    pairs = draw_pairs(labels)
    assert len(pairs) == 12_000
    people = np.sort(labels[pairs[:, :2]], axis=1)
    same = pairs[:, 2] == 1
    shares = np.bincount(people[same, 0]) / 6000
    assert shares == pytest.approx(size * (size - 1) / (size * (size - 1)).sum(), abs=0.02)
    between = np.array([100 * 200, 100 * 500, 200 * 500])  # 0 and 1, 0 and 2, 1 and 2
    shares = np.bincount(people[~same].sum(1))[1:] / 6000
    assert shares == pytest.approx(between / between.sum(), abs=0.02)
    # Within one person, no image is preferred.
    twice = np.bincount(pairs[same & (people[:, 0] == 2), :2].ravel(), minlength=800)
    first, second = np.array_split(twice[labels == 2], 2)
    assert first.sum() == pytest.approx(second.sum(), rel=0.05)


def test_agrees_with_sklearn(drawn):
    embeddings, labels = drawn
    scores = score_identity(embeddings, labels)
    pairs = draw_pairs(labels)
    values, same = alike(embeddings, pairs), pairs[:, 2]
    assert scores["images"] == (labels >= 0).sum() < 400
    assert scores["pairs"] == len(pairs)
    assert scores["auc"] == pytest.approx(roc_auc_score(same, values))
    far, tar, _ = roc_curve(same, values, drop_intermediate=False)
    assert scores["tar_at_far_1e-2"] == pytest.approx(tar[far <= 0.01].max())
    assert scores["tar_at_far_1e-3"] == pytest.approx(tar[far <= 0.001].max())
    assert scores["tar_at_far_1e-3"] < scores["tar_at_far_1e-2"] < scores["auc"] < 1
    steps = np.linspace(0, 1, 100001)
    crossing = np.abs(np.interp(steps, far, tar) - (1 - steps)).argmin()
    assert scores["eer"] == pytest.approx(steps[crossing], abs=2e-3)


@pytest.mark.parametrize("given", [True, False])
def test_verification_accuracy_by_a_plain_loop(drawn, given):
    embeddings, labels = drawn
    if given:
        pairs = draw_pairs(labels, limit=100)
        pairs = pairs[np.random.default_rng(0).permutation(len(pairs))]
        folds = np.split(np.arange(200), 10)
    else:
        embeddings, labels = embeddings[:100], labels[:100]
        pairs = draw_pairs(labels)
        dealt = np.arange(0, len(pairs), 2)  # same, different, same, different: two at a time
        folds = [np.concatenate([dealt[k::10], dealt[k::10] + 1]) for k in range(10)]
    values, same = alike(embeddings, pairs), pairs[:, 2] == 1
    rates = []
    for held in folds:
        rest = np.setdiff1d(np.arange(len(pairs)), held)
        ordered = np.sort(values[rest])
        cuts = [-np.inf, *((ordered[1:] + ordered[:-1]) / 2), np.inf]
        right = [((values[rest] > cut) == same[rest]).mean() for cut in cuts]
        best = cuts[int(np.argmax(right))]
        rates.append(((values[held] > best) == same[held]).mean())
    scores = score_identity(embeddings, labels, pairs if given else None)
    assert scores["verification_accuracy"] == pytest.approx(np.mean(rates))
    assert 0.5 < scores["verification_accuracy"] < 1


def test_given_pairs_are_folds_in_their_order():
    # One image against itself is alike; the first tenth of the pairs is labelled the other way
    # round. A threshold from the other nine tenths is wrong on all of it: 9 of 10 folds right.
    embeddings = np.array([[1, 0], [0, 1]], np.float32)
    pairs = np.array(10 * [[0, 0, 1], [0, 1, 0]])
    pairs[:2, 2] = [0, 1]
    assert score_identity(embeddings, np.array([0, 1]), pairs)["verification_accuracy"] == 0.9


@pytest.mark.parametrize("pairs", [
    18 * [[0, 1, 1]] + 2 * [[0, 0, 0]],  # "same" to all is best: even of the least alike
    18 * [[0, 0, 0]] + 2 * [[0, 1, 1]],  # "different" to all is best: even of the most alike
])  # fmt: skip
def test_where_one_answer_to_all_is_best_it_is_given(pairs):
    embeddings = np.array([[1, 0], [0, 1]], np.float32)
    scores = score_identity(embeddings, np.array([0, 1]), np.array(pairs))
    assert scores["verification_accuracy"] == 0.9


def test_of_thresholds_that_are_right_as_often_the_lowest_is_taken():
    # With the first or second fold held, the rest has one "same" and one "different" at the top:
    # all "different" is right as often there, and wrong on the one that is held.
    embeddings = np.array([[1, 0], [0, 1]], np.float32)
    apart = [0, 1, 0]
    pairs = [[0, 0, 1], apart, [1, 1, 1], apart, [0, 0, 0], apart, *(14 * [apart])]
    scores = score_identity(embeddings, np.array([0, 1]), np.array(pairs))
    assert scores["verification_accuracy"] == 0.95


def test_perfect_worst_and_undecided():
    labels = np.repeat(np.arange(5), 4)
    perfect = score_identity(np.eye(5, dtype=np.float32)[labels], labels)
    for metric in ("verification_accuracy", "auc"):
        assert perfect[metric] == 1.0
    assert perfect["eer"] == 0.0
    assert perfect["tar_at_far_1e-2"] is None  # 30 different pairs cannot show 1%
    pairs = draw_pairs(labels)
    pairs[:, 2] = 1 - pairs[:, 2]
    worst = score_identity(np.eye(5, dtype=np.float32)[labels], labels, pairs)
    assert (worst["auc"], worst["eer"]) == (0.0, 1.0)
    undecided = score_identity(np.zeros((20, 3), np.float32), labels)
    assert (undecided["auc"], undecided["eer"]) == (0.5, 0.5)
    assert undecided["verification_accuracy"] == 0.5


def test_the_equal_error_rate_lies_between_two_points():
    # Accepted from the most alike on: 2 of 5 same and 1 of 5 different, then 2 and 3, then 1 and 1.
    # Misses fall from 60 to 20%, false accepts rise from 20 to 80%: they meet at 44%.
    embeddings = np.array([[1, 0], [1, 1], [0, 1]], np.float32)
    levels = [2 * [[0, 0, 1]] + [[0, 0, 0]], 2 * [[0, 1, 1]] + 3 * [[0, 1, 0]]]
    pairs = np.array([*levels[0], *levels[1], [0, 2, 1], [0, 2, 0]])
    assert score_identity(embeddings, np.arange(3), pairs)["eer"] == pytest.approx(0.44)


def test_the_length_of_an_embedding_does_not_matter(drawn):
    embeddings, labels = drawn
    lengths = np.random.default_rng(1).uniform(0.001, 1, (len(embeddings), 1))
    shorter = score_identity(embeddings * lengths, labels)
    assert shorter == pytest.approx(score_identity(embeddings, labels))


def test_enough_different_pairs_for_each_rate():
    labels = np.repeat(np.arange(10), 5)  # 100 same pairs
    embeddings = np.eye(10, dtype=np.float32)[labels]
    scores = score_identity(embeddings, labels)
    assert (scores["tar_at_far_1e-2"], scores["tar_at_far_1e-3"]) == (1.0, None)


def test_a_rate_reached_exactly_is_allowed():
    # Images 0 and 1 are one direction, 2 stands across: 1 of 100 different pairs is alike.
    embeddings = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    pairs = np.array(4 * [[0, 1, 1]] + [[1, 0, 0]] + 99 * [[0, 2, 0]])
    assert score_identity(embeddings, np.arange(3), pairs)["tar_at_far_1e-2"] == 1.0
    pairs = np.array(4 * [[0, 1, 1]] + 2 * [[1, 0, 0]] + 99 * [[0, 2, 0]])
    assert score_identity(embeddings, np.arange(3), pairs)["tar_at_far_1e-2"] == 0.0


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 0, 1, 2], [0, 0, 0, 0], [-1, -1, -1, -1]])
def test_nothing_to_verify_gives_null(labels):
    scores = score_identity(np.eye(4, dtype=np.float32), np.array(labels))
    assert scores["pairs"] == 0
    assert draw_pairs(np.array(labels)).shape == (0, 3)
    for metric in ("verification_accuracy", "auc", "eer", "tar_at_far_1e-2", "tar_at_far_1e-3"):
        assert scores[metric] is None


@pytest.mark.parametrize("pairs", [4 * [[0, 1, 1]] + [[0, 2, 0]], 4 * [[0, 2, 0]] + [[0, 1, 1]]])
def test_a_single_pair_of_a_kind_gives_null(pairs):
    scores = score_identity(np.eye(3, dtype=np.float32), np.array([0, 0, 1]), np.array(pairs))
    assert scores["pairs"] == 5
    assert scores["verification_accuracy"] is scores["auc"] is scores["eer"] is None


def test_two_people_with_two_images_are_enough():
    embeddings = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
    scores = score_identity(embeddings, np.array([7, 7, 3, 3]))
    assert (scores["pairs"], scores["auc"], scores["verification_accuracy"]) == (4, 1.0, 1.0)


def test_wrong_input_is_refused():
    embeddings, labels = np.ones((4, 2), np.float32), np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="not among the 4"):
        score_identity(embeddings, labels, np.array([[0, 4, 1]]))
    with pytest.raises(ValueError, match="third column"):
        score_identity(embeddings, labels, np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match=r"must be \(M, 3\)"):
        score_identity(embeddings, labels, np.array([[0, 1, 1, 1]]))
    for shape in ((2,), (3, 2), (4, 2, 1)):
        with pytest.raises(ValueError, match=r"must be \(N, D\)"):
            score_identity(np.ones(shape, np.float32), labels)
    with pytest.raises(ValueError, match="NaN"):
        score_identity(embeddings * np.nan, labels)
