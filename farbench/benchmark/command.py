"""The command line that leads to a benchmark again, without the places of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def run_command(
    source: str | Path,
    protocol: str | None,
    dataset: str | None,
    sets: Sequence[str],
    plugins: Sequence[str | Path],
) -> tuple[str, ...]:
    """Return the words that load a benchmark as it was loaded; rows and seeds are left to say.

    Args:
        source: As of :func:`farbench.benchmark.loading.load_benchmark`, like the others.
        protocol: Likewise.
        dataset: Likewise.
        sets: Likewise.
        plugins: Likewise.
    """
    words = ["farbench", "run", _portable(source)]
    words += ["--protocol", _portable(protocol)] if protocol is not None else []
    words += ["--dataset", dataset] if dataset is not None else []
    words += [word for change in sets for word in ("--set", change)]
    words += [word for plugin in plugins for word in ("--plugins", _portable(plugin))]
    return tuple(words)


def _portable(path: str | Path) -> str:
    """Return a relative path or a name as it is, an absolute path as its file's name."""
    return Path(path).name if Path(path).is_absolute() else str(path)
