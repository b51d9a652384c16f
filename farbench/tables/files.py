"""Puts tables on disk, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from farbench.errors import UserError
from farbench.store import atomic
from farbench.tables.comparisons.find import find, note_predictions
from farbench.tables.from_store import KINDS
from farbench.tables.kinds.significance import row_places
from farbench.tables.kinds.transfer import transfer_places
from farbench.tables.measures import check_metrics
from farbench.tables.options import TableOptions
from farbench.tables.results import Results, read_results
from farbench.tables.stored import NoPredictions
from farbench.tables.writers import SUFFIXES, render

SAVED_SUFFIXES = (".md", ".tex", ".csv")


def write_all(folder: Path, tell: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Write the tables of every saved kind into ``<folder>/tables``; return the files.

    First rows are compared on stored predictions, where that was not done before.

    Args:
        folder: The benchmark's folder, with plan.json.
        tell: Is told before something takes more than seconds, and what cannot be made.
    """
    results = read_results(folder)
    check_metrics(results)
    compare_rows(results, tell)
    written = []
    for name, kind in KINDS.items():
        if not kind.saved:
            continue
        try:
            tables = kind.build(results, TableOptions())
        except NoPredictions:
            tables = []
        except UserError as error:  # a damaged file must not cost the other tables
            tell(f"no table of {name}: {error}")
            tables = []
        for suffix in SAVED_SUFFIXES:
            path = folder / "tables" / f"{name}{suffix}"
            if tables:
                write_text(path, render(tables, SUFFIXES[suffix]))
                written.append(path)
            else:
                # A table of masks from an earlier plan would speak of cells that are gone.
                path.unlink(missing_ok=True)
    return written


def compare_rows(results: Results, tell: Callable[[str], None]) -> None:
    """Compare what the benchmark compares, however long it takes, and keep it."""
    places = [*row_places(results), *transfer_places(results)]
    if seconds := find(results, places).seconds:
        tell(f"comparing rows on their predictions, about {seconds:.0f} s")
        find(results, places, patient=True)
    note_predictions(results)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; its folder is made if need be.

    Raises:
        UserError: The folder or the file cannot be written.
    """
    try:
        atomic.write_text(path, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write {path}: {reason}. Choose another file.") from error
