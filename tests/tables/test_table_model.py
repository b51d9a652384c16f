"""Numbers as printed, and which of them are best and second."""

import pytest

from farbench.tables.model import Cell, Column, Table, rank

UP = Column("m", "mA", higher_is_better=True)
DOWN = Column("e", "Error", higher_is_better=False)


def flags(column, values):
    cells = [Cell(value) for value in values]
    rank((column, cell) for cell in cells)
    return "".join("B" if c.best else "s" if c.second else "." for c in cells)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (UP, [0.1, 0.3, 0.2], ".Bs"),
        (DOWN, [0.1, 0.3, 0.2], "B.s"),
        (UP, [0.92301, 0.92299, 0.9100], "BBs"),  # equal as printed: 92.30
        (UP, [0.9, 0.8, 0.8], "Bss"),
        (UP, [0.9, None, 0.8], "B.s"),
        (UP, [0.9, 0.9], ".."),  # nothing stands out
        (UP, [0.9, None], ".."),
        (Column("n", "n"), [0.9, 0.8], ".."),  # no direction
    ],
)
def test_best_and_second_share_ties_and_follow_the_direction(column, values, expected):
    assert flags(column, values) == expected


def test_numbers_as_printed():
    assert UP.shown(0.92305) == "92.31"
    assert UP.shown(1.0) == "100.00"
    assert Column("d", "", signed=True).shown(0.0019) == "+0.19"
    assert Column("d", "", signed=True).shown(-0.00001) == "+0.00"
    assert Column("d", "", signed=True).shown_std(0.0019) == "0.19"
    assert Column("e", "", percent=False, decimals=3).shown(1.23456) == "1.235"
    assert (UP.direction, DOWN.direction) == ("↑", "↓")
    assert Column("m", "mA", higher_is_better=True, arrow=False).direction == ""


def test_footnotes_are_lettered_once_each():
    table = Table("t", "b", "", [], [], [])
    letters = [table.note(f"reason {i % 28}") for i in range(30)]
    assert letters[:2] == ["a", "b"]
    assert letters[25:30] == ["z", "aa", "ab", "a", "b"]
    table.remark("whole")
    table.remark("whole")
    assert len(table.footnotes) == 29
