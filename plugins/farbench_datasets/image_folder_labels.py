"""What the labels of an `image_folder` are: one entry of its YAML, and the task it makes."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar
from farbench_datasets.points68 import EYES68, MIRROR68

_KINDS = ("attributes", "classes", "scalar", "landmarks", "identity")
_FURTHER = {
    "low": ("scalar",),
    "high": ("scalar",),
    "column": ("classes", "scalar"),
    "columns": ("landmarks",),
    "mirror": ("landmarks",),
    "eyes": ("landmarks",),
}
"""The other keys, and the kinds that they belong to."""

_STANDARD = {
    5: ("landmarks5", FIVE_MIRROR, FIVE_EYES),
    68: ("dlib68", MIRROR68, EYES68),
}
"""Count of points -> the point set, mirror and eyes where the YAML names none."""


class LabelSpec(BaseModel):
    """One task of an image folder: exactly one of five kinds, and where its labels are.

    Attributes:
        attributes: Columns of yes and no, which are the attributes' names too.
        classes: The class names in output order, as the column has them.
        scalar: The unit of a number.
        landmarks: How many points.
        identity: Size of the embedding; the identities are the data set's column.
        low: The least value of a scalar.
        high: The largest.
        column: The column of classes or a scalar, if it is not named like the task.
        columns: The columns of landmarks, x and y in turn; else x0, y0, x1, ...
        mirror: For each point the one that takes its place in a mirrored image.
        eyes: Two lists of points; their centres' distance is the interocular distance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attributes: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    scalar: str | None = None
    landmarks: int | None = Field(None, ge=1)
    identity: int | None = Field(None, ge=1)
    low: float | None = None
    high: float | None = None
    column: str | None = None
    columns: tuple[str, ...] | None = None
    mirror: tuple[int, ...] | None = None
    eyes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    @field_validator("classes", mode="before")
    @classmethod
    def _as_in_a_csv(cls, names: Any) -> Any:
        """Take numbers for the text that a CSV has of them."""
        if not isinstance(names, list | tuple):
            return names
        if any(isinstance(name, bool) for name in names):
            raise ValueError('write "yes" and "no", "true" and "false" in quotes: to YAML they '
                             "are no words")  # fmt: skip
        return tuple(str(name) if isinstance(name, int | float) else name for name in names)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"give one of {', '.join(_KINDS)}; found {found}")
        kind = given[0]
        for key, kinds in _FURTHER.items():
            if getattr(self, key) is not None and kind not in kinds:
                raise ValueError(f"'{key}' belongs to {' and '.join(kinds)}, not to {kind}")
        if kind == "attributes" and not self.attributes:
            raise ValueError("attributes: name at least one column")
        for names in (self.attributes, self.classes):
            if names and len(set(names)) < len(names):
                raise ValueError(f"{kind}: a name is there twice")
        if kind == "scalar" and (self.low is None or self.high is None or self.low >= self.high):
            raise ValueError("a scalar needs 'low' and 'high', the least and the largest label")
        if kind == "landmarks":
            self._check_points()
        return self

    def _check_points(self) -> None:
        count = self.landmarks or 0
        if self.columns is not None and len(self.columns) != 2 * count:
            raise ValueError(f"{count} landmarks need {2 * count} columns: x and y of each")
        if (self.mirror is None) != (self.eyes is None):
            raise ValueError("give 'mirror' and 'eyes' together")
        if self.mirror is None and count not in _STANDARD:
            raise ValueError(f"{count} landmarks need 'mirror' and 'eyes'; only 5 and 68 do not")
        if self.mirror is not None and sorted(self.mirror) != list(range(count)):
            raise ValueError(f"'mirror' must hold each number from 0 to {count - 1} once")
        if any(not eye or not set(eye) <= set(range(count)) for eye in self.eyes or ()):
            raise ValueError(f"'eyes' must be two lists of points from 0 to {count - 1}")

    def task(self, name: str) -> Task:
        """Return the task that is called ``name``."""
        if self.attributes is not None:
            return BinaryAttributes(name, self.attributes)
        if self.classes is not None:
            return Classes(name, self.classes)
        if self.scalar is not None:
            return Scalar(name, self.scalar, self.low or 0.0, self.high or 0.0)
        if self.landmarks is not None:
            points, mirror, eyes = _STANDARD.get(self.landmarks, ("", (), ((), ())))
            if self.mirror is None or self.eyes is None:
                return Landmarks(name, points, self.landmarks, mirror, eyes)
            return Landmarks(name, name, self.landmarks, self.mirror, self.eyes)
        return Identity(name, self.identity or 0)

    def labels_in(self, name: str) -> tuple[str, ...]:
        """Return the columns that hold the labels of the task ``name``."""
        if self.attributes is not None:
            return self.attributes
        if self.identity is not None:
            return ()
        if self.landmarks is None:
            return (self.column or name,)
        standard = (f"{axis}{point}" for point in range(self.landmarks) for axis in "xy")
        return self.columns or tuple(standard)
