"""Finds plugins, keeps a broken one from stopping the rest, and lists what they provide."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import pluggy

from farbench.errors import UserError, unknown_name
from farbench.plugins import specs
from farbench.plugins.base import Plugin
from farbench.plugins.corruption import Corruption
from farbench.plugins.dataset import Dataset, DatasetInfo
from farbench.plugins.files import load_file, plugin_files
from farbench.plugins.grouping import Grouping
from farbench.plugins.installed import AUTOLOAD, LOGGERS, PLUGINS, autoloaded, installed
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.loss import Loss
from farbench.plugins.method import Method
from farbench.plugins.modules import HOOKS, check_hooks, in_one_line
from farbench.plugins.weighting import TaskWeighting

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
class FoundPlugin:
    """A plugin that was found, whatever became of it.

    Attributes:
        name: Its entry point, or the stem of its file.
        source: The distribution and version, or the file.
        how: Where it was found.
        state: "loaded"; "broken"; "switched off" by ``FARBENCH_AUTOLOAD``; "on request": a logger
            that this command did not ask for.
        error: Why it is broken, in one line.
        provides: Its things, each with its kind (see ``KINDS``).
        hooks: Further hooks that it implements: it follows runs, or checks a machine.
    """

    name: str
    source: str
    how: Literal["installed", "file", "logger"]
    state: Literal["loaded", "broken", "switched off", "on request"]
    error: str = ""
    provides: list[tuple[str, Entry[Any]]] = field(default_factory=list)
    hooks: tuple[str, ...] = ()


@dataclass
class Registry:
    """Everything that the loaded plugins provide, by kind and name.

    Attributes:
        hooks: Calls the hooks of the loaded plugins.
        broken: The plugins that were left out.
        found: All plugins, in the order in which they were found.
        clashes: Names that two plugins provide, a sentence each; there are none unless
            :func:`load_plugins` was told to keep them.
        loggers: Names of the loggers that were asked for.
    """

    hooks: pluggy.PluginManager
    methods: dict[str, Entry[type[Method]]] = field(default_factory=dict)
    datasets: dict[str, Entry[type[Dataset]]] = field(default_factory=dict)
    losses: dict[str, Entry[type[Loss]]] = field(default_factory=dict)
    weightings: dict[str, Entry[type[TaskWeighting]]] = field(default_factory=dict)
    keypoints: dict[str, Entry[type[KeypointModel]]] = field(default_factory=dict)
    groupings: dict[str, Entry[Grouping]] = field(default_factory=dict)
    corruptions: dict[str, Entry[type[Corruption]]] = field(default_factory=dict)
    broken: list[BrokenPlugin] = field(default_factory=list)
    found: list[FoundPlugin] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    loggers: tuple[str, ...] = ()

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


def load_plugins(
    paths: Sequence[str | Path] = (),
    *,
    strict: bool = False,
    loggers: Sequence[str] = (),
    keep_clashes: bool = False,
) -> Registry:
    """Load the installed plugins and the given files, and collect what they provide.

    Args:
        paths: Plugin files, or folders of them. Those in the environment variable
            ``FARBENCH_PLUGINS`` (separated as in ``PATH``) come first.
        strict: Make a broken plugin an error instead of leaving it out.
        loggers: Installed loggers to load as well, by name.
        keep_clashes: Of two things with one name keep the first, and note the clash; otherwise it
            is an error.

    Raises:
        UserError: A path or a logger does not exist, a logger cannot be loaded, two plugins provide
            the same name, or, if ``strict``, a plugin is broken.
    """
    hooks = pluggy.PluginManager(specs.PROJECT)
    hooks.add_hookspecs(specs)
    registry = Registry(hooks, loggers=tuple(dict.fromkeys(loggers)))
    packages = installed(PLUGINS)
    wanted = autoloaded({package.name for package in packages})
    for package in packages:
        plugin = FoundPlugin(package.name, package.source, "installed", "switched off")
        registry.found.append(plugin)
        if package.name in wanted:
            _register(registry, plugin, package.load)
    from_environment = [p for p in os.environ.get("FARBENCH_PLUGINS", "").split(os.pathsep) if p]
    for path in dict.fromkeys(plugin_files([*from_environment, *paths])):
        registry.found.append(FoundPlugin(path.stem, str(path), "file", "loaded"))
        _register(registry, registry.found[-1], functools.partial(load_file, path))
    _add_loggers(registry)
    if registry.clashes and not keep_clashes:
        raise UserError("\n".join(registry.clashes))
    if strict and registry.broken:
        lines = [f"plugin '{b.name}' ({b.source}) is broken: {b.error}" for b in registry.broken]
        raise UserError("\n".join(lines))
    return registry


def _add_loggers(registry: Registry) -> None:
    """Load the loggers that were asked for, and note the others."""
    known = installed(LOGGERS)
    for name in registry.loggers:
        if name not in {logger.name for logger in known}:
            raise unknown_name("logger", name, (logger.name for logger in known), "--logger")
    for logger in known:
        plugin = FoundPlugin(logger.name, logger.source, "logger", "on request")
        registry.found.append(plugin)
        if logger.name in registry.loggers:
            _register(registry, plugin, logger.load)
            if plugin.state == "broken":  # who asked for a log must not find out after the run
                raise UserError(
                    f"logger '{logger.name}' ({logger.source}) cannot be used: "
                    f"{plugin.error.removeprefix('UserError: ')}"
                )


def _register(registry: Registry, plugin: FoundPlugin, load: Callable[[], ModuleType]) -> None:
    """Load one plugin and take what it provides, whole or not at all."""
    label = f"{plugin.name} ({plugin.source})"
    known = registry.hooks.has_plugin(label)
    try:
        module = load()
        check_hooks(module)
        registry.hooks.register(module, name=label)
        registry.hooks.check_pending()
        provided = _provided(module, plugin.source)
    except (Exception, SystemExit) as error:  # a plugin may do anything while it is imported
        if registry.hooks.has_plugin(label) and not known:
            registry.hooks.unregister(name=label)
        plugin.state, plugin.error = "broken", in_one_line(error, plugin.source)
        registry.broken.append(BrokenPlugin(plugin.name, plugin.source, plugin.error))
        return
    providers = {kind.hook for kind in KINDS.values()}
    plugin.state, plugin.provides = "loaded", provided
    plugin.hooks = tuple(name for name in HOOKS if name not in providers and hasattr(module, name))
    for kind, entry in provided:
        table: dict[str, Entry[Any]] = getattr(registry, kind)
        if entry.name in table and table[entry.name].value is not entry.value:
            clash = _clash(registry, kind, table[entry.name], entry)
            if clash not in registry.clashes:
                registry.clashes.append(clash)
        table.setdefault(entry.name, entry)


def _clash(registry: Registry, kind: str, first: Entry[Any], second: Entry[Any]) -> str:
    """Say that two plugins provide a name, and what can be done."""
    file = _file(first)
    if file == _file(second) and second.provider == file:
        return (
            f"{file} is given as a plugin file, and {first.provider}, which is installed, provides "
            "what it holds already: leave it out of `plugins:`, --plugins and FARBENCH_PLUGINS "
            "(`farbench test-plugin` takes a name as well)."
        )
    sides = [
        plugin
        for plugin in registry.found
        if (kind, first) in plugin.provides or (kind, second) in plugin.provides
    ]
    advice = "Rename one of them"
    if all(plugin.how == "installed" for plugin in sides):
        ways = " or ".join(dict.fromkeys(f"{AUTOLOAD}=no:{plugin.name}" for plugin in sides))
        advice += f", or leave a plugin out: {ways}"
    return (
        f"{KINDS[kind].singular} '{first.name}' is provided twice: "
        f"by {first.provider} ({first.origin}) and by {second.provider} ({second.origin}). "
        f"{advice}."
    )


def _file(entry: Entry[Any]) -> str:
    """Return the file that an entry is written in."""
    return os.path.realpath(re.sub(r":\d+$", "", entry.origin))


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
