"""The losses that ship with farbench, as an ordinary plugin."""

from __future__ import annotations

from collections.abc import Sequence

from farbench import Loss, hookimpl


@hookimpl
def farbench_losses() -> Sequence[type[Loss]]:
    """Provide binary cross-entropy, focal loss and Equalized Focal Loss."""
    from farbench_losses.binary_cross_entropy import BinaryCrossEntropy
    from farbench_losses.equalized_focal import EqualizedFocal
    from farbench_losses.focal import Focal

    return [BinaryCrossEntropy, Focal, EqualizedFocal]
