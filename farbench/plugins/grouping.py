"""The contract of an attribute grouping: which attributes share a head, and where they show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from farbench.errors import UserError


@dataclass(frozen=True)
class Grouping:
    """A named partition of attributes, as a paper gives it.

    Attributes:
        name: What the user types.
        source: The paper and table.
        groups: Attribute names a group, in the paper's order.
        regions: The face region (a name of ``farbench.masks.regions``) of each group that has one.
            Masks can only be made when every group has a region.
    """

    name: str
    source: str
    groups: dict[str, tuple[str, ...]]
    regions: dict[str, str]


@dataclass(frozen=True)
class Group:
    """One group resolved against a task: its name, its columns of the output, its region."""

    name: str
    columns: tuple[int, ...]
    region: str | None


def resolve(grouping: Grouping, attributes: Sequence[str]) -> tuple[Group, ...]:
    """Turn attribute names into output columns.

    Attributes that the data set lacks are dropped, and groups left empty with them.

    Raises:
        UserError: An attribute of the data set is in no group, or in several.
    """
    position = {attribute: column for column, attribute in enumerate(attributes)}
    groups = []
    for name, members in grouping.groups.items():
        columns = tuple(position[member] for member in members if member in position)
        if columns:
            groups.append(Group(name, columns, grouping.regions.get(name)))
    covered = [column for group in groups for column in group.columns]
    double = [attributes[column] for column, count in Counter(covered).items() if count > 1]
    if double:
        raise UserError(
            f"grouping '{grouping.name}' has {', '.join(double)} more than once; each attribute is "
            "an output of one head. Keep it in one group."
        )
    missing = [attribute for attribute in attributes if position[attribute] not in covered]
    if missing:
        raise UserError(
            f"grouping '{grouping.name}' has no group for {', '.join(missing)}. "
            "Choose another with the option `grouping`, or see `farbench list groupings`."
        )
    return tuple(groups)
