"""Two thousand cells print within seconds, in little memory."""

import pytest
from large_store import run_measured, write_large_store

from farbench.tables.from_store import build


def test_a_large_store_is_one_of_finished_cells(tmp_path):
    (table,) = build(write_large_store(tmp_path / "large", rows=3, datasets=2, seeds=2))
    assert len(table.rows()) == 4  # and the majority class
    cell = table.rows()[0].cells["faces1/accuracy"]
    assert (cell.n, cell.missing, cell.note, len(cell.folders)) == (2, "", "", 2)


@pytest.mark.slow
def test_two_thousand_cells_print_within_seconds(tmp_path):
    folder = write_large_store(tmp_path / "large")
    printed, seconds, kilobytes = run_measured("table", folder, "--format", "csv")
    assert seconds < 15  # some two seconds; the room is for slow machines
    assert kilobytes < 1_000_000
    assert len(printed.splitlines()) > 1600
