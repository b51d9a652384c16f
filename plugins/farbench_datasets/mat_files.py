"""Variables of MATLAB files: strings and numbers, from version 7.3 (HDF5) and from older ones."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench.errors import UserError, did_you_mean
from farbench.limits import TABLE, check_length, too_large

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HDF5 = b"\x89HDF\r\n\x1a\n"


class MatFile:
    """Some variables of one MATLAB file, as MATLAB shows them whatever the version on disk.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, variables: Sequence[str]) -> None:
        """Read the variables.

        Raises:
            UserError: The file is no MATLAB file, lacks a variable, or needs h5py.
        """
        self.path = path
        with path.open("rb") as file:
            check_length(file, path, TABLE)
            is_hdf5 = _HDF5 in file.read(512 + len(_HDF5))  # behind a text of 512 bytes
        read = _read_hdf5 if is_hdf5 else _read_old
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # scipy's, of a header it cannot follow
                self._values: dict[str, Any] = read(path, variables)
        except UserError:
            raise
        except Exception as error:  # a torn file breaks h5py and scipy in whatever comes first
            raise UserError(
                f"{path} is no MATLAB file that can be read: {error}. An interrupted download?"
            ) from error

    def strings(self, variable: str) -> list[str]:
        """Return a cell array of strings."""
        values = self._values[variable]
        if not isinstance(values, list):
            raise UserError(f"{self.path}: '{variable}' is no list of strings.")
        return values

    def numbers(self, variable: str) -> NDArray[Any]:
        """Return a matrix (rows, columns)."""
        import numpy as np

        values = self._values[variable]
        if isinstance(values, list):
            raise UserError(f"{self.path}: '{variable}' holds strings where numbers belong.")
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf":
            raise UserError(f"{self.path}: '{variable}' is no matrix of numbers.")
        return values


def _lacks(path: Path, variable: str, held: Sequence[str]) -> UserError:
    return UserError(
        f"{path} holds no variable '{variable}'.{did_you_mean(variable, held)} "
        f"It holds: {', '.join(sorted(held)) or 'nothing'}."
    )


def _read_hdf5(path: Path, variables: Sequence[str]) -> dict[str, Any]:
    """Read version 7.3: arrays lie transposed, cells hold references to arrays of code units."""
    try:
        import h5py
    except ImportError:
        raise UserError(
            f"{path} is a MATLAB 7.3 file, which h5py reads. Type: pip install h5py"
        ) from None
    values: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        held = [name for name in file if not name.startswith("#")]
        for variable in variables:
            if variable not in held:
                raise _lacks(path, variable, held)
            data = file[variable]
            _check_unpacked(path, variable, data.size * data.dtype.itemsize)
            if data.dtype == object:
                # Transposed back, so that cells of any shape come in MATLAB's order.
                cells = data[()].T.ravel(order="F")
                values[variable] = [_text(path, variable, file[ref]) for ref in cells]
            else:
                values[variable] = data[()].T
    return values


def _check_unpacked(path: Path, variable: str, length: int) -> None:
    """Refuse a variable that takes more memory than a table may: arrays may be compressed."""
    if length > TABLE:
        raise too_large(f"'{variable}' of {path}", length, TABLE)


def _text(path: Path, variable: str, data: Any) -> str:
    """Return one string; MATLAB writes an empty one as its size, marked so."""
    _check_unpacked(path, variable, data.size * data.dtype.itemsize)
    if data.attrs.get("MATLAB_empty", 0):
        return ""
    return "".join(map(chr, data[()].ravel().tolist()))


def _read_old(path: Path, variables: Sequence[str]) -> dict[str, Any]:
    """Read a version before 7.3, as some re-save such files."""
    import numpy as np
    from scipy.io import loadmat, whosmat

    listed = whosmat(path)
    held = [name for name, _, _ in listed]
    for name, shape, _ in listed:
        _check_unpacked(path, name, 8 * math.prod(shape))
    loaded = loadmat(path, variable_names=list(variables))
    values: dict[str, Any] = {}
    for variable in variables:
        if variable not in loaded:
            raise _lacks(path, variable, held)
        data: NDArray[np.generic] = loaded[variable]
        if data.dtype == object:
            values[variable] = ["".join(np.ravel(cell)) for cell in data.ravel(order="F")]
        elif data.dtype.kind == "U":  # a matrix of characters: a row a string, padded
            values[variable] = [str(text).rstrip() for text in data.ravel()]
        else:
            values[variable] = data
    return values
