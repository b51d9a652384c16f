"""Reads what a cell stored as CSV: a line an epoch or a step."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from farbench.errors import UserError

MOST = 10**9
"""No training has more steps, let alone epochs."""


def read_cell_csv(path: Path, counter: str, *columns: str) -> pd.DataFrame | None:
    """Return a CSV file of a cell: the column ``stage``, else numbers; None where it is not there.

    Args:
        path: The file.
        counter: The column that counts lines from 1 in each stage.
        columns: Others that it must have.

    Raises:
        UserError: It cannot be read, lacks a column, or a number is none.
    """
    try:
        frame = pd.read_csv(path, dtype={"stage": str}, index_col=False)
        frame[["stage", counter, *columns]]
        for name in frame.columns.drop("stage"):
            if not pd.api.types.is_numeric_dtype(frame[name]):
                raise ValueError(f"the column {name} does not hold numbers alone")
        if frame["stage"].isna().any() or not frame[counter].between(1, MOST).all():
            raise ValueError(f"the columns stage and {counter} do not count from 1 in every line")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read: {error}. Run the cell again.") from error
    return frame
