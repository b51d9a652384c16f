"""The gate on speed: two files of `farbench bench --json`, figure by figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.gate.limits import check_speed
from farbench.gate.outcome import Judgement, Outcome, Verdict
from farbench.limits import JSON, read_whole
from farbench.scoring.catalogue import MetricInfo
from farbench.store.shapes import Shape, check_shape

KIND = "farbench bench"
SLACK = 1.05
"""A median may be so many times worse, whatever the rounds say: this project's choice."""

Figure = dict[str, Any]

FIGURE: Shape = {
    "median!": float,
    "low!": float,
    "high!": float,
    "at_most": float,
    "at_least": float,
    "met": bool,
}
SHAPE: Shape = {
    "machine!": {"processor": str, "cores": int, "device": str},
    "benches!": {...: {"error": str}},
}
"""A file of ``farbench bench --json``."""


def is_bench_file(path: Path) -> bool:
    """Whether a path is a file, and so no folder of results."""
    return path.is_file() and path.suffix == ".json"


def check_ratios(file: Path, baseline: Path, slower: float | None = None) -> Verdict:
    """Compare the figures of two runs of ``farbench bench``.

    A ratio is worse if its median is worse than the baseline's by more than the rounds of both
    spread, or if it misses a goal that the baseline met. Seconds and megabytes are of one machine:
    on another they cannot be compared.

    Args:
        file: What there is now.
        baseline: What there was.
        slower: How many times worse a median may be, in place of 1.05.

    Raises:
        UserError: A file cannot be read, or is no such file; or ``slower`` is no ratio.
    """
    check_speed(slower)
    before, after = _read(baseline), _read(file)
    same_machine = all(
        before["machine"].get(key) == after["machine"].get(key)
        for key in ("processor", "cores", "device")
    )
    judgements: list[Judgement] = []
    for name in dict.fromkeys([*before["benches"], *after["benches"]]):
        old, new = before["benches"].get(name), after["benches"].get(name)
        if old is None:
            judgements.append(_of_bench(Outcome.NEW, name, ""))
        elif new is None:
            judgements.append(_of_bench(Outcome.VANISHED, name, "it was not run"))
        elif "error" in new:
            outcome = Outcome.SAME if "error" in old else Outcome.BROKE
            judgements.append(_of_bench(outcome, name, new["error"]))
        elif "error" in old:
            judgements.append(_of_bench(Outcome.FIXED, name, f"it failed: {old['error']}"))
        else:
            judgements += [
                _of_figure(name, key, figure, new["figures"].get(key), slower, same_machine)
                for key, figure in old["figures"].items()
            ]
    order = list(Outcome)
    judgements.sort(key=lambda one: order.index(one.outcome))
    notes = () if same_machine else ("machine: another one, so seconds are not compared",)
    return Verdict("bench", tuple(judgements), notes)


def _of_bench(outcome: Outcome, name: str, reason: str) -> Judgement:
    return Judgement(outcome, name, "bench", reason=reason)


def _of_figure(
    bench: str, key: str, old: Figure, new: Figure | None, slower: float | None, same_machine: bool
) -> Judgement:
    more_is_better = "at_least" in old
    info = MetricInfo(key, key, more_is_better, "A figure of a bench.", percent=False, decimals=3)
    if new is None:
        return Judgement(Outcome.VANISHED, bench, "bench", "", info, reason="no such figure now")
    a, b = old["median"], new["median"]
    if key.endswith(("seconds", "_mb")) and not same_machine:
        reason = "measured on another machine"
        return Judgement(
            Outcome.NOT_COMPARABLE, bench, "bench", "", info, before=a, after=b, reason=reason
        )
    slack = (SLACK if slower is None else slower) - 1
    spreads = [(one["high"] - one["low"]) / 2 for one in (old, new)]
    tolerance, reason = max((slack * a, "slack"), (max(spreads), "spread of the rounds"))
    gain = b - a if more_is_better else a - b
    outcome = Outcome.SAME
    if abs(gain) > tolerance:
        outcome = Outcome.BETTER if gain > 0 else Outcome.WORSE
    if old.get("met") and new.get("met") is False:
        goal = new.get("at_most", new.get("at_least"))
        outcome, reason = Outcome.WORSE, f"its goal is {goal:g}"
    return Judgement(
        outcome,
        bench,
        "bench",
        "",
        info,
        before=a,
        after=b,
        tolerance=tolerance,
        reason=reason,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_whole(path, JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise UserError(
            f"{path} is no file of `farbench bench --json FILE`. Where DIR is such a file, so is "
            "--baseline."
        )
    check_shape(path, found, SHAPE)
    for name, bench in found["benches"].items():
        if bench.get("error") is None:
            bench.pop("error", None)
            check_shape(path, bench, {"figures!": {...: FIGURE}}, name=f"benches.{name}")
    return found
