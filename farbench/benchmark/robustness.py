"""Turns ``robustness:`` of a benchmark into corruptions with validated options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farbench.benchmark.named import resolve_plugin
from farbench.benchmark.places import KeyPath, Places
from farbench.benchmark.schema import Protocol, Robustness
from farbench.errors import UserError
from farbench.plugins.corruption import Corruption
from farbench.plugins.registry import Registry


@dataclass(frozen=True)
class AskedCorruptions:
    """What finished cells are to be evaluated under.

    Attributes:
        corruptions: The corruptions, each name once.
        settings: Strengths, images, masks and seed.
    """

    corruptions: tuple[Corruption, ...]
    settings: Robustness


def resolve_robustness(
    settings: Robustness, registry: Registry, places: Places, path: KeyPath = ("robustness",)
) -> AskedCorruptions:
    """Return the corruptions that the settings name.

    Args:
        settings: As written.
        registry: The plugins.
        places: Where the values were written.
        path: The key path of the settings in ``places``.

    Raises:
        UserError: A name or option is unknown, a value is wrong, or something is given twice.
    """
    corruptions: list[Corruption] = []
    for number, spec in enumerate(settings.corruptions):
        where = (*path, "corruptions", number)
        corruption = resolve_plugin(
            "corruption", registry.corruptions, spec, places, where, registry.broken
        )
        if any(corruption.name == other.name for other in corruptions):
            raise UserError(places.error(where, f"'{corruption.name}' is given twice"))
        corruptions.append(corruption)
    for key in ("strengths", "masks"):
        values = getattr(settings, key)
        repeated = {str(value) for value in values if values.count(value) > 1}
        if repeated:
            message = f"{', '.join(sorted(repeated))} given more than once"
            raise UserError(places.error((*path, key), message))
    return AskedCorruptions(tuple(corruptions), settings)


def check_weights_kept(protocols: Mapping[str, Protocol], places: Places) -> None:
    """Refuse rows whose weights are not kept: they are what is evaluated.

    Args:
        protocols: Of each row, by its id.
        places: Where the values were written.

    Raises:
        UserError: Names the row.
    """
    for row, protocol in protocols.items():
        if not protocol.keep_weights:
            message = (
                f"the weights of row '{row}' are not kept, and cells are evaluated from them. "
                "Set protocol.keep_weights=true, or leave `robustness` out"
            )
            raise UserError(places.error(("robustness",), message))
