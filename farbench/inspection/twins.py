"""What duplicates mean for results: which splits share a picture, and whether labels contradict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.inspection.duplicates import Duplicates
from farbench.inspection.findings import Finding, percent
from farbench.plugins.dataset import SPLITS
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar
from farbench.wording import counted

_NAMED = 3
"""Images of a split that a line names."""


@dataclass(frozen=True)
class Twins:
    """A group of duplicates with what is known of them.

    Attributes:
        images: Split and id of each image, in the order of the splits.
        similarity: See :class:`Duplicates`.
        contradictions: Task (or "identity") -> what its labels say, where they differ. Of
            attributes, the names of those that differ.
    """

    images: tuple[tuple[str, str], ...]
    similarity: float
    contradictions: Mapping[str, Sequence[str]]

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold the picture, in their order."""
        return tuple(dict.fromkeys(split for split, _ in self.images))

    def line(self) -> str:
        """Return the group as one line."""
        parts = []
        for split in self.splits:
            names = [image for of, image in self.images if of == split]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(f"{split}: {', '.join(names[:_NAMED])}{more}")
        if self.similarity < 1:
            parts.append(f"similarity {self.similarity:.3f}")
        parts += [f"{task}: {' / '.join(said)}" for task, said in self.contradictions.items()]
        return " | ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the group as JSON-able values."""
        return {
            "images": [{"split": split, "image": image} for split, image in self.images],
            "similarity": round(self.similarity, 4),
            "contradictions": {task: list(said) for task, said in self.contradictions.items()},
        }


def describe(
    groups: Sequence[Duplicates], frame: pd.DataFrame, labels: Mapping[Task, NDArray[Any]]
) -> list[Twins]:
    """Return what is known of groups: those across splits first, then those that contradict.

    Args:
        groups: The groups.
        frame: The index's frame.
        labels: Of the tasks to be compared; points are not (they are never quite equal).
    """
    splits, images = frame["split"].to_numpy(), frame["image"].astype(str).to_numpy()
    identity = frame.get("identity")
    twins = []
    for group in groups:
        members = sorted(group.members, key=lambda i: (SPLITS.index(splits[i]), i))
        said = {task.name: _differing(task, values[members]) for task, values in labels.items()}
        if identity is not None:
            people = sorted(identity.iloc[members].dropna().astype(str).unique())
            said["identity"] = people if len(people) > 1 else []
        twins.append(
            Twins(
                tuple((str(splits[i]), str(images[i])) for i in members),
                group.similarity,
                {name: values for name, values in said.items() if values},
            )
        )
    return sorted(twins, key=lambda one: (len(one.splits) == 1, not one.contradictions))


def _differing(task: Task, labels: NDArray[Any]) -> list[str]:
    """Return what the known labels of a group say if they differ, else nothing."""
    if isinstance(task, BinaryAttributes):
        differ = (labels == 1).any(0) & (labels == 0).any(0)
        return [name for name, differs in zip(task.attributes, differ, strict=True) if differs]
    if isinstance(task, Classes):
        said = [task.classes[number] for number in np.unique(labels[labels >= 0])]
    elif isinstance(task, Scalar):
        said = [f"{value:g}" for value in np.unique(labels[~np.isnan(labels)])]
    else:
        said = []
    return said if len(said) > 1 else []


def duplicate_finding(
    check: str, what: str, twins: Sequence[Twins], frame: pd.DataFrame
) -> Finding:
    """Return the finding for groups of one kind.

    Args:
        check: Name of the check.
        what: How the images of a group are alike: "equal", "nearly equal".
        twins: The groups.
        frame: The index's frame.
    """
    if not twins:
        return Finding("ok", check, f"no two images are {what}.", data={"groups": []})
    across = [one for one in twins if len(one.splits) > 1]
    odd = [one for one in twins if one.contradictions]
    images = sum(len(one.images) for one in twins)
    parts = [f"{images:,} images in {counted(len(twins), 'group')} are {what}"]
    seen: dict[str, int] = {}
    for split in ("test", "valid"):
        also = sum(s == split for one in twins if "train" in one.splits for s, _ in one.images)
        total = int((frame["split"] == split).sum())
        if also:
            seen[split] = also
            parts.append(f"{also:,} of {total:,} {split} images ({percent(also, total)}) in train")
    both = [one for one in across if {"valid", "test"} <= set(one.splits)]
    if both:
        parts.append(f"{counted(len(both), 'group')} in valid and test")
    if odd:
        parts.append(f"{counted(len(odd), 'group')} with contradicting labels")
    return Finding(
        "warning" if across or odd else "note",
        check,
        f"{'; '.join(parts)}.",
        tuple(one.line() for one in twins),
        {
            "across_splits": len(across),
            "contradicting": len(odd),
            "in_train": seen,
            "groups": [one.as_json() for one in twins],
        },
    )
