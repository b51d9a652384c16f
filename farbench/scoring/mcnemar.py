"""McNemar's test: do two networks err equally often on the same images?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.paired import by_cluster
from farbench.scoring.per_image import ImageValues


@dataclass(frozen=True)
class McNemar:
    """The outcome for one name.

    Attributes:
        only_a: How often a alone is right, over images and seeds.
        only_b: How often b alone is.
        p: Two-sided mid-p of "equally often".
    """

    only_a: int
    only_b: int
    p: float


def mcnemar(
    a: Sequence[ImageValues],
    b: Sequence[ImageValues],
    clusters: NDArray[Any] | None = None,
) -> dict[str, McNemar]:
    """Test each name of an accuracy: each attribute, or the task.

    Images that both networks, or neither, get right say nothing. Of the others each is as likely
    to speak for a as for b if both err equally often (McNemar, Psychometrika 12, 1947), so the
    count is binomial. The exact p of it is too careful, that of chi-square too bold where the
    count is small; the mid-p, which counts half of the probability of the outcome itself, is
    neither, at any count (Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13:91,
    2013). It is used throughout.

    Images of one person are not independent. With ``clusters``, what speaks for a minus what
    speaks for b is summed over each cluster, and it is the sign of that sum that is as likely + as
    -: the exact form of the test for clustered pairs (Durkalski, Palesch, Lipsitz and Rust,
    Statistics in Medicine 22, 2003), and McNemar's own where each image is a cluster. Several
    seeds are summed over in the same way, an image being the cluster of its predictions. The test
    speaks of these networks: of the luck of training it knows nothing (Dietterich, Neural
    Computation 10, 1998).

    Args:
        a: Values that are 1 (right), 0 (wrong) and NaN (unknown), one a seed.
        b: The other's, of the same images and seeds.
        clusters: ``(N,)``; an image below 0 is a cluster of its own.
    """
    rights = [np.nan_to_num(np.stack([one.values for one in side])) for side in (a, b)]
    for_a = np.rint(rights[0] - rights[1]).astype(np.int64)  # (S, N, K)
    net = for_a.sum(0)
    if clusters is not None:
        (net,) = by_cluster(np.asarray(clusters), net)
    only_a, only_b = (for_a > 0).sum((0, 1)), (for_a < 0).sum((0, 1))
    return {
        name: McNemar(int(only_a[k]), int(only_b[k]), sign_test(net[:, k]))
        for k, name in enumerate(a[0].names)
    }


def sign_test(values: NDArray[np.int64], *, mid: bool = True) -> float:
    """Return the two-sided p of whole numbers whose signs are as likely + as -.

    The statistic is their sum; its distribution over all signs is computed exactly.

    Args:
        values: ``(N,)``; zeros say nothing.
        mid: Half of the probability of the outcome itself (mid-p), not all of it (exact).
    """
    if not values.any():
        return 1.0
    observed = abs(int(values.sum()))
    sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
    # Of the sum divided by 2, shifted so that all minus is 0: each + adds its size.
    chances = np.ones(1)
    for size, count in zip(sizes, counts, strict=True):
        spaced = np.zeros(int(size) * int(count) + 1)
        spaced[:: int(size)] = _coin_tosses(int(count))
        chances = np.convolve(chances, spaced)
    sums = np.abs(2 * np.arange(len(chances)) - (len(chances) - 1))
    beyond, at = chances[sums > observed].sum(), chances[sums == observed].sum()
    return float(min(1.0, beyond + (at / 2 if mid else at)))


def _coin_tosses(count: int) -> NDArray[np.float64]:
    """Return the probabilities of 0 to ``count`` heads."""
    ways = np.array([lgamma(k + 1) + lgamma(count - k + 1) for k in range(count + 1)])
    return np.exp(lgamma(count + 1) - ways - count * log(2))
