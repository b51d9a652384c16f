"""Costs of a cell from its record: as tables print them, put together, and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from farbench.scoring.catalogue import MetricInfo

RECORDED = {
    "flops": ("flops", 1e-9),
    "train_speed": ("train_images_per_second", 1.0),
    "input_share": ("input_share", 100.0),
    "inference_speed": ("inference_images_per_second", 1.0),
    "latency": ("latency_ms", 1.0),
    "peak_memory": ("peak_memory_mb", 1.0),
}
"""Cost -> its name under ``costs`` in ``cell.json``, and the unit of tables in that one's."""

MASKS = "masks_"
"""Begins the names under ``costs`` of what the mask network takes for an image."""

TIMED = ("train_speed", "inference_speed", "latency")
"""Costs that say as much of a machine as of a method."""


def cost(record: Mapping[str, Any], name: str) -> float | None:
    """Return a cost of a cell in its table's unit, the mask network's share included.

    Args:
        record: The contents of ``cell.json``.
        name: One of ``scoring.costs.COSTS``.

    Returns:
        None where it was not measured.
    """
    if name == "parameters":
        count = record.get("parameters")
        return None if count is None else float(count) / 1e6
    if name == "minutes":
        own = record.get("minutes")
    else:
        key, scale = RECORDED[name]
        recorded = _recorded(record, key)
        own = None if recorded is None else recorded * scale
    return None if own is None else own + (masks_share(record, name) or 0.0)


def masks_share(record: Mapping[str, Any], name: str) -> float | None:
    """Return what of a cost is the mask network's; None where there is nothing of it."""
    if name == "minutes":
        minutes: float | None = (record.get("masks") or {}).get("minutes")
        return minutes
    if name not in RECORDED:
        return None
    key, scale = RECORDED[name]
    share = _recorded(record, MASKS + key)
    return None if share is None else share * scale


def together(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the costs of two cells that predict tasks of the same images, one after the other.

    What is for each image is summed, and so is the time that speeds stand for; of memory the larger
    counts. The mask network is run once for both.

    Args:
        first: The contents of ``cell.json``.
        second: Likewise.

    Returns:
        What the two have under ``costs`` as one.
    """
    found: dict[str, float | None] = {}
    for key, _ in RECORDED.values():
        one, other = _recorded(first, key), _recorded(second, key)
        if one is None or other is None:
            found[key] = None
        elif key.endswith("images_per_second"):
            found[key] = one * other / (one + other)
        elif key == "input_share":
            # Shares of times that differ as the speeds do.
            speeds = [_recorded(record, "train_images_per_second") for record in (first, second)]
            seconds = [1 / speed if speed else 1.0 for speed in speeds]
            found[key] = (one * seconds[0] + other * seconds[1]) / sum(seconds)
        else:
            found[key] = max(one, other) if key == "peak_memory_mb" else one + other
    masks = {
        key: value
        for record in (second, first)
        for key, value in (record.get("costs") or {}).items()
        if key.startswith(MASKS)
    }
    return {**found, **masks}


def reasons(records: Sequence[Mapping[str, Any]], info: MetricInfo) -> list[str]:
    """Return what a reader must know of a row's cost: the masks in it, or why there is none.

    Args:
        records: Of the row's finished cells.
        info: The cost.
    """
    if not records:
        return []
    found = []
    shares = [share for record in records if (share := masks_share(record, info.name)) is not None]
    if shares:
        share = sum(shares) / len(shares)
        unit = f" {info.unit}" if info.unit else ""
        found.append(f"{share:.{info.decimals}f}{unit} of it are the mask network's")
    unknown = [record for record in records if cost(record, info.name) is None]
    if any("costs" not in record for record in unknown):
        found.append(
            "not measured by the farbench that made this cell; delete its folder and run it again"
        )
    return found


def remarks(records: Sequence[Mapping[str, Any]], shown: Sequence[MetricInfo]) -> list[str]:
    """Return what costs mean, and the machines that they were measured on.

    Args:
        records: Of all finished cells of the table.
        shown: The costs that the table shows.
    """
    # Parameters need no explanation; they are in tables that show no other cost.
    found = [
        f"{info.label}: {info.doc[0].lower()}{info.doc[1:]}"
        for info in shown
        if info.name != "parameters"
    ]
    if any(info.name in TIMED for info in shown):
        machines = [_machine(one["environment"]) for one in records if one.get("environment")]
        machines = list(dict.fromkeys(machines))
        if len(machines) == 1:
            found.append(f"Speeds and latencies are of {machines[0]}.")
        elif machines:
            found.append(
                "Speeds and latencies are of several machines and do not compare: "
                f"{'; '.join(machines)}."
            )
    return found


def _recorded(record: Mapping[str, Any], key: str) -> float | None:
    costs = record.get("costs")
    if costs is None and key == "train_images_per_second":
        # Cells that are older than the costs have this one with their stages.
        stages = record.get("stages") or [{}]
        value: float | None = stages[-1].get("images_per_second")
        return value
    return (costs or {}).get(key)


def _machine(environment: Mapping[str, Any]) -> str:
    device = str(environment.get("device") or "an unknown device")
    if device == "cpu":
        threads = environment.get("threads")
        counted = f", {threads} thread{'s' if threads != 1 else ''}" if threads else ""
        device = f"{environment.get('processor') or 'a processor'}{counted}"
    at_once = environment.get("cells_at_once", 1)
    device = f"{device}, {at_once} cells at once" if at_once > 1 else device
    precision = environment.get("precision")
    return f"{device}, {precision}" if precision else device
