"""Hooks of plugin packages and loggers, from their specifications."""

from __future__ import annotations

import inspect
from types import FunctionType

from made.markdown import code, in_a_line, table


def hook_specs() -> dict[str, FunctionType]:
    """Return the specifications by name, in the order they are written in."""
    from farbench.plugins import specs

    return {name: spec for name, spec in vars(specs).items() if name.startswith("farbench_")}


def hooks() -> str:
    """Return the table of hooks."""
    rows = []
    for name, spec in hook_specs().items():
        signature = inspect.signature(spec)
        given = ", ".join(f"{one.name}: {one.annotation}" for one in signature.parameters.values())
        back = "" if signature.return_annotation == "None" else str(signature.return_annotation)
        rows.append((code(name), code(given), code(back), in_a_line(spec.__doc__ or "")))
    return table(("Hook", "Is given", "Returns", "What for"), rows)
