"""Arithmetic that all metrics share: ratios and means that may be undefined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ratio(above: NDArray[Any], below: NDArray[Any]) -> NDArray[np.float64]:
    """Divide; NaN where the divisor is not above 0."""
    result = np.full(np.shape(below), np.nan)
    np.divide(above, below, out=result, where=np.asarray(below) > 0)
    return result


def nanmean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the mean of what is not NaN; NaN, without a warning, where nothing is left."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis), known.sum(axis))


def number(value: Any) -> float | None:
    """Return a plain float, or None for NaN: JSON has no NaN."""
    return None if np.isnan(value) else float(value)


def numbers(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float | None]:
    """Name the values of one metric: one an attribute, a class or a point."""
    return {name: number(value) for name, value in zip(names, values, strict=True)}


def refuse_nan(values: NDArray[Any], what: str) -> None:
    """Refuse NaN.

    Args:
        values: Of any shape.
        what: The word for them ("logits").

    Raises:
        ValueError: There are some; the message counts them.
    """
    wrong = int(np.isnan(values).sum())
    if wrong:
        raise ValueError(f"{wrong} of {values.size} {what} are NaN")


def refuse_not_finite(values: NDArray[Any], what: str) -> None:
    """Refuse NaN and infinity, as :func:`refuse_nan` refuses NaN."""
    refuse_nan(values, what)
    wrong = int(np.isinf(values).sum())
    if wrong:
        raise ValueError(f"{wrong} of {values.size} {what} are infinite")
