"""Two thousand cells print within seconds, in little memory."""

import os
import subprocess
import sys
import time

import pytest
from large_store import write_large_store

from farbench.tables.from_store import build


def test_a_large_store_is_one_of_finished_cells(tmp_path):
    (table,) = build(write_large_store(tmp_path / "large", rows=3, datasets=2, seeds=2))
    assert len(table.rows()) == 4  # and the majority class
    cell = table.rows()[0].cells["faces1/accuracy"]
    assert (cell.n, cell.missing, cell.note, len(cell.folders)) == (2, "", "", 2)


@pytest.mark.slow
def test_two_thousand_cells_print_within_seconds(tmp_path):
    folder = write_large_store(tmp_path / "large")
    words = [sys.executable, "-m", "farbench", "table", str(folder), "--format", "csv"]
    started = time.perf_counter()
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(words, stdout=out)
        _, process.returncode, usage = os.wait4(process.pid, 0)
    assert process.returncode == 0
    assert time.perf_counter() - started < 20  # some two seconds; the room is for busy machines
    assert usage.ru_maxrss < 1_000_000  # kilobytes
    assert len((tmp_path / "out").read_text().splitlines()) > 1600
