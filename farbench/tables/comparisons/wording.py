"""How tables of comparisons speak: headings, and the caption's sentences on how it was done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from farbench.scoring.compare import FEWEST, Line
from farbench.scoring.paired import RESAMPLES
from farbench.tables.comparisons.evidence import Finding
from farbench.tables.measures import Measure

ALPHA = 0.05
"""A verdict, or a dagger, is given where the adjusted p is below this."""

PLURALS = {
    "attribute": "attributes",
    "class": "classes",
    "decade": "decades",
    "point": "points",
}


@dataclass(frozen=True)
class Wording:
    """How a kind of table speaks of its comparisons.

    Attributes:
        kind: The kind of table.
        own: Heading of the row's score.
        other: Heading of the other's score; empty for no such column.
        only_own: Heading of how often the row alone is right; empty for no such columns.
        only_other: Heading of how often the other alone is.
        only: What these columns hold, one sentence.
        verdict: Heading of the verdict.
        better: The verdict on a gain.
        worse: The verdict on a loss.
        read: The first sentence of how to read it; ``{points}`` is " in points" or nothing,
            ``{better}`` "above 0" or "below 0".
        one_seed: What a verdict is on with one seed.
    """

    kind: str
    own: str
    other: str
    only_own: str
    only_other: str
    only: str
    verdict: str
    better: str
    worse: str
    read: str
    one_seed: str


def how_to_read(
    shown: Sequence[Finding],
    measure: Measure,
    detail: str,
    wholes: int,
    details: int,
    wording: Wording,
) -> list[str]:
    """Return the caption's sentences on what was compared, and how."""
    if not shown:
        return []
    better = "above 0" if measure.info.higher_is_better else "below 0"
    read = wording.read.format(points=" in points" if measure.info.percent else "", better=better)
    several = [len(one.seeds) for one in shown if len(one.seeds) > 1]
    tested = any(line and line.mcnemar is not None for one in shown for line in _lines(one))
    if several or not tested:
        p = "p: from the same draws"
    elif any(one.compared.whole and one.compared.whole.mcnemar is not None for one in shown):
        p = "p: McNemar's test (mid-p)"
    else:
        p = f"p: from the same draws for whole tasks, McNemar's test (mid-p) for each {detail}"
    family = f"the {wholes} lines of whole tasks" if wholes != 1 else "the one line of whole tasks"
    family += f" and, apart from them, the {details} of {PLURALS[detail]}" if details else ""
    things = "identities" if any(one.clustered for one in shown) else "images"
    return [
        read,
        *([wording.only] if tested and wording.only else []),
        f"95% interval: paired bootstrap over {drawn_from(shown)}, {RESAMPLES:,} draws."
        + ("" if len(several) == len(shown) else f" {wording.one_seed}"),
        f"{p}. p (Holm): adjusted for {family}; the intervals are not. A verdict is given where "
        f"that is below {ALPHA:.0%}, none where fewer than {FEWEST} {things} count.",
    ]


def _lines(finding: Finding) -> list[Line | None]:
    return [finding.compared.whole, *finding.compared.details.values()]


def drawn_from(shown: Sequence[Finding]) -> str:
    """Say what the bootstrap draws: "2,000 test images", "900 identities ... and 3 seeds"."""
    text = f"{_counts(one.compared.images for one in shown)} test images"
    if any(one.clustered for one in shown):
        text = f"{_counts(one.compared.units for one in shown)} identities of {text}"
    seeds = {len(one.seeds) for one in shown if len(one.seeds) > 1}
    return text + (f" and {_counts(seeds)} seeds" if seeds else "")


def _counts(numbers: Iterable[int]) -> str:
    """Return one number, or the least and the largest."""
    several = sorted(set(numbers))
    return " to ".join(f"{number:,}" for number in dict.fromkeys((several[0], several[-1])))
