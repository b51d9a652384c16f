"""The losses that ship with farbench, as an ordinary plugin."""

from __future__ import annotations

from collections.abc import Sequence

from farbench import Loss, hookimpl


@hookimpl
def farbench_losses() -> Sequence[type[Loss]]:
    """Provide losses of attributes, classes, numbers, points and identities."""
    from farbench_losses.adaptive_focal import AdaptiveFocal
    from farbench_losses.binary_cross_entropy import BinaryCrossEntropy
    from farbench_losses.cross_entropy import CrossEntropy
    from farbench_losses.distances import L1, MeanSquaredError, SmoothL1
    from farbench_losses.equalized_focal import EqualizedFocal
    from farbench_losses.focal import Focal
    from farbench_losses.moon import Moon
    from farbench_losses.softmax_centre import SoftmaxCentre
    from farbench_losses.weighted_bce import WeightedBinaryCrossEntropy
    from farbench_losses.wing import Wing

    return [
        BinaryCrossEntropy,
        Focal,
        EqualizedFocal,
        WeightedBinaryCrossEntropy,
        AdaptiveFocal,
        Moon,
        CrossEntropy,
        L1,
        MeanSquaredError,
        SmoothL1,
        Wing,
        SoftmaxCentre,
    ]
