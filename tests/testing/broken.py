"""How the tests see that a check fails on what breaks it, and on nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import Registry
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import Outcome, run_check

_registry: list[Registry] = []


def registry() -> Registry:
    """Return what is installed, loaded once."""
    if not _registry:
        _registry.append(load_plugins())
    return _registry[0]


def tried(
    kind: str,
    plugin: Any,
    check: str,
    *,
    options: dict[str, Any] | None = None,
    data_root: Path | None = None,
    untested: dict[str, str] | None = None,
) -> Outcome:
    """Try one line of a contract on a plugin."""
    subject = subject_of(kind, plugin, registry(), options or {}, data_root, untested)
    (found,) = [one for one in checks_of(kind) if one.name == check]
    return run_check(found, subject)


def told(outcome: Outcome) -> str:
    """Return what was seen and what to do, having made sure that it failed."""
    assert outcome.status == "failed", (outcome.status, outcome.seen)
    return f"{outcome.seen} -> {outcome.mend}"
