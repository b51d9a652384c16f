"""The contract of a grouping: every attribute in one group, regions that are known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from farbench.errors import did_you_mean
from farbench.masks.regions import REGIONS
from farbench.plugins.grouping import Grouping
from farbench.tasks.attributes import CELEBA_ATTRIBUTES
from farbench.testing.checks import Broken, Contract, NotTried, Subject
from farbench.testing.plugin_checks import TO_FILL_IN


@dataclass
class GroupingSubject(Subject):
    """A grouping.

    Attributes:
        grouping: The record.
        attributes: The attributes that it must cover; CelebA's where it has one of them.
    """

    grouping: Grouping
    attributes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take CelebA's attributes for a grouping that is made for them."""
        members = {name for group in self.grouping.groups.values() for name in group}
        if not self.attributes and members & set(CELEBA_ATTRIBUTES):
            self.attributes = CELEBA_ATTRIBUTES


GROUPING: Contract[GroupingSubject] = Contract()


@GROUPING.line(
    "A grouping has a `source` (paper and table) and at least one group, none of them empty.",
    why="A reader of the table asks where the groups are from.",
    mend='Write Grouping(name=..., source="PAPER, Table N", groups={"Eyes": (...)}, regions={}).',
)
def described(subject: GroupingSubject) -> str:
    """Look for empty fields."""
    grouping = subject.grouping
    if not grouping.source.strip():
        raise Broken("`source` is empty")
    empty = [name for name, members in grouping.groups.items() if not members]
    if empty or not grouping.groups:
        raise Broken(f"group '{empty[0]}' is empty" if empty else "there are no groups")
    to_do = "; `source` is still to be filled in" if grouping.source.startswith(TO_FILL_IN) else ""
    return f"{len(grouping.groups)} groups{to_do}"


@GROUPING.line(
    "Every attribute is in exactly one group.",
    why="Each attribute is an output of one head: one without a group would not be predicted.",
    mend="Compare the names with CELEBA_ATTRIBUTES, letter by letter; put what a paper leaves out "
    "into the group that fits, and say so.",
)
def covers_once(subject: GroupingSubject) -> str:
    """Count the members."""
    members = [name for group in subject.grouping.groups.values() for name in group]
    double = [name for name, count in Counter(members).items() if count > 1]
    if double:
        raise Broken(f"{', '.join(double)} in several groups, or twice in one")
    missing = [name for name in subject.attributes if name not in members]
    if missing:
        more = [name for name in members if name not in subject.attributes]
        hint = "".join(f" There is '{name}'.{did_you_mean(name, missing)}" for name in more[:1])
        raise Broken(f"no group has {', '.join(missing)}.{hint}")
    if not subject.attributes:
        return f"{len(members)} attributes, none of them CelebA's"
    return f"{len(members)} attributes"


@GROUPING.line(
    "`regions` names a region that masks know for each group, or for none of them.",
    why="A group's mask is made from its region.",
    mend=f"Choose of {', '.join(REGIONS)}; a grouping with regions={{}} has heads, but no masks.",
)
def regions(subject: GroupingSubject) -> str:
    """Look at the regions."""
    grouping = subject.grouping
    if not grouping.regions:
        raise NotTried("there are no regions, so no masks")
    unknown = [name for name in grouping.regions.values() if name not in REGIONS]
    if unknown:
        raise Broken(f"there is no region '{unknown[0]}'.{did_you_mean(unknown[0], REGIONS)}")
    odd = [name for name in grouping.regions if name not in grouping.groups]
    missing = [name for name in grouping.groups if name not in grouping.regions]
    if odd or missing:
        named = f"no group '{odd[0]}'" if odd else f"no region of group '{missing[0]}'"
        raise Broken(f"there is {named}")
    return ", ".join(dict.fromkeys(grouping.regions.values()))
