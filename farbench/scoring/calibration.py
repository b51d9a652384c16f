"""How far predicted probabilities are from what happens: reliability bins, their error, Brier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.numbers import ratio

BINS = 15
"""As Guo et al. (2017) and most papers since."""


@dataclass(frozen=True)
class Reliability:
    """What was predicted and what happened, bin by bin.

    Attributes:
        images: ``(B,)``, images in each bin.
        predicted: ``(B,)``, their mean probability; NaN in an empty bin.
        observed: ``(B,)``, the share of them in which it happened; NaN in an empty bin.
    """

    images: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error: mean distance of the two, by images; NaN of none."""
        distance = np.abs(np.nan_to_num(self.predicted - self.observed))
        return float(ratio((self.images * distance).sum(), self.images.sum()))


def reliability(probability: NDArray[Any], happened: NDArray[Any]) -> Reliability:
    """Sort images into equally wide bins by their probability, count what happened in each.

    Of an attribute, the probability is that of "yes" and what happened is a label "yes" (Naeini
    et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015). Of
    exclusive classes, it is the largest probability, and what happened is that this class is the
    label (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, Eq. 3). That
    attributes are counted by the probability of "yes", from 0 to 1, and not by the confidence of
    the answer, from 0.5 to 1, is this project's reading: with confidences, a network that says
    "yes" too often can be wrong in "yes" and in "no" by as much and come out at 0.

    Args:
        probability: ``(N,)``, from 0 to 1.
        happened: ``(N,)``, true or false.

    Returns:
        Of ``BINS`` bins. A bin holds what is above its lower edge and up to its upper one; 0 is in
        the first.
    """
    probability = np.asarray(probability, np.float64)
    happened = np.asarray(happened, np.float64)
    inner = np.arange(1, BINS) / BINS
    number = np.searchsorted(inner, probability, side="left")
    images = np.bincount(number, minlength=BINS)
    return Reliability(
        images,
        ratio(np.bincount(number, probability, BINS), images),
        ratio(np.bincount(number, happened, BINS), images),
    )


def probability_of_yes(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the sigmoid of stored logits, of the same shape."""
    # The tangent does not overflow at the largest stored logit, as the exponential does.
    return 0.5 * (1 + np.tanh(np.asarray(logits, np.float64) / 2))


def class_probabilities(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the softmax of stored logits ``(N, C)``."""
    shifted = np.asarray(logits, np.float64)
    shifted = np.exp(shifted - shifted.max(1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(1, keepdims=True)
    return result


def attribute_calibration(
    logits: NDArray[Any], targets: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the calibration error and the Brier score of each attribute.

    The Brier score of an attribute is the mean squared distance of the probability of "yes" from
    the label, 1 or 0, as scikit-learn has it (Brier, Verification of Forecasts Expressed in Terms
    of Probability, Monthly Weather Review 78, 1950, counts "no" as well: twice as much).

    Args:
        logits: ``(N, A)``, the stored values.
        targets: ``(N, A)``; 1 yes, 0 no, -1 unknown.

    Returns:
        ``(A,)`` each; NaN where no label is known.
    """
    probability = probability_of_yes(logits)
    known, yes = targets >= 0, targets == 1
    error = [
        reliability(probability[known[:, a], a], yes[known[:, a], a]).error
        for a in range(targets.shape[1])
    ]
    squared = np.where(known, (probability - yes) ** 2, 0.0)
    return np.array(error, np.float64), ratio(squared.sum(0), known.sum(0))


def class_calibration(logits: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float]:
    """Return the calibration error of the top class and the Brier score.

    The Brier score is the mean over images of the squared distances summed over the classes, 0
    to 2, as Brier (1950) has it.

    Args:
        logits: ``(N, C)``, the stored values.
        labels: ``(N,)``, the class's number, all known.

    Returns:
        NaN each where there are no images.
    """
    if not len(labels):
        return float("nan"), float("nan")
    probability = class_probabilities(logits)
    top = probability.argmax(1)
    rows = np.arange(len(labels))
    error = reliability(probability[rows, top], top == labels).error
    probability[rows, labels] -= 1
    return error, float((probability**2).sum(1).mean())
