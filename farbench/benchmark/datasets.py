"""Turns an entry under ``datasets:`` into a data set: joined, aligned, or translated if asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from farbench.benchmark.explain import user_error
from farbench.benchmark.named import resolve_plugin, with_place
from farbench.benchmark.places import KeyPath, Places
from farbench.errors import UserError
from farbench.plugins.aligned import AlignedDataset
from farbench.plugins.dataset import Dataset
from farbench.plugins.joined import JoinedDataset
from farbench.plugins.mapped import MappedDataset
from farbench.plugins.registry import Registry

AROUND = ("map", "align")
"""What an entry takes beside the data set's own options."""
ALIGN_OPTIONS = ("side", "margin")
"""What ``align:`` takes beside a keypoint model and its options."""


def resolve_dataset(
    spec: str | Mapping[str, Any], registry: Registry, places: Places, path: KeyPath
) -> Dataset:
    """Return the data set of an entry.

    ``a+b`` joins data sets. ``align: MODEL`` (or ``{name: MODEL, side:, margin:, OPTION:}``) finds
    and aligns the faces first, ``map:`` translates labels.

    Raises:
        UserError: A name or option is unknown, or a value is wrong; with its place.
    """
    if isinstance(spec, str) and "+" in spec:
        names = [name.strip() for name in spec.split("+")]
        refuse_twice(names, places.at(path))
        return JoinedDataset(
            parts=tuple(resolve_dataset(name, registry, places, path) for name in names)
        )
    around: Mapping[str, Any] = {} if isinstance(spec, str) else spec
    if not isinstance(spec, str):
        spec = {key: value for key, value in spec.items() if key not in AROUND}
    dataset: Dataset = resolve_plugin(
        "dataset", registry.datasets, spec, places, path, registry.broken
    )
    if around.get("align") is not None:
        dataset = _aligned(dataset, around["align"], registry, places, (*path, "align"))
    if around.get("map") is not None:
        dataset = _mapped(dataset, around["map"], places, (*path, "map"))
    return dataset


def refuse_twice(names: Sequence[str], where: str = "") -> None:
    """Refuse to join data sets of one name, by which images and options are told apart.

    Args:
        names: Of the data sets.
        where: The place of the names, for the error.

    Raises:
        UserError: A name is there twice.
    """
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(
            f"{f'{where}: ' if where else ''}'{'+'.join(names)}' names {twice[0]} twice; a data "
            "set cannot be joined to itself."
        )


def from_entries(
    entries: Sequence[str | Mapping[str, Any]], registry: Registry, places: Places
) -> Dataset:
    """Return the data set of the entries that :func:`entries_of` wrote.

    Raises:
        UserError: A plugin is gone, or an option is not allowed any more.
    """
    parts = [resolve_dataset(entry, registry, places, ("dataset",)) for entry in entries]
    return parts[0] if len(parts) == 1 else JoinedDataset(parts=tuple(parts))


def entries_of(dataset: Dataset) -> list[dict[str, Any]]:
    """Return the entries under ``datasets:`` that give this data set; several are joined."""
    if isinstance(dataset, JoinedDataset):
        return [entry for part in dataset.parts for entry in entries_of(part)]
    if isinstance(dataset, MappedDataset):
        return [{**entries_of(dataset.inner)[0], "map": dataset.mapping}]
    if isinstance(dataset, AlignedDataset):
        model = {"name": dataset.keypoints.name, **dataset.keypoints.options()}
        own = {key: getattr(dataset, key) for key in ALIGN_OPTIONS}
        return [{**entries_of(dataset.inner)[0], "align": {**model, **own}}]
    return [{"name": dataset.name, **dataset.options()}]


def _aligned(
    dataset: Dataset, spec: Any, registry: Registry, places: Places, path: KeyPath
) -> Dataset:
    """Return the data set seen through a keypoint model."""
    if not isinstance(spec, str | dict):
        raise UserError(places.error(path, "expected a keypoint model, as in `align: dlib68`"))
    own: dict[str, Any] = {}
    if isinstance(spec, dict):
        own = {key: spec[key] for key in ALIGN_OPTIONS if key in spec}
        spec = {key: value for key, value in spec.items() if key not in ALIGN_OPTIONS}
    model = resolve_plugin(
        "keypoint model", registry.keypoints, spec, places, path, registry.broken
    )
    whole = {"inner": dataset, "keypoints": model, **own}
    try:
        return AlignedDataset.model_validate(whole)
    except ValidationError as error:
        where = Places()
        where.graft(path, with_place(places, path))
        raise user_error(error, AlignedDataset, whole, where, path) from None


def _mapped(dataset: Dataset, mapping: Any, places: Places, path: KeyPath) -> Dataset:
    """Return the data set with translated labels."""
    where = Places()
    where.graft(path, with_place(places, path))
    try:
        mapped = MappedDataset.model_validate({"inner": dataset, "mapping": mapping})
    except ValidationError:
        message = "expected {TASK: {FROM: TO, ...}}, names to names"
        raise UserError(where.error(path, message)) from None
    mapped.tasks()
    return mapped
