"""Turns a pydantic validation error into one clear line for each mistake."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from farbench.benchmark.places import KeyPath, Places
from farbench.errors import UserError, did_you_mean, shortened

_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_pattern_mismatch": "must match {pattern}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "finite_number": "must be a finite number",
}

_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def user_error(
    error: ValidationError,
    model: type[BaseModel],
    data: Any,
    places: Places,
    prefix: Sequence[str | int] = (),
) -> UserError:
    """Explain what pydantic refused, one line a value, in the words of the file.

    Args:
        error: What ``model.model_validate(data)`` raised.
        model: The model.
        data: What was validated.
        places: Where the values were written.
        prefix: The key path of ``data`` itself in ``places``.
    """
    by_path: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_existing(data, detail["loc"]), []).append(detail)
    lines = []
    for path, details in by_path.items():
        inner = any(other[: len(path)] == path for other in by_path if len(other) > len(path))
        if inner and all(detail["type"] == "too_short" for detail in details):
            continue  # pydantic counts only the valid entries; the invalid ones are told anyway
        for message in dict.fromkeys(_messages(model, data, path, details)):
            lines.append(places.error((*prefix, *path), message))
    return UserError("\n".join(_known_once(lines)))


def _known_once(lines: list[str]) -> list[str]:
    """Leave a list of known names to the last of the lines that end in it."""
    kept = []
    for number, line in enumerate(lines, 1):
        told, known, names = line.partition(" Known: ")
        repeated = known and any(later.endswith(known + names) for later in lines[number:])
        kept.append(told if repeated else line)
    return kept


def _existing(data: Any, loc: Sequence[str | int]) -> KeyPath:
    """Return the longest part of ``loc`` that leads somewhere in the data (no union tags)."""
    path: list[str | int] = []
    for key in loc:
        inside = isinstance(data, Mapping) and key in data
        if isinstance(data, list | tuple):
            inside = isinstance(key, int) and key < len(data)
        if not inside:
            break
        data = data[key]
        path.append(key)
    return tuple(path)


def _messages(
    model: type[BaseModel], data: Any, path: KeyPath, details: list[ErrorDetails]
) -> list[str]:
    """Return what to say of one value (a union gives several details for it)."""
    value = _value_at(data, path)
    kinds = {detail["type"] for detail in details}
    if kinds == {"extra_forbidden"}:
        known = _keys(annotation_at(model, path[:-1]))
        key = str(path[-1])
        return [f"unknown key.{did_you_mean(key, known)} Known: {', '.join(sorted(known))}."]
    if "missing" in kinds:
        return [f"'{detail['loc'][-1]}' is missing" for detail in details]
    annotation = annotation_at(model, path)
    limits = [_LIMITS[kind] for kind in kinds if kind in _LIMITS]
    if limits and sum(bool(_limits(one)) for one in _members(annotation)) < 2:
        context = {key: v for detail in details for key, v in detail.get("ctx", {}).items()}
        return [f"{limit.format(**context)}, got {as_written(value)}" for limit in sorted(limits)]
    custom = [detail for detail in details if detail["type"] in ("value_error", "assertion_error")]
    if custom:
        return [str(detail.get("ctx", {}).get("error", detail["msg"])) for detail in custom]
    if annotation is None:
        return [details[0]["msg"]]
    return [f"expected {describe(annotation)}, got {as_written(value)}"]


def _value_at(data: Any, path: KeyPath) -> Any:
    for key in path:
        data = data[key]
    return data


def as_written(value: Any) -> str:
    """Write a value briefly, as it would stand in the file."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    return shortened(repr(value))


def _keys(annotation: Any) -> list[str]:
    """Return the field names of a model (or of a model in a union)."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return list(option.model_fields)
    return []


def _options(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, else the annotation itself, without ``Annotated``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(inner for option in get_args(annotation) for inner in _options(option))
    return (annotation,)


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, else the annotation itself, with their ``Annotated``."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(inner for option in get_args(annotation) for inner in _members(option))
    return (annotation,)


def _limits(annotation: Any) -> str:
    """Return the limits of an ``Annotated`` type: ``"> 0 and < 1"``."""
    if get_origin(annotation) is not Annotated:
        return ""
    found: list[str] = []
    for extra in get_args(annotation)[1:]:
        found += map(limit, extra.metadata if isinstance(extra, FieldInfo) else [extra])
    return " and ".join(filter(None, found))


def limit(constraint: Any) -> str:
    """Write one constraint of pydantic: ``">= 0"``; nothing for what is no limit."""
    for attribute, sign in _SIGNS.items():
        value = getattr(constraint, attribute, None)
        if value is not None:
            return f"{sign} {value}"
    return ""


def annotation_at(annotation: Any, path: Sequence[str | int]) -> Any:
    """Return the type of the value at a key path of a model, or None if it has none."""
    if not path:
        return annotation
    key, rest = path[0], path[1:]
    for option in _options(annotation):
        below: Any = None
        arguments = get_args(option)
        if isinstance(option, type) and issubclass(option, BaseModel):
            field = option.model_fields.get(str(key))
            below = field.annotation if field else None
        elif arguments and isinstance(key, int):
            variadic = len(arguments) == 1 or arguments[-1] is Ellipsis
            below = arguments[0] if variadic else dict(enumerate(arguments)).get(key)
        elif len(arguments) == 2 and isinstance(key, str):
            below = arguments[1]
        if below is not None:
            return annotation_at(below, rest)
    return None


_WORDS: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "true or false values"),
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    str: ("a string", "strings"),
    dict: ("a mapping", "mappings"),
    type(None): ("null", "nulls"),
    Any: ("any value", "values"),
}


def describe(annotation: Any, plural: bool = False) -> str:
    """Say in words what a type accepts: ``"a list of 3 or 4"``, ``"an integer >= 1 or null"``."""
    members = _members(annotation)
    if len(members) > 1:
        return _either([describe(member, plural) for member in members])
    option = members[0]
    if get_origin(option) is Annotated:
        return f"{describe(get_args(option)[0], plural)} {_limits(option)}".rstrip()
    origin = get_origin(option) or option
    if origin is Literal:
        return _either([as_written(value) for value in get_args(option)])
    if origin in (tuple, list, set, frozenset, Sequence):
        arguments = [item for item in get_args(option) if item is not Ellipsis]
        lists = "lists" if plural else "a list"
        if origin is tuple and len(get_args(option)) == len(arguments) > 1:
            return f"{lists} of {len(arguments)} values"
        return f"{lists} of {describe(arguments[0], plural=True)}" if arguments else lists
    if isinstance(origin, type) and issubclass(origin, BaseModel | Mapping):
        origin = dict
    if origin in _WORDS:
        return _WORDS[origin][plural]
    return str(getattr(option, "__name__", option))


def _either(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
