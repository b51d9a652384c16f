"""Which metrics each kind of task has, and what a table must know of them; quick to import."""

from __future__ import annotations

from dataclasses import dataclass

from farbench.errors import unknown_name

METRIC_VERSION = 1
"""Raised whenever a definition in this room changes: scores of two versions are never compared.

A metric that is added changes none: scores from before it lack it, and are as comparable as ever
(`farbench rescore` adds it to them).
"""

FAILURE = 0.08
"""The normalised error above which an image's landmarks count as missed (300-W)."""

WITHIN = 5
"""What a scalar's ``cs5`` allows, in the task's unit, border included."""


@dataclass(frozen=True)
class MetricInfo:
    """What a table must know of a metric.

    Attributes:
        name: Its key in ``metrics.json``.
        label: Its heading in tables.
        higher_is_better: Its direction.
        doc: One line that defines it.
        percent: Whether tables print the stored fraction times 100.
        decimals: Digits after the point, as printed.
        unit: What it is counted in; "" for a pure number, "{unit}" for the task's own unit
            (``info.unit.format(unit=task.unit)``: "years").
    """

    name: str
    label: str
    higher_is_better: bool
    doc: str
    percent: bool = True
    decimals: int = 2
    unit: str = ""


def _by_name(*infos: MetricInfo) -> dict[str, MetricInfo]:
    return {info.name: info for info in infos}


METRICS: dict[str, dict[str, MetricInfo]] = {
    "attributes": _by_name(
        MetricInfo(
            "accuracy",
            "Accuracy",
            True,
            "Mean over attributes of the share of known labels that are met (logit > 0 is yes).",
        ),
        MetricInfo(
            "mA",
            "mA",
            True,
            "Mean over attributes of (TPR + TNR) / 2; attributes with one class are left out.",
        ),
        MetricInfo(
            "f1",
            "F1",
            True,
            "Mean over attributes of the F1 of 'yes'; left out where nothing is or is called yes.",
        ),
        MetricInfo(
            "precision",
            "Precision",
            True,
            "Mean over attributes of TP / (TP + FP); 0 where positives exist and none is called.",
        ),
        MetricInfo(
            "recall",
            "Recall",
            True,
            "Mean over attributes of TP / (TP + FN); attributes without positives are left out.",
        ),
        MetricInfo(
            "average_precision",
            "AP",
            True,
            "Mean over attributes of the area under precision-recall, as a step function; "
            "attributes without positives are left out.",
        ),
        MetricInfo(
            "ece",
            "ECE",
            False,
            "Mean over attributes of the expected calibration error: how far the predicted "
            "probability of 'yes' is from the share of yes, in 15 bins of equal width.",
        ),
        MetricInfo(
            "brier",
            "Brier",
            False,
            "Mean over attributes of the mean squared distance of the probability of 'yes' from "
            "the label.",
            percent=False,
            decimals=4,
        ),
    ),
    "classes": _by_name(
        MetricInfo(
            "accuracy", "Accuracy", True, "Share of images whose class is met (largest logit)."
        ),
        MetricInfo(
            "balanced_accuracy",
            "Balanced accuracy",
            True,
            "Mean over the classes present of the share of their images that are met.",
        ),
        MetricInfo(
            "f1",
            "F1",
            True,
            "Mean over classes of F1; classes that neither occur nor are called are left out.",
        ),
        MetricInfo(
            "precision",
            "Precision",
            True,
            "Mean over classes of TP / (TP + FP); 0 where a class occurs and is never called.",
        ),
        MetricInfo(
            "recall",
            "Recall",
            True,
            "Mean over the classes present of TP / (TP + FN): the balanced accuracy.",
        ),
        MetricInfo(
            "ece",
            "ECE",
            False,
            "Expected calibration error: how far the largest probability is from the share of "
            "images whose class is met, in 15 bins of equal width.",
        ),
        MetricInfo(
            "brier",
            "Brier",
            False,
            "Mean over images of the squared distances of the classes' probabilities from 0 and "
            "1, summed over the classes.",
            percent=False,
            decimals=4,
        ),
    ),
    "scalar": _by_name(
        MetricInfo("mae", "MAE", False, "Mean absolute error.", percent=False, unit="{unit}"),
        MetricInfo(
            "rmse",
            "RMSE",
            False,
            "Root of the mean squared error.",
            percent=False,
            unit="{unit}",
        ),
        MetricInfo(
            "cs5",
            f"CS({WITHIN})",
            True,
            f"Cumulative score: share of images whose absolute error is at most {WITHIN} of the "
            "task's unit.",
        ),
        MetricInfo(
            "r2",
            "R²",
            True,
            "1 - squared error / squared deviation from the mean of the scored labels; 0 is that "
            "mean's own score, below 0 is worse.",
            percent=False,
            decimals=3,
        ),
        MetricInfo(
            "correlation",
            "Correlation",
            True,
            "Pearson's correlation of predictions and labels.",
            percent=False,
            decimals=3,
        ),
    ),
    "landmarks": _by_name(
        MetricInfo(
            "nme",
            "NME",
            False,
            "Mean over images of the mean distance of a point to its label, divided by the "
            "distance of the eyes.",
        ),
        MetricInfo(
            "mae",
            "MAE",
            False,
            "Mean absolute error of coordinates as fractions of the image: x of its width, y of "
            "its height.",
            percent=False,
            decimals=4,
        ),
        MetricInfo(
            "rmse",
            "RMSE",
            False,
            "Root of the mean squared error of coordinates as fractions of the image.",
            percent=False,
            decimals=4,
        ),
        MetricInfo(
            "failure_rate",
            f"FR@{FAILURE}",
            False,
            f"Share of images whose NME is above {FAILURE}.",
        ),
        MetricInfo(
            "ced_auc",
            f"AUC@{FAILURE}",
            True,
            f"Area under the cumulative distribution of NME from 0 to {FAILURE}, divided by "
            f"{FAILURE}.",
        ),
        MetricInfo(
            "nearness",
            "1 / (1 + NME)",
            True,
            "1 / (1 + NME): 1 is perfect, never below 0; what the best epoch is chosen by.",
            percent=False,
            decimals=4,
        ),
    ),
    "identity": _by_name(
        MetricInfo(
            "verification_accuracy",
            "Verification",
            True,
            "Share of pairs of images told apart rightly, the threshold set on nine tenths of "
            "the pairs and used on the tenth (the protocol of LFW).",
        ),
        MetricInfo(
            "auc",
            "AUC",
            True,
            "Chance that a pair of one person is more alike than a pair of two people.",
        ),
        MetricInfo(
            "eer",
            "EER",
            False,
            "The error rate where as many pairs of one person are refused as of two people "
            "accepted.",
        ),
        MetricInfo(
            "tar_at_far_1e-2",
            "TAR@FAR 1%",
            True,
            "Share of pairs of one person accepted where at most 1% of two people are.",
        ),
        MetricInfo(
            "tar_at_far_1e-3",
            "TAR@FAR 0.1%",
            True,
            "Share of pairs of one person accepted where at most 0.1% of two people are.",
        ),
    ),
}
"""Kind of task to metric to what it is."""

HEADLINE: dict[str, tuple[str, ...]] = {
    "attributes": ("accuracy", "mA"),
    "classes": ("accuracy", "balanced_accuracy"),
    "scalar": ("mae",),
    "landmarks": ("nme", "mae"),
    "identity": ("verification_accuracy", "auc"),
}
"""What a table shows of a kind where a benchmark names no metrics."""

SELECTION: dict[str, str] = {
    "attributes": "mA",
    "classes": "accuracy",
    "scalar": "r2",
    "landmarks": "nearness",
    "identity": "auc",
}
"""What picks the best epoch on the valid split: higher is better, 1 is perfect."""


def metric_info(kind: str, name: str) -> MetricInfo:
    """Return what is known of one metric.

    Raises:
        UserError: No such kind, or no such metric of it; the message names those there are.
    """
    if kind not in METRICS:
        raise unknown_name("kind of task", kind, METRICS)
    if name not in METRICS[kind]:
        raise unknown_name(f"metric of '{kind}'", name, METRICS[kind])
    return METRICS[kind][name]
