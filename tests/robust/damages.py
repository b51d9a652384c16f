"""Ways to damage a file: at its start, in its middle, at its end, and all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def _flip(path: Path, at: int) -> None:
    held = bytearray(path.read_bytes())
    held[at] ^= 1
    path.write_bytes(held)


def _cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "first byte": lambda path: _flip(path, 0),
    "early byte": lambda path: _flip(path, min(40, path.stat().st_size - 1)),
    "middle byte": lambda path: _flip(path, path.stat().st_size // 2),
    "last byte": lambda path: _flip(path, -1),
    "half of it": lambda path: _cut(path, path.stat().st_size // 2),
    "one byte short": lambda path: _cut(path, path.stat().st_size - 1),
    "one byte more": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
}
