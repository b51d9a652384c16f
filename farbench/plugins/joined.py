"""Several data sets as one: each image keeps the labels that its own data set gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench.plugins.dataset import Dataset, DatasetInfo, FaceIndex, read_index
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MARK = ":"
"""Stands between a member's name and the image's id in it."""

_AboutImages = Callable[[Path | None, Sequence[str]], Sequence[int]]
"""A method of a data set that answers with a number an image."""


def _same_names(one: Task, other: Task) -> bool:
    """Tell whether two tasks have the same classes: labels are names, their order is no matter."""
    if not (isinstance(one, Classes) and isinstance(other, Classes)):
        return False
    return one.name == other.name and set(one.classes) == set(other.classes)


class JoinedDataset(Dataset):
    """The images of all members in one index; a label that a member lacks is unknown.

    Splits stay what they are in each member. Tasks of one name must agree in kind and vocabulary;
    only of binary attributes may members name different ones, for those can be joined.
    """

    parts: tuple[Dataset, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        """The members' names, joined by +."""
        return "+".join(part.name for part in self.parts)

    @property
    def info(self) -> DatasetInfo:  # type: ignore[override]
        """Titles, citations and licences of the members."""
        infos = [part.info for part in self.parts]
        return DatasetInfo(
            title=" + ".join(info.title for info in infos),
            citation="; ".join(info.citation for info in infos),
            licence="; ".join(f"{info.title}: {info.licence}" for info in infos),
            how_to_get="\n".join(info.how_to_get for info in infos if info.how_to_get),
            synthetic=all(info.synthetic for info in infos),
            images_may_be_shown=all(info.images_may_be_shown for info in infos),
        )

    @property
    def needs_root(self) -> bool:  # type: ignore[override]
        """Whether any member does."""
        return any(part.needs_root for part in self.parts)

    @property
    def default_tasks(self) -> tuple[str, ...]:  # type: ignore[override]
        """What any member trains by default, in order."""
        names = [
            name
            for part in self.parts
            for name in part.default_tasks or [task.name for task in part.tasks()]
        ]
        return tuple(dict.fromkeys(names))

    def options(self) -> dict[str, Any]:
        """Return each member's options."""
        return {part.name: part.options() for part in self.parts}

    def modules(self) -> tuple[str, ...]:
        """Return the members' modules beside this one."""
        return (__name__, *(module for part in self.parts for module in part.modules()))

    def tasks(self) -> tuple[Task, ...]:
        """Return the tasks of all members on which they agree, each once."""
        return tuple(self._settled()[0].values())

    def refused_tasks(self) -> dict[str, str]:
        """Return tasks that no member offers, and those that mean another thing in each."""
        offered, differing = self._settled()
        by_members = [item for part in self.parts for item in part.refused_tasks().items()]
        return {name: why for name, why in by_members if name not in offered} | differing

    def _settled(self) -> tuple[dict[str, Task], dict[str, str]]:
        found: dict[str, Task] = {}
        owners: dict[str, str] = {}
        refused: dict[str, str] = {}
        for part in self.parts:
            for task in part.tasks():
                known = found.setdefault(task.name, task)
                owner = owners.setdefault(task.name, part.name)
                if isinstance(task, BinaryAttributes) and isinstance(known, BinaryAttributes):
                    names = dict.fromkeys((*known.attributes, *task.attributes))
                    found[task.name] = BinaryAttributes(task.name, tuple(names))
                elif task != known and not _same_names(task, known):
                    refused[task.name] = (
                        f"{owner} and {part.name} cannot be joined: {owner} has "
                        f"{known.wording()}, {part.name} has {task.wording()}. Translate one into "
                        f"the other with `map: {{{task.name}: {{FROM: TO}}}}` in its entry under "
                        f"`datasets`, or leave the task out with `tasks: [...]`."
                    )
        return {name: task for name, task in found.items() if name not in refused}, refused

    def locate(self, data_root: Path) -> Path | None:
        """Return the data root, if every member that needs files is below it."""
        found = all(
            not part.needs_root or part.locate(data_root) is not None for part in self.parts
        )
        return data_root if found else None

    def index(self, root: Path | None) -> FaceIndex:
        """Put the members' indices one below the other; ids become ``<member>:<id>``."""
        import numpy as np
        import pandas as pd

        frames, notes, counts = [], [], []
        sets: list[dict[str, NDArray[np.float32]]] = []
        for part in self.parts:
            index = read_index(part, self._root(part, root))
            frame = index.frame.reset_index(drop=True)
            frame = frame.assign(image=part.name + _MARK + frame["image"].astype(str))
            frames.append(frame)
            sets.append(index.points)
            counts.append(len(frame))
            notes += [f"{part.name}: {note}" for note in index.notes]
        joined = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
        if "identity" not in joined:
            joined["identity"] = pd.NA
        for task in self.tasks():
            for column in task.columns:
                if column not in joined:
                    joined[column] = pd.NA
        points: dict[str, NDArray[np.float32]] = {}
        for key in {key: None for one in sets for key in one}:
            width = next(one[key].shape[1] for one in sets if key in one)
            points[key] = np.concatenate(
                [
                    one.get(key, np.full((count, width, 2), np.nan, np.float32))
                    for one, count in zip(sets, counts, strict=True)
                ]
            )
        return FaceIndex(joined.convert_dtypes(), points, notes)

    def sizes(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the bytes of each image, asked of its own data set."""
        return self._ask_each(root, images, lambda part: part.sizes)

    def stamps(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the stamp of each image, asked of its own data set."""
        return self._ask_each(root, images, lambda part: part.stamps)

    def checksums(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the CRC-32 of each image, asked of its own data set."""
        return self._ask_each(root, images, lambda part: part.checksums)

    def _ask_each(
        self, root: Path | None, images: Sequence[str], question: Callable[[Dataset], _AboutImages]
    ) -> list[int]:
        result = [-1] * len(images)
        for part in self.parts:
            prefix = part.name + _MARK
            mine = [i for i, image in enumerate(images) if image.startswith(prefix)]
            names = [images[i].removeprefix(prefix) for i in mine]
            answers = question(part)(self._root(part, root), names)
            for i, answer in zip(mine, answers, strict=True):
                result[i] = answer
        return result

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Let the image's own data set read it."""
        name, _, image = str(row.image).partition(_MARK)
        part = next(part for part in self.parts if part.name == name)
        return part.read(self._root(part, root), row._replace(image=image))

    def _root(self, part: Dataset, root: Path | None) -> Path | None:
        if not part.needs_root or root is None:
            return None
        return part.locate(root)
