"""Prints a verdict: for people, as JSON, and for GitHub Actions."""

from __future__ import annotations

import json
from typing import Any

from farbench.gate.limits import key_of
from farbench.gate.outcome import Judgement, Outcome, Verdict

FORMATS = ("terminal", "json", "github")


def terminal(verdict: Verdict) -> str:
    """Return one line for each thing that changed, the notes, and a summary."""
    changed = _changed(verdict)
    width = max((len(one.outcome.value) for one in changed), default=0)
    lines = [f"{one.outcome.value:{width}}  {_where(one)}: {said(one)}" for one in changed]
    lines += [f"note: {note}" for note in verdict.notes]
    return "\n".join([*lines, summary(verdict)])


def summary(verdict: Verdict) -> str:
    """Return the line that says whether the gate holds."""
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in verdict.counts().items())
    compared = any(one.tolerance is not None for one in verdict.judgements)
    state = "the gate holds" if verdict.holds else "the gate fails"
    line = f"{verdict.benchmark}: {counts or 'no rows'}; {state}."
    if not compared:
        line += " No number could be compared."
    if Outcome.NOT_COMPARABLE in verdict.counts():
        line += " What is not comparable needs a new baseline."
    return line


def as_json(verdict: Verdict) -> str:
    """Return everything, also what is the same; numbers as ``metrics.json`` has them."""
    held = {
        "benchmark": verdict.benchmark,
        "holds": verdict.holds,
        "counts": {outcome.value: count for outcome, count in verdict.counts().items()},
        "judgements": [_record(one, verdict) for one in verdict.judgements],
        "notes": list(verdict.notes),
    }
    return json.dumps(held, indent=2, ensure_ascii=False, allow_nan=False)


def workflow_commands(verdict: Verdict) -> str:
    """Return workflow commands of GitHub: an error or a warning a line, and the summary."""
    lines = []
    for one in _changed(verdict):
        if verdict.fails(one):
            level = "error"
        elif one.outcome in (Outcome.NOT_COMPARABLE, Outcome.VANISHED):
            level = "warning"
        else:
            continue
        title = f"farbench {verdict.benchmark}: {one.outcome.value}"
        lines.append(f"::{level} title={_property(title)}::{_data(f'{_where(one)}: {said(one)}')}")
    return "\n".join([*lines, f"::notice::{_data(summary(verdict))}"])


def markdown(verdict: Verdict) -> str:
    """Return a table of what changed, for a job summary."""
    lines = [f"### farbench check: {summary(verdict)}", ""]
    changed = _changed(verdict)
    if changed:
        lines += ["| Outcome | Row | Metric | Before | Now | Change | Why |"]
        lines += ["|---|---|---|--:|--:|--:|---|"]
    for one in changed:
        metric = metric_of(one) or one.task
        before, after = (_shown(one, value) for value in (one.before, one.after))
        row = f"{one.row} on {one.dataset}" + ("" if one.seed is None else f", seed {one.seed}")
        columns = [one.outcome.value, row, metric, before, after, _difference(one), _reason(one)]
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in columns) + " |")
    lines += ["", *(f"- {note}" for note in verdict.notes)] if verdict.notes else []
    return "\n".join(lines) + "\n"


def _changed(verdict: Verdict) -> list[Judgement]:
    return [one for one in verdict.judgements if one.outcome is not Outcome.SAME]


def _where(one: Judgement) -> str:
    seed = "" if one.seed is None else f", seed {one.seed}"
    what = metric_of(one) or one.task
    return f"{one.row} on {one.dataset}{seed}" + (f", {what}" if what else "")


def said(one: Judgement) -> str:
    """Return the numbers, as far as there are any, and the reason."""
    if one.before is None and one.after is None:
        return one.reason or "no numbers in the baseline"
    numbers = f"{_shown(one, one.before) or 'none'} -> {_shown(one, one.after) or 'none'}"
    details = ", ".join(text for text in (_difference(one), _reason(one)) if text)
    return f"{numbers} ({details})" if details else numbers


def _reason(one: Judgement) -> str:
    if one.tolerance is None:
        return one.reason
    return f"noise up to {_shown(one, one.tolerance)}: {one.reason}"


def metric_of(one: Judgement) -> str:
    """Return the metric's name as tables have it; empty for a row, task or seed."""
    return key_of(one.task, one.metric.name) if one.metric else ""


def _shown(one: Judgement, value: float | None) -> str:
    """Return a number as tables print it."""
    if value is None or one.metric is None:
        return ""
    return f"{value * 100 if one.metric.percent else value:.{one.metric.decimals}f}"


def _difference(one: Judgement) -> str:
    if one.before is None or one.after is None:
        return ""
    text = _shown(one, one.after - one.before)
    return text if text.startswith("-") else f"+{text}"


def _record(one: Judgement, verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": one.outcome.value,
        "fails": verdict.fails(one),
        "row": one.row,
        "dataset": one.dataset,
        "task": one.task,
        "metric": one.metric.name if one.metric else None,
        "seed": one.seed,
        "before": one.before,
        "after": one.after,
        "tolerance": one.tolerance,
        "reason": one.reason,
    }


def _data(text: str) -> str:
    """Escape the text of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
