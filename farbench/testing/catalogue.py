"""Which contract belongs to which kind of plugin, and how a plugin becomes a subject of checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from farbench.plugins.dataset import Dataset
from farbench.plugins.registry import Registry
from farbench.testing.checks import Check, Outcome, Subject, run_check


def checks_of(kind: str) -> list[Check[Any]]:
    """Return the lines of a kind's contract.

    Args:
        kind: The plural, as ``farbench list`` takes it.
    """
    # Imported here: most of them need torch, and a command checks plugins of one kind.
    if kind == "methods":
        from farbench.testing.method_building import BUILDING
        from farbench.testing.method_device import DEVICE
        from farbench.testing.method_learning import LEARNING
        from farbench.testing.method_numerics import NUMERICS

        return [*BUILDING.checks, *LEARNING.checks, *NUMERICS.checks, *DEVICE.checks]
    if kind == "datasets":
        from farbench.testing.dataset_contents import CONTENTS
        from farbench.testing.dataset_index import INDEX

        return [*INDEX.checks, *CONTENTS.checks]
    if kind == "losses":
        from farbench.testing.loss_state import STATE
        from farbench.testing.loss_values import VALUES

        return [*VALUES.checks, *STATE.checks]
    if kind == "weightings":
        from farbench.testing.weighting_checks import WEIGHTING

        return [*WEIGHTING.checks]
    if kind == "keypoints":
        from farbench.testing.keypoint_checks import KEYPOINTS

        return [*KEYPOINTS.checks]
    if kind == "corruptions":
        from farbench.testing.corruption_checks import CORRUPTION

        return [*CORRUPTION.checks]
    from farbench.testing.grouping_checks import GROUPING

    return [*GROUPING.checks]


def subject_of(
    kind: str,
    value: Any,
    registry: Registry,
    options: Mapping[str, Any],
    data_root: Path | None = None,
    untested_options: Mapping[str, str] | None = None,
) -> Subject:
    """Return what the checks of a kind are tried on.

    Args:
        kind: The plural.
        value: The plugin's class, or the grouping.
        registry: What is installed: groupings for methods, drawn faces for keypoint models
            and corruptions.
        options: Options that differ from the defaults.
        data_root: Where data sets are.
        untested_options: Option -> why no test can show what it does.

    Raises:
        UserError: An option is unknown, missing or wrong.
    """
    untested = untested_options or {}
    if kind == "methods":
        from farbench.testing.method_subject import MethodSubject

        return MethodSubject(value, options, untested, registry.grouping_records())
    if kind == "datasets":
        from farbench.testing.dataset_subject import DatasetSubject

        return DatasetSubject(value, options, untested, data_root)
    if kind == "losses":
        from farbench.testing.loss_subject import LossSubject

        return LossSubject(value, options, untested)
    if kind == "weightings":
        from farbench.testing.weighting_subject import WeightingSubject

        return WeightingSubject(value, options, untested)
    if kind == "keypoints":
        from farbench.testing.keypoint_checks import KeypointSubject

        return KeypointSubject(value, options, untested, drawn_faces(registry))
    if kind == "corruptions":
        from farbench.testing.corruption_checks import CorruptionSubject

        return CorruptionSubject(value, options, untested, drawn_faces(registry))
    from farbench.testing.grouping_checks import GroupingSubject

    return GroupingSubject(value)


def drawn_faces(registry: Registry) -> Dataset | None:
    """Return an installed data set whose faces are drawn and have 98 points, with few of them."""
    for entry in registry.datasets.values():
        if entry.value.info.synthetic and not entry.value.needs_root:
            sizes = {"train": 4, "valid": 1, "test": 1}
            few = sizes if set(sizes) <= set(entry.value.model_fields) else {}
            return entry.value(**few)
    return None


def outcomes(kind: str, subject: Subject) -> Iterator[Outcome]:
    """Try the lines of a contract one after the other."""
    for check in checks_of(kind):
        yield run_check(check, subject)
