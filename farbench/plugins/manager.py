"""Finds plugins, keeps a broken one from stopping the rest, and lists what they provide."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import os
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

import pluggy
from pydantic import ValidationError
from pydantic.errors import PydanticErrorMixin

from farbench.errors import UserError, did_you_mean
from farbench.plugins import specs
from farbench.plugins.base import Plugin
from farbench.plugins.corruption import Corruption
from farbench.plugins.dataset import Dataset, DatasetInfo
from farbench.plugins.files import load_file, plugin_files
from farbench.plugins.grouping import Grouping
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.loss import Loss
from farbench.plugins.method import Method
from farbench.plugins.weighting import TaskWeighting

ENTRY_POINT_GROUP = "farbench"
T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One thing that a plugin provides.

    Attributes:
        name: What the user types.
        value: The class (or, for a grouping, the record).
        provider: The plugin: distribution and version, or a file.
        origin: Where it is written, ``file:line``.
    """

    name: str
    value: T
    provider: str
    origin: str


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that was left out: its name, where it comes from, and why, in one line."""

    name: str
    source: str
    error: str


@dataclass
class Registry:
    """Everything that the loaded plugins provide, by kind and name."""

    hooks: pluggy.PluginManager
    methods: dict[str, Entry[type[Method]]] = field(default_factory=dict)
    datasets: dict[str, Entry[type[Dataset]]] = field(default_factory=dict)
    losses: dict[str, Entry[type[Loss]]] = field(default_factory=dict)
    weightings: dict[str, Entry[type[TaskWeighting]]] = field(default_factory=dict)
    keypoints: dict[str, Entry[type[KeypointModel]]] = field(default_factory=dict)
    groupings: dict[str, Entry[Grouping]] = field(default_factory=dict)
    corruptions: dict[str, Entry[type[Corruption]]] = field(default_factory=dict)
    broken: list[BrokenPlugin] = field(default_factory=list)

    def grouping_records(self) -> dict[str, Grouping]:
        """Return the groupings themselves, as a method's problem holds them."""
        return {name: entry.value for name, entry in self.groupings.items()}


class Kind(NamedTuple):
    """One kind of thing that plugins provide.

    Attributes:
        base: What a provided thing must be.
        hook: The hook that provides it.
        singular: What one of them is called.
    """

    base: type[Any]
    hook: str
    singular: str


KINDS: dict[str, Kind] = {
    "methods": Kind(Method, "farbench_methods", "method"),
    "datasets": Kind(Dataset, "farbench_datasets", "data set"),
    "losses": Kind(Loss, "farbench_losses", "loss"),
    "weightings": Kind(TaskWeighting, "farbench_weightings", "task weighting"),
    "keypoints": Kind(KeypointModel, "farbench_keypoints", "keypoint model"),
    "groupings": Kind(Grouping, "farbench_groupings", "grouping"),
    "corruptions": Kind(Corruption, "farbench_corruptions", "corruption"),
}
"""The kinds by their plural, as ``farbench list`` takes it and a field of the registry is named."""


def load_plugins(paths: Sequence[str | Path] = (), *, strict: bool = False) -> Registry:
    """Load the installed plugins and the given files, and collect what they provide.

    Args:
        paths: Plugin files, or folders of them. Those in the environment variable
            ``FARBENCH_PLUGINS`` (separated as in ``PATH``) come first.
        strict: Make a broken plugin an error instead of leaving it out.

    Raises:
        UserError: A path does not exist, two plugins provide the same name, or, if ``strict``,
            a plugin is broken.
    """
    hooks = pluggy.PluginManager(specs.PROJECT)
    hooks.add_hookspecs(specs)
    registry = Registry(hooks)
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        dist = entry_point.dist
        source = f"{dist.name} {dist.version}" if dist else "unknown distribution"
        _register(registry, entry_point.name, source, entry_point.load)
    from_environment = [p for p in os.environ.get("FARBENCH_PLUGINS", "").split(os.pathsep) if p]
    for path in dict.fromkeys(plugin_files([*from_environment, *paths])):
        _register(registry, path.stem, str(path), functools.partial(load_file, path))
    if strict and registry.broken:
        lines = [f"plugin '{b.name}' ({b.source}) is broken: {b.error}" for b in registry.broken]
        raise UserError("\n".join(lines))
    return registry


def _register(registry: Registry, name: str, source: str, load: Callable[[], ModuleType]) -> None:
    """Load one plugin and take what it provides, whole or not at all."""
    label = f"{name} ({source})"
    known = registry.hooks.has_plugin(label)
    try:
        module = load()
        _check_hooks(module)
        registry.hooks.register(module, name=label)
        registry.hooks.check_pending()
        provided = _provided(module, source)
    except (Exception, SystemExit) as error:  # a plugin may do anything while it is imported
        if registry.hooks.has_plugin(label) and not known:
            registry.hooks.unregister(name=label)
        registry.broken.append(BrokenPlugin(name, source, _in_one_line(error, source)))
        return
    for kind, entry in provided:
        table: dict[str, Entry[Any]] = getattr(registry, kind)
        if entry.name in table and table[entry.name].value is not entry.value:
            other = table[entry.name]
            raise UserError(
                f"{KINDS[kind].singular} '{entry.name}' is provided twice: "
                f"by {other.provider} ({other.origin}) and by {entry.provider} ({entry.origin}). "
                "Rename one of them."
            )
        table.setdefault(entry.name, entry)


def _in_one_line(error: BaseException, source: str) -> str:
    """Return ``"ZeroDivisionError: division by zero (line 3)"``; the line where a file raised it.

    Of pydantic's errors, which fill several lines and end in web addresses, what is wrong is kept.
    """
    if isinstance(error, ValidationError):
        text = "; ".join(
            f"{'.'.join(map(str, (error.title, *detail['loc'])))}: {detail['msg']}"
            for detail in error.errors(include_url=False)
        )
    else:
        text = error.message if isinstance(error, PydanticErrorMixin) else str(error)
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == source
    ]
    where = f"(line {lines[-1]})" if lines else ""
    what = f"{type(error).__name__}:" if text.strip() else type(error).__name__
    return " ".join([what, *text.split(), where]).rstrip()


def _check_hooks(module: ModuleType) -> None:
    """Refuse what looks like a hook and would never be called.

    Raises:
        NameError: A function is named like a hook, and there is no such hook.
        TypeError: A hook is not marked.
    """
    known = sorted(name for name in vars(specs) if name.startswith("farbench_"))
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if not own or not name.startswith("farbench_"):
            continue
        if name not in known:
            raise NameError(
                f"unknown hook '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
            )
        if not hasattr(value, f"{specs.PROJECT}_impl"):
            raise TypeError(f"hook '{name}' is not marked with @farbench.hookimpl")


def _provided(module: ModuleType, source: str) -> list[tuple[str, Entry[Any]]]:
    """Return what one plugin provides: by its hooks, or, in a plain file, by its classes."""
    found: list[tuple[str, Entry[Any]]] = []
    uses_hooks = False
    for kind, (base, hook, _) in KINDS.items():
        implementation = getattr(module, hook, None)
        if implementation is None:
            continue
        uses_hooks = True
        for value in implementation():
            found.append((kind, _entry(value, base, source, module)))
    if uses_hooks or module.__spec__ is None or not module.__name__.startswith("farbench_plugin_"):
        return found
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        for kind, (base, _, _) in KINDS.items():
            if isinstance(value, Grouping) and base is Grouping:
                found.append((kind, _entry(value, base, source, module)))
            elif inspect.isclass(value) and issubclass(value, base):
                if value.__module__ != module.__name__:  # only imported here
                    continue
                found.append((kind, _entry(value, base, source, module)))
    return found


def _entry(value: Any, base: type[Any], source: str, module: ModuleType) -> Entry[Any]:
    """Check one provided thing against its contract.

    Raises:
        TypeError: It is not what its hook promises, or has no usable name.
    """
    good = (
        isinstance(value, base)
        if base is Grouping
        else (inspect.isclass(value) and issubclass(value, base))
    )
    if not good:
        raise TypeError(f"{value!r} is not a {base.__name__}")
    what = f"{base.__name__} {getattr(value, '__name__', '')}".rstrip()
    name = getattr(value, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TypeError(
            f"{what} needs `name: ClassVar[str]` of lower-case letters, digits and underscores"
            + (f", not {name!r}" if name else " (a class that is only a base starts with _)")
        )
    if base is Dataset and not isinstance(getattr(value, "info", None), DatasetInfo):
        raise TypeError(f"{what} needs `info: ClassVar[DatasetInfo]`")
    return Entry(value.name, value, source, _origin(value, module))


def _origin(value: Any, module: ModuleType) -> str:
    if isinstance(value, type) and issubclass(value, Plugin):
        try:
            return f"{inspect.getsourcefile(value)}:{inspect.getsourcelines(value)[1]}"
        except OSError:
            pass
    return str(module.__file__)
