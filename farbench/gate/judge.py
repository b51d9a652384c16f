"""Compares two snapshots row by row and metric by metric; no file is read, nothing printed."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from farbench.gate.keys import Change, changes, stage_changes
from farbench.gate.limits import Limits
from farbench.gate.noise import NORMAL, Noise, from_images, from_seeds
from farbench.gate.outcome import Judgement, Outcome
from farbench.gate.snapshot import DECIMALS, RowNumbers, Snapshot, TaskNumbers, Trained
from farbench.scoring.catalogue import METRICS, MetricInfo

SPEED = MetricInfo(
    "images_per_second", "images/s", True, "Speed of training.", percent=False, decimals=1
)


class Place(NamedTuple):
    """A task of a row on a data set."""

    row: str
    dataset: str
    task: str = ""


PairedError = Callable[[Place, str, Sequence[int]], float | None]
"""Of a task, a metric and seeds: the standard error of the difference, from the predictions of
both sides; None where one side has none."""


def no_predictions(place: Place, metric: str, seeds: Sequence[int]) -> None:
    """Know nothing, as a baseline file that holds no predictions."""


def judge(
    before: Snapshot,
    after: Snapshot,
    limits: Limits = Limits(),
    paired: PairedError = no_predictions,
) -> tuple[Judgement, ...]:
    """Judge every row of either side.

    Args:
        before: The baseline.
        after: What there is now.
        limits: Tolerances that were asked for.
        paired: Knows the noise of a difference from stored predictions.

    Returns:
        The judgements, the gravest first, else in the order of the rows now.
    """
    places = [
        Place(row, d) for side in (after, before) for row in side.rows for d in side.rows[row]
    ]
    found = [
        judgement
        for place in dict.fromkeys(places)
        for judgement in _row(place, before, after, limits, paired)
    ]
    order = list(Outcome)
    return tuple(sorted(found, key=lambda one: order.index(one.outcome)))


def notes(before: Snapshot, after: Snapshot) -> list[str]:
    """Say what the last run left out, and what differs without making cells incomparable."""
    pairs = [
        (old, new)
        for row, datasets in after.rows.items()
        for dataset, now in datasets.items()
        for task, numbers in now.tasks.items()
        for seed, new in numbers.seeds.items()
        if (old := _trained(before, Place(row, dataset, task), seed)) is not None
    ]
    said: dict[str, None] = {}
    left_out = [row for row in before.rows if row in after.left_out]
    if left_out:
        alone = f", or check the others: --rows {','.join(after.rows)}" if after.rows else ""
        said[
            f"rows: {', '.join(left_out)} left out of the last run (--rows), and not finished with "
            f"its code and settings: run without --rows{alone}"
        ] = None
    other = sum(old.code != new.code for old, new in pairs)
    if other:
        said[f"code: other sources or libraries in {other} of {len(pairs)} results"] = None
    for old, new in pairs:
        for change in changes(before.machines[old.machine], after.machines[new.machine]):
            said[f"machine: {change}"] = None
    return list(said)


def _row(
    place: Place, before: Snapshot, after: Snapshot, limits: Limits, paired: PairedError
) -> list[Judgement]:
    """Judge a row on a data set: its seeds, then its tasks."""
    row, dataset, _ = place
    old, new = before.rows.get(row, {}).get(dataset), after.rows.get(row, {}).get(dataset)
    if new is None:
        reason = "not in the last run (--rows)" if row in after.left_out else "no longer planned"
        return [Judgement(Outcome.VANISHED, row, dataset, reason=reason)]
    if old is None or not (old.tasks or old.missing):
        reason = "; ".join(f"seed {s}: {_why(new, s)}" for s in sorted(new.missing))
        return [Judgement(Outcome.NEW, row, dataset, reason=reason)]
    found = _seeds(row, dataset, old, new)
    timed: set[str] = set()
    for task in dict.fromkeys([*new.tasks, *old.tasks]):
        here = Place(row, dataset, task)
        if task not in old.tasks:
            # Where every seed had failed, the seeds say it already.
            if old.tasks:
                found.append(Judgement(Outcome.NEW, row, dataset, task))
        elif task not in new.tasks:
            # Likewise.
            if new.tasks:
                found.append(Judgement(Outcome.VANISHED, row, dataset, task))
        else:
            found += _task(here, before, after, limits, paired, timed)
    return found


def _seeds(row: str, dataset: str, old: RowNumbers, new: RowNumbers) -> list[Judgement]:
    """Judge what became of single seeds."""
    had = {seed for task in old.tasks.values() for seed in task.seeds}
    have = {seed for task in new.tasks.values() for seed in task.seeds}
    found = []
    for seed in sorted(had | have | set(old.missing)):
        if seed in had and seed not in have:
            broke = new.missing.get(seed) in ("failed", "unreadable")
            outcome = Outcome.BROKE if broke else Outcome.VANISHED
            reason = _why(new, seed)
        elif seed in have and seed in old.missing:
            outcome, reason = Outcome.FIXED, f"it was {old.missing[seed]}"
        elif seed in have and seed not in had:
            outcome, reason = Outcome.NEW, ""
        elif seed not in have:
            outcome = Outcome.SAME
            reason = f"{old.missing[seed]} in the baseline, {_why(new, seed)} now"
        else:
            continue
        found.append(Judgement(outcome, row, dataset, seed=seed, reason=reason))
    return found


def _why(numbers: RowNumbers, seed: int) -> str:
    """Return why a seed has no numbers, in one line."""
    state = numbers.missing.get(seed, "no longer planned")
    reason = " ".join(numbers.reasons.get(seed, "").split())
    return f"{state} ({reason})" if reason else state


def _task(
    place: Place,
    before: Snapshot,
    after: Snapshot,
    limits: Limits,
    paired: PairedError,
    timed: set[str],
) -> list[Judgement]:
    """Judge the numbers of a task over the seeds that both sides have, else over all."""
    old = before.rows[place.row][place.dataset].tasks[place.task]
    new = after.rows[place.row][place.dataset].tasks[place.task]
    seeds = [seed for seed in new.seeds if seed in old.seeds]
    olds = [old.seeds[seed] for seed in seeds or old.seeds]
    news = [new.seeds[seed] for seed in seeds or new.seeds]
    pairs = zip(olds, news, strict=True) if seeds else itertools.product(olds, news)
    reasons = [reason for pair in pairs for reason in _incomparable(before, after, *pair)]
    if reasons:
        text = "; ".join(dict.fromkeys(reasons))
        return [Judgement(Outcome.NOT_COMPARABLE, *place, reason=text)]
    found = []
    for name in olds[0].metrics:
        info = METRICS.get(old.kind, {}).get(name)
        if info is None:
            reason = f"this farbench knows no metric '{name}'"
            found.append(Judgement(Outcome.VANISHED, *place, reason=reason))
            continue
        noise = _noise(place, old, name, olds, news, seeds, paired)
        a = [one.metrics.get(name) for one in olds]
        b = [one.metrics.get(name) for one in news]
        found.append(_number(place, info, a, b, noise, limits))
    recipe = olds[0].recipe
    if limits.speed is not None and recipe not in timed:
        timed.add(recipe)  # the tasks of one training have one speed
        found.append(_speed(place, before, after, olds, news, limits.speed))
    return found


def _incomparable(before: Snapshot, after: Snapshot, old: Trained, new: Trained) -> list[str]:
    """Say which part of the identity forbids to compare two results."""
    reasons = []
    if old.recipe != new.recipe:
        found = stage_changes(before.recipes[old.recipe], after.recipes[new.recipe])
        reasons += [f"recipe: {change}" for change in found]
    if old.data != new.data:
        reasons.append(f"data: manifest {old.data or 'unknown'} -> {new.data or 'unknown'}")
    if old.metric_version != new.metric_version:
        reasons.append(str(Change("metric version", old.metric_version, new.metric_version)))
    return reasons


def _noise(
    place: Place,
    old: TaskNumbers,
    metric: str,
    olds: Sequence[Trained],
    news: Sequence[Trained],
    seeds: Sequence[int],
    paired: PairedError,
) -> Noise | None:
    """Return the noise of a difference: by seeds, by predictions of both sides, by test images."""
    if metric in old.spread:
        known = sum(one.metrics.get(metric) is not None for one in old.seeds.values())
        return from_seeds(old.spread[metric], known, len(olds), len(news))
    sigma = paired(place, metric, seeds) if seeds else None
    if sigma is not None:
        return Noise(sigma, NORMAL, "paired bootstrap")
    if metric in old.error:
        return from_images(old.error[metric], len(olds), len(news))
    return None


def _number(
    place: Place,
    info: MetricInfo,
    before: Sequence[float | None],
    after: Sequence[float | None],
    noise: Noise | None,
    limits: Limits,
) -> Judgement:
    """Judge a metric from its values over the seeds; None stands for what is none."""
    old, new = _mean(before), _mean(after)
    if new is None and old is None:
        return Judgement(Outcome.SAME, *place, info, reason="undefined on both sides")
    if new is None:
        return Judgement(Outcome.BROKE, *place, info, before=old, reason="no number any more")
    if old is None:
        return Judgement(Outcome.FIXED, *place, info, after=new)
    # What no table would print is no change.
    floor = 0.5 * 10**-info.decimals / (100 if info.percent else 1)
    given, times = limits.absolute(place.task, info), limits.times(place.task, info)
    if given is not None:
        tolerance, reason = given, "as asked"
    elif noise is None:
        tolerance, reason = floor, "nothing is known of its noise"
    else:
        times = noise.times if times is None else times
        tolerance, reason = max(floor, times * noise.sigma), noise.source
    gain = round(new - old if info.higher_is_better else old - new, DECIMALS)
    outcome = Outcome.SAME
    if abs(gain) > tolerance:
        outcome = Outcome.BETTER if gain > 0 else Outcome.WORSE
    return Judgement(
        outcome, *place, info, before=old, after=new, tolerance=tolerance, reason=reason
    )


def _speed(
    place: Place,
    before: Snapshot,
    after: Snapshot,
    olds: Sequence[Trained],
    news: Sequence[Trained],
    ratio: float,
) -> Judgement:
    """Judge the speed of training as a ratio; it says something on the same machine alone."""
    old = _mean([one.images_per_second for one in olds])
    new = _mean([one.images_per_second for one in news])
    if old is None or new is None:
        return Judgement(Outcome.NOT_COMPARABLE, *place, SPEED, reason="no speed is recorded")
    machines = before.machines[olds[0].machine], after.machines[news[0].machine]
    for key in ("device", "processor", "threads", "precision"):
        one, other = (machine.get(key) for machine in machines)
        if one != other:
            reason = f"machine: {Change(key, one, other)}"
            return Judgement(
                Outcome.NOT_COMPARABLE, *place, SPEED, before=old, after=new, reason=reason
            )
    outcome = Outcome.SAME
    if max(old, new) > ratio * min(old, new):
        outcome = Outcome.BETTER if new > old else Outcome.WORSE
    return Judgement(
        outcome, *place, SPEED, before=old, after=new, reason=f"{new / old:.2f} of the baseline"
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean over seeds; None if one of them has no number."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None


def _trained(taken: Snapshot, place: Place, seed: int) -> Trained | None:
    row = taken.rows.get(place.row, {}).get(place.dataset)
    task = row.tasks.get(place.task) if row else None
    return task.seeds.get(seed) if task else None
