"""Fixtures for everybody: a temporary benchmark with plugins given as strings, and the CLI."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_benchmark import tiny as tiny
from trained_cells import trained_runs as trained_runs

# Tests side by side share the cores; threads that wait for one another would be slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what it runs in the background with Ctrl-C ignored; the tests of it want it back.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def threads_are_put_back() -> Iterator[None]:
    """A command that ran in this process has set torch's threads; the next test has one again."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


PLUGIN = '''
from typing import ClassVar, Literal

from pydantic import Field

from farbench import BinaryAttributes, Dataset, DatasetInfo, Loss, Method


class Toy(Method):
    """A toy method."""

    name: ClassVar[str] = "toy"
    source: ClassVar[str] = "nowhere"

    levels: tuple[Literal[3, 4, 5], ...] = Field((3, 4), description="Which levels.")
    backbone: str = "resnest50d"
    width: int = Field(8, ge=1, description="How wide.")
    mask_area: float = 1.0


class Plain(Method):
    """A method without options."""

    name: ClassVar[str] = "plain"


class ToyFaces(Dataset):
    """Three drawn faces."""

    name: ClassVar[str] = "toy_faces"
    info: ClassVar[DatasetInfo] = DatasetInfo(
        title="Toy faces", citation="nobody, 2026", licence="none", how_to_get="Draw them."
    )
    needs_root: ClassVar[bool] = False
    noise: float = Field(0.0, ge=0, le=1)

    def tasks(self):
        return (BinaryAttributes("attributes", ("Bald", "Smiling")),)


class ToyLoss(Loss):
    """A toy loss."""

    name: ClassVar[str] = "toy_loss"
    gamma: float = 2.0
'''
"""A plugin file with one thing of each kind that a benchmark needs, light and quick."""

PROTOCOL = "dataset: toy_faces\nloss: toy_loss\nresize: 40\ncrop: 32\nkeypoints: auto\n"


@dataclass
class TempBenchmark:
    """A benchmark file in a folder of its own."""

    file: Path
    folder: Path
    plugins: list[Path]


@pytest.fixture
def temp_benchmark(tmp_path: Path) -> Callable[..., TempBenchmark]:
    """Return a function that writes a benchmark file and what it needs into ``tmp_path``.

    Its arguments: the YAML text; ``plugins``, file name -> Python text (default: a toy plugin
    ``toys.py``); ``files``, more files by relative path. ``toy.yaml`` is a ready protocol. The
    current folder is not changed.
    """

    def write(
        text: str,
        plugins: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        name: str = "bench.yaml",
    ) -> TempBenchmark:
        plugins = {"toys.py": PLUGIN} if plugins is None else plugins
        everything = {"toy.yaml": PROTOCOL, **plugins, **(files or {}), name: text}
        for relative, content in everything.items():
            path = tmp_path / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content), encoding="utf-8")
        return TempBenchmark(tmp_path / name, tmp_path, [tmp_path / plugin for plugin in plugins])

    return write


@dataclass
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def farbench_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return a function that runs ``farbench ARGUMENTS...`` in this process."""
    from farbench.cli import main

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
