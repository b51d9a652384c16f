"""Options of the commands that load a trained cell, and how the cell is found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Cell = Annotated[
    str,
    typer.Argument(
        metavar="CELL",
        help="A trained cell: its folder, DIR/ROW, the beginning of its hash, or a folder that "
        "`farbench export` made.",
        show_default=False,
    ),
]


def find_trained(cell: str, results: Path) -> Path:
    """Return the folder of a cell, or of an exported one.

    Raises:
        UserError: There is none.
    """
    from farbench.gate.cells import find_cell
    from farbench.running.trained_record import EXPORTED

    return Path(cell) if (Path(cell) / EXPORTED).is_file() else find_cell(cell, results)
