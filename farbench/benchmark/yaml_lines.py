"""Safe YAML that remembers the line of every value and refuses a key given twice.

Plain words are read by the rules of YAML 1.2, so that ``on``, ``off``, ``yes`` and ``no`` stay text
and ``1e-4`` is a number. Keys are always text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from farbench.benchmark.places import Document, KeyPath, Places
from farbench.errors import UserError, shortened, shown
from farbench.limits import YAML, read_whole

_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")
}

MOST_VALUES = 100_000
"""Of a document, with every alias written out: a few lines of aliases can stand for billions."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the plain scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    """Read an integer in base ten (YAML 1.1 would read a leading zero as octal).

    Raises:
        ValueError: It is none, or has more than 64 bits, which no library behind can hold.
    """
    value = int(node.value)
    if not -(2**63) <= value < 2**63:
        raise ValueError(value)
    return value


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    """Read a float without YAML 1.1's base-sixty numbers."""
    text = node.value.lower()
    if text.endswith((".inf", ".nan")):
        text = text.replace(".inf", "inf").replace(".nan", "nan")
    return float(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def read_yaml(path: Path) -> Document:
    """Read a file whose top level is a mapping.

    Raises:
        UserError: The file is missing, is not text, is not valid YAML, repeats a key, or holds
            something else than a mapping. The message names file and line.
    """
    try:
        held = read_whole(path, YAML)
    except FileNotFoundError:
        raise UserError(f"no file {shown(path)}.") from None
    except OSError as error:
        raise UserError(f"cannot read {shown(path)}: {error.strerror or error}.") from None
    try:
        text = held.decode("utf-8")
    except UnicodeDecodeError as error:
        line = held[: error.start].count(b"\n") + 1
        raise UserError(f"{shown(path)}:{line}: not UTF-8 text; save the file as UTF-8.") from None
    places = Places()
    value = _parse(text, shown(path), places)
    if not isinstance(value, dict):
        what = "is empty" if value is None else "holds a list" if isinstance(value, list) else ""
        raise UserError(
            f"{shown(path)}: expected keys and values (`title: ...`), but the file "
            f"{what or 'holds none'}."
        )
    return Document(value, places)


def parse_value(text: str, place: str) -> Any:
    """Read one YAML value given on the command line; ``place`` is the flag as it was typed.

    Raises:
        UserError: The text is not valid YAML.
    """
    return _parse(text, place, Places(), with_lines=False)


def _parse(text: str, source: str, places: Places, with_lines: bool = True) -> Any:
    """Turn YAML text into plain data and fill ``places``."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _count(node, {}) > MOST_VALUES:
                raise UserError(
                    f"{source}: more than {MOST_VALUES:,} values, with every alias written out."
                )
            return _Converter(loader, source, places, with_lines).convert(node, ())
        finally:
            loader.dispose()
    except RecursionError:
        raise UserError(f"{source}: too many levels, one inside the other.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{source}:{mark.line + 1}" if mark and with_lines else source
        raise UserError(f"{at}: not valid YAML: {_problem(error)}.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{source}: not valid YAML: {' '.join(str(error).split())}.") from None


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for; an alias counts as all that it points at.

    Args:
        node: The node.
        known: Counts of nodes that were met before, by their identity.
    """
    if id(node) not in known:
        known[id(node)] = 1  # what contains itself is refused where it is converted
        below: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            below = [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            below = node.value
        known[id(node)] = 1 + sum(_count(value, known) for value in below)
    return known[id(node)]


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return what PyYAML says is wrong, in words that help."""
    problem = str(error.problem or error.context)
    if r"character '\t'" in problem:
        return "there is a tab; use spaces"
    if problem.startswith("but found another document"):
        return "a second document begins here (`---`); a file holds one"
    return problem


class _Converter:
    """Walks the node tree of one document."""

    def __init__(self, loader: _Loader, source: str, places: Places, with_lines: bool) -> None:
        self.loader = loader
        self.source = source
        self.places = places
        self.with_lines = with_lines
        self.open: list[yaml.Node] = []
        self.checked: list[yaml.Node] = []

    def at(self, node: yaml.Node) -> str:
        """Return ``file:line`` of a node."""
        return f"{self.source}:{node.start_mark.line + 1}" if self.with_lines else self.source

    def convert(self, node: yaml.Node, path: KeyPath) -> Any:
        """Return the plain value of a node and note its place and its children's."""
        if any(node is outer for outer in self.open):
            raise UserError(f"{self.at(node)}: an alias must not point at what contains it.")
        self.places.lines.setdefault(path, self.at(node))
        self.open.append(node)
        try:
            if node.tag not in _TAGS:
                raise UserError(f"{self.at(node)}: not valid YAML here: the tag '{node.tag}'.")
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.convert(item, (*path, i)) for i, item in enumerate(node.value)]
            try:
                return self.loader.construct_object(node, deep=True)
            except (ValueError, KeyError):  # as in `!!int x`
                kind = node.tag.rpartition(":")[2].replace("int", "integer of at most 64 bits")
                raise UserError(
                    f"{self.at(node)}: '{shortened(node.value)}' is no {kind}."
                ) from None
        finally:
            self.open.pop()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        if not any(node is seen for seen in self.checked):  # an aliased node comes by twice
            self.checked.append(node)
            self._refuse_repeated_keys(node)
            self.loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key, value in node.value:  # keys merged by `<<` come first, so the own ones win
            below = (*path, key.value)
            self.places.forget(below)
            self.places.lines[below] = self.at(key)
            result[key.value] = self.convert(value, below)
        return result

    def _refuse_repeated_keys(self, node: yaml.MappingNode) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{self.at(key)}: a key must be a plain word.")
            if not key.value or not key.value.isprintable():
                raise UserError(
                    f"{self.at(key)}: a key must be printable, got {shortened(repr(key.value))}."
                )
            line = key.start_mark.line + 1
            if key.value in first and key.tag != "tag:yaml.org,2002:merge":
                earlier = f" (first on line {first[key.value]})" if self.with_lines else ""
                raise UserError(f"{self.at(key)}: key '{key.value}' is given twice{earlier}.")
            first[key.value] = line
