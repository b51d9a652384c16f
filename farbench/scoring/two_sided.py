"""The p of "no difference", from the draws of a bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def two_sided_p(
    drawn: NDArray[np.float64], units: int, error: float = 0.0, seeds: int = 1
) -> float:
    """Return twice the chance that a difference drawn again lies on the other side of 0.

    Without draws on the other side their number says no more than that p is below
    2 / (draws + 1), which is too coarse to be adjusted for hundreds of attributes. Then the tail is
    that of Student's distribution with the draws' mean and standard deviation and ``units`` - 1
    degrees of freedom, and at most that bound. This is the project's reading.

    Args:
        drawn: ``(R,)``, the difference of each draw of the images.
        units: How many images, or clusters, they are drawn from.
        error: Standard error of the mean over seeds; it is added to each draw as a Student variable
            with ``seeds`` - 1 degrees of freedom, whose tail is computed, not drawn.
        seeds: How many seeds; 1 for none of that.
    """
    p = _of_images(drawn, units)
    if seeds < 2 or not error:
        return p
    from scipy.special import stdtr

    below = float(stdtr(seeds - 1, -drawn / error).mean())
    return max(p, min(1.0, 2 * min(below, 1 - below)))


def _of_images(drawn: NDArray[np.float64], units: int) -> float:
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2 * (1 + beyond) / (len(drawn) + 1))
    spread = float(drawn.std())
    if beyond or units < 2 or not spread:
        return p
    from scipy.special import stdtr

    return min(p, 2 * float(stdtr(units - 1, -abs(float(drawn.mean())) / spread)))
