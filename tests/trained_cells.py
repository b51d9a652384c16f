"""Cells trained in seconds on drawn faces, for whatever loads a trained cell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROTOCOL = """
dataset: {name: synthetic_faces, train: 24, valid: 12, test: 12}
pretrained: false
resize: 72
crop: 64
threads: 1
epochs: 1
stage_epochs: {global: 1, groups: 1}
batch_size: 12
method: {backbone: test_efficientnet, hidden: 16}
masks: {encoder: tu-test_efficientnet, size: 64, epochs: 2, stored_size: 32, batch_size: 4}
"""

BENCHMARK = """
protocol: trained.yaml
tasks: [attributes]
rows:
  plain: {method: linear_head}
  masked: {method: g2ff_ca, dropout: 0.0}
  scaled: {method: g2ff_ca, dropout: 0.0, mask_area: 0.64}
  many: {method: linear_head, tasks: [attributes, age, skin, landmarks]}
"""


@dataclass(frozen=True)
class TrainedRuns:
    """A results folder with one cell a row.

    Attributes:
        folder: The benchmark's folder.
        cache: The cache that they were run with.
        cells: Row to the cell's folder. They are shared: copy before you change one.
    """

    folder: Path
    cache: Path
    cells: dict[str, Path]

    def changed(self, row: str, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
        """Return a copy of a cell whose record was changed."""
        shutil.copytree(self.cells[row], target)
        record = json.loads((target / "cell.json").read_text())
        for sums in ("files", "checksum"):  # with other files it is another cell
            record.pop(sums, None)
        change(record)
        (target / "cell.json").write_text(json.dumps(record))
        return target


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory: pytest.TempPathFactory) -> TrainedRuns:
    """Return the cells, trained once for all tests."""
    from farbench.cli import main

    place = tmp_path_factory.mktemp("trained")
    (place / "trained.yaml").write_text(PROTOCOL)
    (place / "trained_bench.yaml").write_text(BENCHMARK)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FARBENCH_DATA", "FARBENCH_PLUGINS"):
            patch.delenv(name, raising=False)
        patch.setenv("FARBENCH_CACHE", str(place / "cache"))
        words = ["run", place / "trained_bench.yaml", "--results", place / "runs"]
        assert main([str(word) for word in words]) == 0
    folder = place / "runs" / "trained_bench"
    plan = json.loads((folder / "plan.json").read_text())
    cells = {cell["row"]: folder / cell["folder"] for cell in plan["cells"]}
    return TrainedRuns(folder, place / "cache", cells)
