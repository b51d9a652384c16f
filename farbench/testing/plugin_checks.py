"""Lines that every plugin with options keeps to: documented, plain options, quick to list."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from farbench.benchmark.explain import user_error
from farbench.benchmark.places import Places
from farbench.errors import UserError, did_you_mean
from farbench.plugins.base import Plugin
from farbench.plugins.files import is_file
from farbench.testing.checks import Broken, Contract, NotTried, Subject
from farbench.testing.light_import import heavy_imports

P = TypeVar("P", bound=Plugin)
TO_FILL_IN = "TO FILL IN"
"""How the source of a plugin begins that `farbench new` has just written."""


@dataclass
class PluginSubject(Subject, Generic[P]):
    """A plugin class and the options that it is checked with.

    Attributes:
        plugin: The class.
        options: Options that differ from the defaults.
        untested_options: Option -> why no test can show what it does. Those that the class itself
            names in ``untested_options`` are added.
    """

    plugin: type[P]
    options: Mapping[str, Any] = field(default_factory=dict)
    untested_options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate the options.

        Raises:
            UserError: An option is unknown, missing or wrong, or one is named as untested that
                does not exist.
        """
        own: Mapping[str, str] = getattr(self.plugin, "untested_options", {})
        self.untested_options = {**own, **self.untested_options}
        known = self.plugin.model_fields
        for name in self.untested_options:
            if name not in known:
                raise UserError(
                    f"untested_options of '{self.plugin.name}' names '{name}', which is no option."
                    f"{did_you_mean(name, known)} Options: {', '.join(known) or 'none'}."
                )
        self.instance = self.made(self.options)

    def made(self, options: Mapping[str, Any]) -> P:
        """Return the plugin with some options.

        Raises:
            UserError: An option is unknown, missing or wrong.
        """
        try:
            return self.plugin.model_validate(dict(options))
        except ValidationError as error:
            where = Places({(): f"options of '{self.plugin.name}'"})
            raise user_error(error, self.plugin, dict(options), where) from None


PLUGIN: Contract[PluginSubject[Any]] = Contract()


@PLUGIN.line(
    "The class has a docstring, a `source` (paper, equation, table), and a description for each "
    "option: `farbench show` prints them.",
    why="A reader of the table looks up there what a row is.",
    mend='Write what is missing: `source: ClassVar[str] = "PAPER, Eq. 3"`, `Field(8, '
    'description="...")`.',
)
def documented(subject: PluginSubject[Any]) -> str | None:
    """Look for docstring, source and descriptions of the class itself, not of a base."""
    plugin = subject.plugin
    missing = [] if (vars(plugin).get("__doc__") or "").strip() else ["the docstring"]
    missing += [] if plugin.source.strip() else ["`source`"]
    missing += [
        f"the description of option '{name}'"
        for name, option in plugin.model_fields.items()
        if not (option.description or "").strip()
    ]
    if missing:
        raise Broken(f"{plugin.__name__} lacks {', '.join(missing)}")
    return "`source` is still to be filled in" if plugin.source.startswith(TO_FILL_IN) else None


@PLUGIN.line(
    "Options are plain values: `options()` as JSON and back gives an equal plugin.",
    why="Results are found again by their options, which are kept as JSON.",
    mend="Use bool, int, float, str, Literal, and tuples or dicts of them; a value that a "
    "validator changes must be accepted as it is after the change.",
)
def options_round_trip(subject: PluginSubject[Any]) -> None:
    """Write the options as JSON, read them, compare."""
    options = subject.instance.options()
    try:
        text = json.dumps(options, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Broken(f"options() gives {options}, which JSON cannot hold ({error})") from None
    again = subject.made(json.loads(text))
    if again != subject.instance:
        raise Broken(f"{text} is read back as {again!r}, not as {subject.instance!r}")


@PLUGIN.line(
    "The plugin's file imports nothing heavy (torch, timm, pandas, ...) as it is loaded.",
    why="`farbench list` loads every plugin, and torch alone takes seconds.",
    mend="Import inside the methods that use it (`def build(...): import torch`), or under "
    "TYPE_CHECKING for annotations; put networks into a file of their own and import "
    "that inside build.",
)
def light_import(subject: PluginSubject[Any]) -> None:
    """Import the module in another process that notes what it asks for."""
    name = subject.plugin.__module__
    if name == "__main__" or name.rpartition(".")[2].startswith(("test_", "conftest")):
        raise NotTried(f"{subject.plugin.__name__} is defined in {name}, which is no plugin file")
    module = name
    if is_file(name):
        module = inspect.getsourcefile(subject.plugin) or name
    found = heavy_imports([module]).get(module, [])
    if found and found[0].startswith("!"):
        raise Broken(
            f"{name} cannot be imported in a new process: {found[0][1:]}",
            "Make the module importable by its name, from an installed package or a plugin file.",
        )
    if found:
        raise Broken(f"loading it imports {found[0]}")
