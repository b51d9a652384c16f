"""What plugins provide, by kind and name, and what became of each plugin that was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import pluggy

from farbench.plugins.corruption import Corruption
from farbench.plugins.dataset import Dataset
from farbench.plugins.grouping import Grouping
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.loss import Loss
from farbench.plugins.method import Method
from farbench.plugins.weighting import TaskWeighting

T = TypeVar("T")


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
    found: list[FoundPlugin] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    loggers: tuple[str, ...] = ()

    @property
    def broken(self) -> list[FoundPlugin]:
        """The plugins that were left out, because they could not be loaded."""
        return [plugin for plugin in self.found if plugin.state == "broken"]

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
