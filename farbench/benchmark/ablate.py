"""Rows from an ``ablate:`` block: components of one method switched on and off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, ValidationError

from farbench.benchmark.explain import user_error
from farbench.benchmark.places import Places
from farbench.benchmark.schema import Section


class Component(Section):
    """What changes in the row when a component is off, and when it is on."""

    off: dict[str, Any] = Field({}, description="Options, `method`, `protocol.KEY` without it.")
    on: dict[str, Any] = Field({}, description="Options, `method`, `protocol.KEY` with it.")


class Ablation(Section):
    """The ``ablate:`` block of a benchmark file."""

    method: str
    options: dict[str, Any] = Field({}, description="Options that all rows share.")
    components: dict[str, Component] = Field(min_length=1)
    scheme: Literal["add_one_in", "leave_one_out", "cumulative"] = Field(
        "cumulative",
        description="add_one_in: none, then each alone; leave_one_out: all, then all but each; "
        "cumulative: none, then one more in each row, in the order written.",
    )
    prefix: str = Field("", description="Put before the ids of the rows.")


def ablation_rows(raw: Any, places: Places) -> Iterator[tuple[str, dict[str, Any], Places]]:
    """Yield id, row and places of every row of an ``ablate:`` block.

    A component's ``on`` and ``off`` may also name another ``method``, or a key of the protocol as
    ``protocol.KEY``; where two components set the same option, the later one wins. Components that
    are on are the row's check marks.

    Args:
        raw: The block as read.
        places: Places relative to the block.

    Raises:
        UserError: The block is malformed.
    """
    try:
        block = Ablation.model_validate(raw)
    except ValidationError as error:
        below = Places()
        below.graft(("ablate",), places)
        raise user_error(error, Ablation, raw, below, ("ablate",)) from None
    for row_id, label, switched_on in _scheme(block):
        row: dict[str, Any] = {"method": block.method, "label": label, "marks": list(switched_on)}
        row_places = Places({(): places.at(()), ("method",): places.at(("method",))})
        options: dict[str, Any] = dict(block.options)
        protocol: dict[str, Any] = {}
        row_places.graft(("options",), places.below(("options",)))
        for name, component in block.components.items():
            switch = "on" if name in switched_on else "off"
            for key, value in getattr(component, switch).items():
                own = key == "method" or key.startswith("protocol.")
                target = tuple(key.split(".", 1)) if own else ("options", key)
                row_places.forget(target)
                row_places.graft(target, places.below(("components", name, switch, key)))
                if key == "method":
                    row["method"] = value
                elif own:
                    protocol[target[1]] = value
                else:
                    options[key] = value
        row |= {"options": options, "protocol": protocol}
        yield f"{block.prefix}{row_id}", row, row_places


def _scheme(block: Ablation) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield id, label and the components that are on, row by row."""
    names = tuple(block.components)
    if block.scheme == "leave_one_out":
        yield "full", "all", names
        for name in names:
            rest = tuple(other for other in names if other != name)
            yield f"no_{_slug(name)}", f"without {name}", rest
        return
    yield "none", "none", ()
    for count, name in enumerate(names, start=1):
        if block.scheme == "add_one_in":
            yield _slug(name), name, (name,)
        else:
            switched_on = names[:count]
            yield "+".join(map(_slug, switched_on)), " + ".join(switched_on), switched_on


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "component"
