"""A benchmark that trains in a second: drawn dots, a network of one layer, and how to run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

METHOD = '''
"""A method in one file."""

import os
import signal
from typing import ClassVar

from pydantic import Field

from farbench import Method, Problem


class TinyNet(Method):
    """Averages each colour over a grid and puts one layer on that."""

    name: ClassVar[str] = "tiny_net"
    source: ClassVar[str] = "nowhere, 2026"

    cells: int = Field(4, ge=1, le=8, description="Cells a side of the grid.")

    def build(self, problem: Problem):
        """Return the network."""
        from torch import nn

        outputs, cells = len(problem.attributes.attributes), self.cells

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.pool = nn.AdaptiveAvgPool2d(cells)
                self.drop = nn.Dropout(0.2)
                self.head = nn.Linear(3 * cells * cells, outputs)
                self.steps = 0

            def forward(self, images):
                self.steps += self.training
                _strike(self.steps)
                return {"attributes": self.head(self.drop(self.pool(images).flatten(1)))}

        return Network()


def _strike(step: int) -> None:
    """Kill or interrupt this process in the middle of a step, if a test asks for it."""
    wanted = os.environ.get("TINY_SIGNAL")
    if wanted and step == int(os.environ["TINY_STEP"]):
        os.kill(os.getpid(), getattr(signal, wanted))
'''

DATASET = '''
"""A data set in one file: dots whose colour and place are the labels."""

import os
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from farbench import BinaryAttributes, Dataset, DatasetInfo, FaceIndex, UserError

NAMES = ("Bright", "Red", "Left", "Top")


class Dots(Dataset):
    """Dots on a grey ground."""

    name: ClassVar[str] = "dots"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="Dots", citation="nobody", licence="none")
    needs_root: ClassVar[bool] = False

    train: int = Field(40, ge=1, description="Images in the train split.")
    valid: int = 12
    test: int = 12
    turned: int = Field(-1, description="Turn the first label of this image over.")
    broken: int = Field(-1, description="This image does not decode.")

    def tasks(self):
        """Return four attributes."""
        return (BinaryAttributes("attributes", NAMES),)

    def index(self, root):
        """Count in binary."""
        import pandas as pd

        count = self.train + self.valid + self.test
        frame = pd.DataFrame({"image": [f"dot{i:03d}" for i in range(count)]})
        frame["split"] = ["train"] * self.train + ["valid"] * self.valid + ["test"] * self.test
        frame["identity"] = pd.array([pd.NA] * count, dtype="string")
        for bit, name in enumerate(NAMES):
            frame[f"attributes.{name}"] = [(7 * i >> bit) & 1 for i in range(count)]
        if self.turned >= 0:
            frame.loc[self.turned, "attributes.Bright"] ^= 1
        return FaceIndex(frame)

    def read(self, root, row):
        """Draw one dot."""
        import numpy as np

        if "TINY_READS" in os.environ:
            with Path(os.environ["TINY_READS"]).open("a") as log:
                log.write(f"{row.image}\\n")
        if row.image == f"dot{self.broken:03d}":
            raise UserError(f"image {row.image} does not decode.")
        number = int(row.image[3:])
        bright, red, left, top = ((7 * number >> bit) & 1 for bit in range(4))
        image = np.random.default_rng(number).integers(90, 130, (48, 48, 3), dtype=np.uint8)
        x, y = (4 if left else 28), (4 if top else 28)
        image[y : y + 16, x : x + 16] = 250 if bright else 10
        image[..., 0] += np.uint8(60 * red)
        return image
'''

PROTOCOL = """
dataset: dots
loss: bce
resize: 40
crop: 32
pretrained: false
threads: 1
learning_rate: 0.05
batch_size: 8
epochs: 3
stage_epochs: {}
"""

BENCHMARK = """
title: Tiny
protocol: tiny.yaml
plugins: [tiny_method.py, tiny_dataset.py]
rows:
  coarse: {method: tiny_net, cells: 2}
  fine: {method: tiny_net, cells: 4}
"""


@dataclass
class Tiny:
    """A folder with the tiny benchmark, a cache and a place for results."""

    folder: Path
    cli: Callable[..., Any]

    @property
    def file(self) -> Path:
        """The benchmark file."""
        return self.folder / "tiny_bench.yaml"

    @property
    def results(self) -> Path:
        """The results root."""
        return self.folder / "results"

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the folder."""
        for name, text in files.items():
            (self.folder / name).write_text(textwrap.dedent(text), encoding="utf-8")

    def run(self, *arguments: object, results: Path | None = None, code: int | None = 0) -> Any:
        """Run the benchmark in this process and check the exit code (None: do not)."""
        outcome = self.cli("run", self.file, "--results", results or self.results, *arguments)
        assert code is None or outcome.code == code, outcome.err
        return outcome

    def start(
        self, *arguments: object, results: Path | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        """Start the benchmark in another process."""
        words = [sys.executable, "-m", "farbench", "run", self.file, "--results"]
        words += [results or self.results, *arguments]
        return subprocess.Popen(
            [str(word) for word in words],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cells(self, results: Path | None = None) -> dict[str, Path]:
        """Return the folders of the current cells by row, in the order of the plan."""
        folder = (results or self.results) / "tiny_bench"
        plan = json.loads((folder / "plan.json").read_text())
        return {cell["row"]: folder / cell["folder"] for cell in plan["cells"]}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, farbench_cli: Callable[..., Any]) -> Tiny:
    """Return the tiny benchmark, alone in an empty current folder."""
    for name in ("FARBENCH_DATA", "FARBENCH_PLUGINS", "TINY_SIGNAL", "TINY_READS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "cache"))
    bench = Tiny(tmp_path / "bench", farbench_cli)
    bench.folder.mkdir()
    bench.write(
        {
            "tiny_method.py": METHOD,
            "tiny_dataset.py": DATASET,
            "tiny.yaml": PROTOCOL,
            "tiny_bench.yaml": BENCHMARK,
        }
    )
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return bench
