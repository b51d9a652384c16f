"""Times contenders in turn, so that a machine that slows down slows all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Contender = Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """What one contender took.

    Attributes:
        wall: Seconds a round by the clock.
        cpu: Seconds a round of processor time, of all threads of this process.
    """

    wall: tuple[float, ...]
    cpu: tuple[float, ...]


def time_in_turn(contenders: Mapping[str, Contender], rounds: int) -> dict[str, Timed]:
    """Call every contender once a round; the first round warms up and is not counted.

    The order turns from round to round, for whoever comes first finds other caches.

    Args:
        contenders: By name.
        rounds: Rounds that count.
    """
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            began, busy = time.perf_counter(), time.process_time()
            contenders[name]()
            if turn:
                wall[name].append(time.perf_counter() - began)
                cpu[name].append(time.process_time() - busy)
    return {name: Timed(tuple(wall[name]), tuple(cpu[name])) for name in names}


@dataclass(frozen=True)
class Ratio:
    """A ratio of two contenders, taken round by round.

    Attributes:
        median: Over the rounds.
        low: The smallest.
        high: The largest.
        rounds: How many.
    """

    median: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        """Return ``1.013 (0.998 to 1.020, 7 rounds)``."""
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f}, {self.rounds} rounds)"


def ratio(above: tuple[float, ...], below: tuple[float, ...]) -> Ratio:
    """Divide two contenders' seconds round by round."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def spread(values: Sequence[float]) -> Ratio:
    """Return median, smallest and largest of what the rounds gave."""
    return Ratio(statistics.median(values), min(values), max(values), len(values))
