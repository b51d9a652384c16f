"""Puts tables on disk, each file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from farbench.errors import UserError
from farbench.store import atomic
from farbench.tables.from_store import KINDS, build
from farbench.tables.model import Table
from farbench.tables.results import read_results
from farbench.tables.transfer import transfer_tables
from farbench.tables.writers import SUFFIXES, render

SAVED_SUFFIXES = (".md", ".tex", ".csv")


def write_all(folder: Path) -> list[Path]:
    """Write every kind of table into ``<folder>/tables``; return the files.

    That of transfer is left out where it would take more than seconds.

    Args:
        folder: The benchmark's folder, with plan.json.
    """
    target = folder / "tables"
    written = []
    for kind in KINDS:
        tables = _transfer(folder) if kind == "transfer" else build(folder, kind)
        for suffix in SAVED_SUFFIXES:
            path = target / f"{kind}{suffix}"
            if tables:
                write_text(path, render(tables, SUFFIXES[suffix]))
                written.append(path)
            else:
                # A table of masks from an earlier plan would speak of cells that are gone.
                path.unlink(missing_ok=True)
    return written


def _transfer(folder: Path) -> list[Table]:
    try:
        return transfer_tables(read_results(folder), quick=True)
    except UserError:  # finished cells whose predictions were deleted
        return []


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
