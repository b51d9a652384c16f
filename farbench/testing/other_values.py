"""Other valid values of an option, made up from its type, its limits and its examples."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from farbench.plugins.base import Plugin

P = TypeVar("P", bound=Plugin)
_MOST = 8
"""How many values are made up for one option."""


def variants(plugin: P, option: str, words: Sequence[str] = ()) -> list[P]:
    """Return the plugin with other values of one option, each of them valid.

    The values come from the field's ``examples``, then from its type: the other truth value, the
    other members of a Literal, numbers nearby and at the limits, tuples with one entry changed,
    one less or one more.

    Args:
        plugin: The plugin with its present options.
        option: The option to change.
        words: What a free string may be.
    """
    field = type(plugin).model_fields[option]
    made = [*(field.examples or ()), *_others(_typed(field), getattr(plugin, option), words)]
    found: list[P] = []
    for value in made:
        changed = with_option(plugin, option, value)
        if changed is not None and changed != plugin and changed not in found:
            found.append(changed)
    return found[:_MOST]


def with_option(plugin: P, option: str, value: Any) -> P | None:
    """Return the plugin with one option changed, or None if that is not valid."""
    try:
        return type(plugin).model_validate({**dict(plugin), option: value})
    except ValidationError:
        return None


def _typed(field: FieldInfo) -> Any:
    """Return a field's type with its limits."""
    if not field.metadata:
        return field.annotation
    return Annotated[(field.annotation, *field.metadata)]


def _others(annotation: Any, current: Any, words: Sequence[str]) -> list[Any]:
    """Return candidates; they may be invalid, or equal to the current value."""
    limits: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        for extra in extras:
            limits += extra.metadata if isinstance(extra, FieldInfo) else [extra]
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, types.UnionType):
        return [value for one in arguments for value in _others(one, current, words)]
    if origin is Literal:
        return list(arguments)
    if origin is type(None):
        return [None]
    if origin is bool:
        return [True, False]
    if origin is int or origin is float:
        known = isinstance(current, int | float) and not isinstance(current, bool)
        numbers = _numbers(float(current) if known else None, _bounds(limits))
        return [int(number) for number in numbers] if origin is int else numbers
    if origin is str:
        return list(words)
    if isinstance(origin, type) and issubclass(origin, Enum):
        return list(origin)
    if origin in (tuple, list, set, frozenset, Sequence):
        entries = list(current) if isinstance(current, Iterable) else []
        return _lists(arguments, entries, words)
    if origin in (dict, Mapping) and len(arguments) == 2:
        entry = _others(arguments[1], None, words)
        return [{}, *({word: value} for word in words[:2] for value in entry[:3])]
    return []


def _bounds(limits: Sequence[Any]) -> list[float]:
    """Return the lowest and highest numbers that are named by limits."""
    names = ("ge", "gt", "le", "lt")
    found = [getattr(limit, name, None) for limit in limits for name in names]
    return [float(bound) for bound in found if isinstance(bound, int | float)]


def _numbers(current: float | None, bounds: list[float]) -> list[float]:
    """Return numbers round the current one, and the limits themselves."""
    if current is None:
        usual = [1.0, 2.0, 0.5, 0.1, 8.0, 0.0]
    else:
        usual = [current / 2, current * 2, current - 1, current + 1, current + 0.4, current - 0.4]
    if len(bounds) > 1:
        usual.append((min(bounds) + max(bounds)) / 2)
    return [*usual, *bounds]


def _lists(arguments: Sequence[Any], entries: list[Any], words: Sequence[str]) -> list[Any]:
    """Return lists with one entry less, one more, one changed, or none at all."""
    variadic = len(arguments) < 2 or arguments[-1] is Ellipsis
    kinds = [arguments[0]] * len(entries) if variadic and arguments else list(arguments)
    found = []
    if variadic and arguments:
        more = _fresh(arguments[0], entries[-1] if entries else None, entries, words)
        found = [entries[:-1], entries[1:], *([*entries, one] for one in more[:2])]
    for position, kind in enumerate(kinds[: len(entries)]):
        for value in _fresh(kind, entries[position], entries, words)[:2]:
            found.append([*entries[:position], value, *entries[position + 1 :]])
    return [*found, []]


def _fresh(kind: Any, current: Any, entries: list[Any], words: Sequence[str]) -> list[Any]:
    """Return other values of an entry, those that no other entry has first."""
    others = [value for value in _others(kind, current, words) if value != current]
    return sorted(others, key=lambda value: value in entries)
