"""Runs benches, each in a process of its own, and keeps what they found as one record."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from farbench.bench.catalogue import BENCHES, Goal

Record = dict[str, Any]
"""What JSON holds: of one bench, or of all."""

KIND = "farbench bench"
"""Under ``kind`` in the JSON, so that the gate knows it."""
LIMIT = 3600
"""Seconds after which a bench is given up."""
RESULT = "farbench-bench-result "
"""Begins the line in which a bench's process tells what it found."""


def run_benches(
    names: Sequence[str], given: Mapping[str, Any], say: Callable[[str, Record], None]
) -> Record:
    """Run benches one after the other; one that fails does not stop the others.

    Args:
        names: Which.
        given: Arguments for those benches whose ``measure`` has them (``device``, ``rounds``,
            ``data_root``); ``tiny`` makes all of them quick.
        say: Told of each as it ends.

    Returns:
        ``kind``, ``machine``, and ``benches`` by name: see :func:`run_bench`.
    """
    found: Record = {
        "kind": KIND,
        "machine": machine(str(given.get("device") or "cpu")),
        "benches": {},
    }
    for name in names:
        record = run_bench(name, given)
        found["benches"][name] = record
        say(name, record)
    return found


def machine(device: str) -> Record:
    """Return what the figures were measured on, and how busy it was before."""
    from farbench.running.environment import environment
    from farbench.training.device import choose_compute

    found = environment(choose_compute(device, "auto", 1))
    found.pop("threads")  # each bench sets its own
    return {**found, "load_before": os.getloadavg()[0]}


def run_bench(name: str, given: Mapping[str, Any]) -> Record:
    """Run a bench.

    Returns:
        ``seconds``; ``figures`` by name, each with median, low, high and rounds, and where it has
        a goal also ``at_most`` or ``at_least`` and ``met``; ``error`` where it failed.
    """
    arguments = {"name": name, "given": dict(given)}
    record = in_own_process("farbench.bench.running", "measured", arguments, LIMIT)
    figures = record.pop("value", {})
    goals = {} if given.get("tiny") else BENCHES[name].goals
    record["figures"] = {key: _with_goal(figure, goals.get(key)) for key, figure in figures.items()}
    return record


def measured(name: str, given: Mapping[str, Any]) -> Record:
    """Run a bench in this process and return its figures."""
    measure = importlib.import_module(f"farbench.bench.{name}").measure
    arguments = dict(BENCHES[name].tiny) if given.get("tiny") else {}
    for key in inspect.signature(measure).parameters:
        if given.get(key) is not None:
            arguments[key] = Path(given[key]) if key == "data_root" else given[key]
    return {key: asdict(figure) for key, figure in measure(**arguments).items()}


def in_own_process(
    module: str, function: str, arguments: Mapping[str, Any], limit: float
) -> Record:
    """Call a function in a new process, so that none finds another's memory and threads.

    Args:
        module: The function's module.
        function: Its name; what it returns is JSON.
        arguments: By name, as JSON.
        limit: Seconds after which the process and its children are ended.

    Returns:
        ``seconds``, and ``value`` or ``error``.
    """
    code = "import sys; from farbench.bench.running import tell; tell(*sys.argv[1:])"
    words = [sys.executable, "-c", code, module, function, json.dumps(arguments, default=str)]
    started = time.perf_counter()
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return {"seconds": limit, "error": f"given up after {limit:g} s"}
    seconds = round(time.perf_counter() - started, 1)
    told = [line for line in out.splitlines() if line.startswith(RESULT)]
    if not told:
        return {"seconds": seconds, "error": _last_line(err) or f"exit code {process.returncode}"}
    return {"seconds": seconds, "value": json.loads(told[-1].removeprefix(RESULT))}


def tell(module: str, function: str, arguments: str) -> None:
    """Call a function and print what it returns, for :func:`in_own_process`."""
    value = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    print(RESULT + json.dumps(value))


def _with_goal(figure: Record, goal: Goal | None) -> Record:
    if goal is None:
        return figure
    wanted = {key: value for key, value in asdict(goal).items() if value is not None}
    return {**figure, **wanted, "met": goal.met(figure["median"])}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else ""
