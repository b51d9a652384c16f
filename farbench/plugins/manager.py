"""Loads plugins: finds them, keeps a broken one from stopping the rest, names those that clash."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from farbench.errors import UserError, unknown_name
from farbench.plugins import specs
from farbench.plugins.files import load_file, plugin_files
from farbench.plugins.installed import AUTOLOAD, LOGGERS, PLUGINS, autoloaded, installed
from farbench.plugins.modules import HOOKS, check_hooks, in_one_line
from farbench.plugins.provided import provided_by
from farbench.plugins.registry import KINDS, Entry, FoundPlugin, Registry


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
    _add_installed(registry)
    _add_files(registry, paths)
    _add_loggers(registry)
    if registry.clashes and not keep_clashes:
        raise UserError("\n".join(registry.clashes))
    if strict and registry.broken:
        lines = [f"plugin '{b.name}' ({b.source}) is broken: {b.error}" for b in registry.broken]
        raise UserError("\n".join(lines))
    return registry


def _add_installed(registry: Registry) -> None:
    """Load the plugins of installed packages, and note those that are switched off."""
    packages = installed(PLUGINS)
    wanted = autoloaded({package.name for package in packages})
    for package in packages:
        plugin = FoundPlugin(package.name, package.source, "installed", "switched off")
        registry.found.append(plugin)
        if package.name in wanted:
            _register(registry, plugin, package.load)


def _add_files(registry: Registry, paths: Sequence[str | Path]) -> None:
    """Load the plugin files of the environment, then the given ones, each once."""
    from_environment = [p for p in os.environ.get("FARBENCH_PLUGINS", "").split(os.pathsep) if p]
    files = [*plugin_files(from_environment, "FARBENCH_PLUGINS"), *plugin_files(paths)]
    for path in dict.fromkeys(files):
        plugin = FoundPlugin(path.stem, str(path), "file", "loaded")
        registry.found.append(plugin)
        _register(registry, plugin, functools.partial(load_file, path))


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
        provides = provided_by(module, plugin.source)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may do anything while it is imported
        if registry.hooks.has_plugin(label) and not known:
            registry.hooks.unregister(name=label)
        plugin.state, plugin.error = "broken", in_one_line(error, plugin.source)
        return
    providers = {kind.hook for kind in KINDS.values()}
    plugin.state, plugin.provides = "loaded", provides
    plugin.hooks = tuple(name for name in HOOKS if name not in providers and hasattr(module, name))
    for kind, entry in provides:
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
