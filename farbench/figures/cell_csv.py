"""Reads what a cell stored as CSV: a line an epoch or a step."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from farbench.errors import UserError


def read_cell_csv(path: Path, *columns: str) -> pd.DataFrame | None:
    """Return a CSV file of a cell; None where it is not there.

    Args:
        path: The file.
        columns: Those that it must have.

    Raises:
        UserError: It cannot be read, or lacks a column.
    """
    try:
        frame = pd.read_csv(path)
        frame[list(columns)]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read: {error!r}. Run the cell again.") from error
    return frame
