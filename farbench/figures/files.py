"""Puts a figure on disk, whole or not at all, without anything that changes from call to call."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import matplotlib

from farbench.errors import UserError
from farbench.store import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = {
    ".pdf": {"CreationDate": None},
    ".png": {},
    ".svg": {"Date": None},
}
"""Suffix -> metadata that makes the file the same each time."""

SAVED_SUFFIXES = (".png", ".pdf")
DPI = 160

STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.0,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text in a paper's PDF
    "svg.hashsalt": "farbench",
}
"""What all figures share; for ``matplotlib.rc_context``."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A900")
"""Okabe and Ito's, which colour-blind readers can tell apart; their yellow darkened for paper."""


def check_suffix(path: Path) -> None:
    """Refuse a file whose suffix names no format of figures.

    Raises:
        UserError: The suffix is another.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(
            f"the suffix of '{path.name}' names no format of figures. Known: {', '.join(FORMATS)}."
        )


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the suffix; its folder is made if need be.

    Raises:
        UserError: The suffix names no format, or the file cannot be written.
    """
    check_suffix(path)
    try:
        atomic.write_with(path, functools.partial(write, figure, suffix=path.suffix.lower()))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot write {path}: {reason}. Choose another file.") from error


def write(figure: Figure, file: Path | BinaryIO, suffix: str) -> None:
    """Write a figure in the format of a suffix of ``FORMATS``, the same bytes each time."""
    with matplotlib.rc_context(STYLE):
        figure.savefig(file, format=suffix[1:], dpi=DPI, metadata=FORMATS[suffix] or None)
