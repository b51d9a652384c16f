"""What the gate can say of a number or a row, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from farbench.scoring.catalogue import MetricInfo


class Outcome(Enum):
    """What became of something between the baseline and now, the gravest first."""

    BROKE = "broke"
    VANISHED = "vanished"
    WORSE = "worse"
    NOT_COMPARABLE = "not comparable"
    FIXED = "fixed"
    BETTER = "better"
    NEW = "new"
    SAME = "same"


@dataclass(frozen=True)
class Judgement:
    """The outcome of one number, or of a whole row on a data set.

    Attributes:
        outcome: What became of it.
        row: The row's id.
        dataset: The data set's name.
        task: The task; empty for the whole row.
        metric: The metric; None for the whole row or task.
        seed: Where one seed alone is meant.
        before: The mean over seeds in the baseline, as ``metrics.json`` has it.
        after: The mean now.
        tolerance: The largest difference that counts as noise, likewise.
        reason: Where the tolerance is from, or why there is none to judge.
    """

    outcome: Outcome
    row: str
    dataset: str
    task: str = ""
    metric: MetricInfo | None = None
    seed: int | None = None
    before: float | None = None
    after: float | None = None
    tolerance: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """All that the gate says.

    Attributes:
        benchmark: The benchmark's name.
        judgements: One a number and row, the gravest first.
        notes: Rows that the last run left out, and what differs without making anything
            incomparable: code, libraries, machine.
        allow_missing: Whether what vanished passes.
        all_comparable: Whether what cannot be compared fails.
    """

    benchmark: str
    judgements: tuple[Judgement, ...]
    notes: tuple[str, ...] = ()
    allow_missing: bool = False
    all_comparable: bool = False

    def failing(self) -> list[Judgement]:
        """Return what the gate closes on."""
        return [one for one in self.judgements if self.fails(one)]

    def fails(self, judgement: Judgement) -> bool:
        """Whether the gate closes on a judgement."""
        if judgement.outcome is Outcome.VANISHED:
            return not self.allow_missing
        if judgement.outcome is Outcome.NOT_COMPARABLE:
            return self.all_comparable
        return judgement.outcome in (Outcome.BROKE, Outcome.WORSE)

    @property
    def holds(self) -> bool:
        """Whether the gate is passed."""
        return not self.failing()

    def counts(self) -> dict[Outcome, int]:
        """Return how many judgements there are of each outcome that occurs, the gravest first."""
        every = [one.outcome for one in self.judgements]
        return {outcome: every.count(outcome) for outcome in Outcome if outcome in every}
