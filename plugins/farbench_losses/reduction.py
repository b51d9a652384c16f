"""How the losses of single labels become one number, unknown labels left out."""

from __future__ import annotations

from torch import Tensor


def reduce_known(values: Tensor, known: Tensor, reduction: str) -> Tensor:
    """Average over images what each known label costs, then join the outputs.

    Args:
        values: ``(N, A)`` or ``(N,)`` losses, finite also where the label is unknown.
        known: Of the same shape, bool.
        reduction: "mean" divides by all known labels; "sum" adds the A outputs, each averaged
            over the N images of the batch (an unknown label counts as 0, so that a rare label is
            not weighted up by the batch it happens to be in).
    """
    values = values * known
    if reduction == "mean":
        return values.sum() / known.sum().clamp(min=1)
    return values.sum() / len(values)
