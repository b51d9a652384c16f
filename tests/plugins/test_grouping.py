"""A grouping against the attributes of a data set: columns of the output, and what does not fit."""

from __future__ import annotations

import pytest

from farbench import Group, Grouping, UserError
from farbench.plugins.grouping import resolve


def grouping(**groups: tuple[str, ...]) -> Grouping:
    return Grouping("colours", "nowhere", groups, {"warm": "eyes"})


def test_groups_become_columns_and_what_the_data_set_lacks_is_passed_over() -> None:
    colours = grouping(warm=("Red", "Gold"), cold=("Blue",), none=("Grey",))
    found = resolve(colours, ("Blue", "Red"))
    assert found == (Group("warm", (1,), "eyes"), Group("cold", (0,), None))


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"warm": ("Red",)}, "grouping 'colours' has no group for Blue"),
        (
            {"warm": ("Red", "Blue"), "cold": ("Blue",)},
            "grouping 'colours' has Blue more than once",
        ),
        ({"warm": ("Red", "Blue", "Red")}, "grouping 'colours' has Red more than once"),
    ],
)
def test_each_attribute_must_be_in_one_group(groups, words) -> None:
    with pytest.raises(UserError, match=words):
        resolve(grouping(**groups), ("Blue", "Red"))
