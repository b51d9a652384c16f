"""How often answers break rules that no face can break, such as two hair colours at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.numbers import number


@dataclass(frozen=True)
class Violations:
    """What share of the images breaks rules; None where no image has a known answer.

    Attributes:
        each: ``(R,)``, by rule, of the images where all its attributes are known.
        any: At least one rule, of the images where the attributes of at least one are known.
    """

    each: tuple[float | None, ...]
    any: float | None


def violations(answers: NDArray[Any], rules: Sequence[Sequence[int]]) -> Violations:
    """Count images with more than one "yes" among attributes of which one can be true at most.

    Args:
        answers: ``(N, A)``; 1 yes, 0 no, -1 unknown.
        rules: The columns of each rule's attributes, two or more each.
    """
    known = np.stack([(answers[:, rule] >= 0).all(1) for rule in rules])
    broken = np.stack([(answers[:, rule] == 1).sum(1) > 1 for rule in rules]) & known
    return Violations(
        tuple(_share(own, where) for own, where in zip(broken, known, strict=True)),
        _share(np.asarray(broken.any(0)), np.asarray(known.any(0))),
    )


def answers(logits: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int8]:
    """Return what was answered, ``(N, A)``: 1 yes, 0 no, -1 where the label is unknown.

    Only where both are known do answers and labels speak of the same images.
    """
    return np.where(labels < 0, -1, logits > 0).astype(np.int8)


def _share(broken: NDArray[Any], known: NDArray[Any]) -> float | None:
    return number(broken[known].mean()) if known.any() else None
