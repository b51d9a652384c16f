"""Tells plugins how a cell gets on."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pluggy

from farbench.plugins.events import CellEvent
from farbench.running.plan import PlannedCell
from farbench.running.progress import Progress


def cell_event(benchmark: str, cell: PlannedCell, folder: Path) -> CellEvent:
    """Return which cell it is, as hooks are told."""
    return CellEvent(benchmark, cell.row.row.id, cell.source.dataset.name, cell.seed, folder)


def tell(hooks: pluggy.PluginManager, progress: Progress, hook: str, **records: Any) -> None:
    """Call a life-cycle hook of every plugin that has it.

    One that fails is warned of. It costs no cell, and no other plugin its call.

    Args:
        hooks: The plugins.
        progress: Where warnings go.
        hook: The hook's name.
        records: Its arguments.
    """
    for one in getattr(hooks.hook, hook).get_hookimpls():
        try:
            one.function(*(records[name] for name in one.argnames))
        except (Exception, SystemExit) as error:
            progress.line(
                f"  warning: {hook} of plugin {one.plugin_name} failed: "
                f"{type(error).__name__}: {error}"
            )
            progress.to_log(traceback.format_exc())
