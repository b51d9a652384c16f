"""Are plugins in trouble?"""

from __future__ import annotations

from collections.abc import Iterator

from farbench.plugins.health import Diagnosis, Machine
from farbench.plugins.installed import AUTOLOAD


def check_plugins(machine: Machine) -> Iterator[Diagnosis]:
    """Tell broken plugins, names that two of them provide, and those that are switched off."""
    registry = machine.registry
    for plugin in registry.found:
        if plugin.state == "broken":
            yield Diagnosis(
                f"plugin {plugin.name}",
                "problem",
                f"{plugin.source} is broken: {plugin.error}",
                f"Mend it, or leave it out: {AUTOLOAD}=no:{plugin.name}"
                if plugin.how == "installed"
                else f"Mend it: farbench test-plugin {plugin.source}",
            )
    for clash in registry.clashes:
        yield Diagnosis("plugins", "problem", clash)
    off = [plugin.name for plugin in registry.found if plugin.state == "switched off"]
    if off:
        yield Diagnosis(
            "plugins",
            "warning",
            f"switched off by {AUTOLOAD}: {', '.join(off)}",
            f"unset {AUTOLOAD}",
        )
    loaded = [plugin.name for plugin in registry.found if plugin.state == "loaded"]
    yield Diagnosis("plugins", "ok", f"{len(loaded)} loaded; `farbench plugins` shows them")
