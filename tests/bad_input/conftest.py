"""Fixture: a results folder with all its files, trained in seconds and without seals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import PLUGINS
from tiny_benchmark import BENCHMARK, DATASET, METHOD, PROTOCOL
from trees import picture

CHANGES = (
    "compare: coarse\nseeds: [0, 1]\nrobustness: {corruptions: [blur], strengths: [1], images: 6}\n"
)
FIGURE = {"median": 1.1, "low": 1.0, "high": 1.2, "rounds": 3, "at_most": 1.3, "met": True}
BENCH = {
    "kind": "farbench bench",
    "machine": {"processor": "any", "cores": 2, "device": "cpu"},
    "benches": {
        "overhead": {"seconds": 1.0, "figures": {"ratio": FIGURE}},
        "masks": {"seconds": 1.0, "error": "it broke"},
    },
}
"""A file of ``farbench bench --json``."""


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the benchmark's folder; two above it, which is the current folder, lie others.

    These are ``base.json``, its baseline; ``bench.json``; ``exported``, a cell; ``faces``.

    It is shared: what a test changes it puts back.

    Its files have no checksums, like those of farbench before it had them: else every change would
    be told as one, and what is read would not be looked at.
    """
    from farbench.cli import main

    place = tmp_path_factory.mktemp("spoiled")
    files = {
        "tiny_method.py": METHOD,
        "tiny_dataset.py": DATASET.replace("test: int = 12", "test: int = 40"),
        "tiny.yaml": PROTOCOL.replace("epochs: 3", "epochs: 1"),
        "bench.yaml": CHANGES + BENCHMARK,
    }
    for name, text in files.items():
        (place / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FARBENCH_DATA", "FARBENCH_PLUGINS"):
            patch.delenv(name, raising=False)
        patch.setenv("FARBENCH_CACHE", str(place / "cache"))
        patch.chdir(place)
        assert main(["run", "bench.yaml", "--results", "runs"]) == 0
        folder = place / "runs" / "bench"
        for path in folder.rglob("*.json"):
            held = json.loads(path.read_text())
            kept = {key: held[key] for key in held if key not in ("checksum", "files")}
            path.write_text(json.dumps(kept))
        assert main(["baseline", str(folder), "-o", "base.json"]) == 0
        (place / "bench.json").write_text(json.dumps(BENCH))
        cell = min(folder.glob("fine-dots-s0-*"))
        assert main(["export", str(cell), "-o", "exported", *PLUGINS]) == 0
        picture(place / "faces" / "1.png")
        yield folder
