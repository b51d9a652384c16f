"""Metrics of identity: verification of pairs of images by their embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.catalogue import METRIC_VERSION, METRICS
from farbench.scoring.numbers import refuse_not_finite

PAIRS = 6000
"""At most so many pairs of one person, and as many of two people, are verified."""

FOLDS = 10
"""Parts that the pairs are cut into for ``verification_accuracy``."""

Pairs = NDArray[np.int64]
"""``(M, 3)``: positions of two images, and 1 where they show one person, else 0."""


def score_identity(
    embeddings: NDArray[Any], labels: NDArray[Any], pairs: NDArray[Any] | None = None
) -> dict[str, Any]:
    """Score embeddings by verification: are two images of one person?

    Two images are as alike as the cosine of their embeddings (0 for an embedding of zeros).

    ``verification_accuracy`` follows LFW (Huang et al., Labeled Faces in the Wild, 2007, view 2):
    the pairs are cut into ten folds; for each, the threshold with the best accuracy on the other
    nine is used on it; the mean of the ten. LFW's folds share no person, those of drawn pairs may:
    they are folds of pairs. ``tar_at_far_x`` is the largest share of same pairs accepted at a
    threshold where at most a share x of the different ones is; None with fewer than 1 / x
    different pairs. ``eer`` is interpolated linearly on the ROC curve.

    Args:
        embeddings: ``(N, D)``, as stored.
        labels: ``(N,)``, the identity's number, or -1 where unknown.
        pairs: ``(M, 3)``, pairs of a published protocol (see ``Pairs``), fold after fold: each
            tenth in the given order is one fold. Without them :func:`draw_pairs` makes them, and
            they are dealt to folds in their drawn order, same and different apart.

    Returns:
        Every metric of the kind; all None where there are no two same and two different pairs:
        drawing needs two identities with two images each. Beside them ``pairs`` (how many were
        verified), ``metric_version`` and ``images`` (those with a known identity).

    Raises:
        ValueError: Shapes disagree, an embedding is not finite, or a pair names no image.
    """
    embeddings, labels = np.asarray(embeddings), np.asarray(labels)
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"embeddings {embeddings.shape} must be (N, D) and labels {labels.shape} (N,)"
        )
    refuse_not_finite(embeddings, "values of embeddings")
    if pairs is None:
        chosen = draw_pairs(labels)
        # Drawn pairs come as same, different, same, different: deal them out two at a time.
        fold = np.arange(len(chosen)) // 2 % FOLDS
    else:
        chosen = _checked(pairs, len(embeddings))
        fold = np.arange(len(chosen)) * FOLDS // max(len(chosen), 1)
    same = chosen[:, 2] == 1
    scores: dict[str, Any] = {
        "metric_version": METRIC_VERSION,
        "images": int((labels >= 0).sum()),
        "pairs": len(chosen),
        **dict.fromkeys(METRICS["identity"]),
    }
    if min(same.sum(), (~same).sum()) < 2:
        return scores
    alike = _cosine(embeddings, chosen)
    far, tar = _roc(alike, same)
    scores["verification_accuracy"] = _by_folds(alike, same, fold)
    scores["auc"] = float((np.diff(far) * (tar[1:] + tar[:-1]) / 2).sum())
    scores["eer"] = _equal_error_rate(far, tar)
    for share, name in ((0.01, "tar_at_far_1e-2"), (0.001, "tar_at_far_1e-3")):
        if share * (~same).sum() >= 1:
            scores[name] = float(tar[far <= share].max())
    return scores


def draw_pairs(labels: NDArray[Any], limit: int = PAIRS) -> Pairs:
    """Return as many pairs of one person as of two people, from the labels alone.

    Each half is drawn evenly from all such pairs of images, without repetition; all are taken
    where there are no more than are wanted. NumPy's frozen ``RandomState`` with a fixed seed makes
    the draw the same on every machine and under every version.

    Args:
        labels: ``(N,)``, the identity's number, or -1 where unknown.
        limit: The most pairs of each half.

    Returns:
        ``(M, 3)`` in drawn order, same and different by turns; empty where fewer than two
        identities have two images.
    """
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    _, first, size = np.unique(labels[order], return_index=True, return_counts=True)
    if (size >= 2).sum() < 2:
        return np.empty((0, 3), np.int64)
    # Sorted by identity, an image's later partners are first its own person, then all others.
    place = np.arange(len(order))
    end = np.repeat(first + size, size)
    own, other = end - place - 1, len(order) - end
    wanted = min(limit, int(own.sum()), int(other.sum()))
    random = np.random.RandomState(0)
    pairs = np.empty((2 * wanted, 3), np.int64)
    for half, (counts, start) in enumerate(((own, place + 1), (other, end))):
        upto = np.cumsum(counts)
        number = _distinct(random, int(upto[-1]), wanted)
        a = np.searchsorted(upto, number, side="right")
        b = start[a] + number - (upto - counts)[a]
        pairs[half::2] = np.stack([order[a], order[b], np.full(wanted, 1 - half)], axis=1)
    return pairs


def _distinct(random: np.random.RandomState, total: int, wanted: int) -> NDArray[np.int64]:
    """Draw distinct whole numbers below ``total`` in random order, without listing them all."""
    if total == wanted:
        return random.permutation(total).astype(np.int64)
    drawn = np.empty(0, np.int64)
    while len(drawn) < wanted:
        more = random.randint(0, total, wanted, dtype=np.int64)
        drawn = np.unique(np.concatenate([drawn, more]))
    return random.permutation(drawn)[:wanted]


def _checked(pairs: NDArray[Any], images: int) -> Pairs:
    pairs = np.asarray(pairs, np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 3:
        raise ValueError(f"pairs {pairs.shape} must be (M, 3)")
    if not ((pairs[:, :2] >= 0) & (pairs[:, :2] < images)).all():
        raise ValueError(f"a pair names an image that is not among the {images}")
    if not np.isin(pairs[:, 2], (0, 1)).all():
        raise ValueError("the third column of pairs must be 1 (one person) or 0 (two)")
    return pairs


def _cosine(embeddings: NDArray[Any], pairs: Pairs) -> NDArray[np.float64]:
    norm = np.sqrt((embeddings.astype(np.float64) ** 2).sum(1, keepdims=True))
    unit = embeddings / np.where(norm > 0, norm, 1.0)
    return np.asarray((unit[pairs[:, 0]] * unit[pairs[:, 1]]).sum(1))


def _roc(
    alike: NDArray[np.float64], same: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of different and of same pairs accepted, from none to all of them."""
    order = np.argsort(-alike, kind="stable")
    last_of_equals = np.append(np.diff(alike[order]) != 0, True)
    accepted = np.cumsum(same[order])[last_of_equals]
    taken = np.flatnonzero(last_of_equals) + 1
    far = (taken - accepted) / (~same).sum()
    return np.append(0.0, far), np.append(0.0, accepted / same.sum())


def _equal_error_rate(far: NDArray[np.float64], tar: NDArray[np.float64]) -> float:
    gap = (1 - tar) - far  # falls from 1 to -1
    after = int(np.argmax(gap <= 0))
    before = after - 1
    part = gap[before] / (gap[before] - gap[after])
    return float(far[before] + part * (far[after] - far[before]))


def _by_folds(
    alike: NDArray[np.float64], same: NDArray[np.bool_], fold: NDArray[np.int64]
) -> float:
    """Return the mean accuracy over folds, the threshold of each set on the others."""
    rates = []
    for number in np.unique(fold):
        held = fold == number
        said = alike[held] > _best_threshold(alike[~held], same[~held])
        rates.append((said == same[held]).mean())
    return float(np.mean(rates))


def _best_threshold(alike: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the threshold above which "same" is right most often: the lowest of equals."""
    order = np.argsort(alike, kind="stable")
    values, truth = alike[order], same[order]
    # With the first c called different and the rest same, c from 0 to all:
    right = np.append(0, np.cumsum(~truth)) + np.append(np.cumsum(truth[::-1])[::-1], 0)
    cut = np.append(np.append(True, np.diff(values) > 0), True)
    best = int(np.argmax(np.where(cut, right, -1)))
    if best == 0:
        return -np.inf
    return float(values[-1] if best == len(values) else (values[best - 1] + values[best]) / 2)
