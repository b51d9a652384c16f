"""``robustness.json`` of a cell: its scores on corrupted test images, condition by condition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.store.atomic import write_json

SCHEMA = 1
FILE = "robustness.json"

Entry = dict[str, Any]
"""One condition: ``key``, ``corruption``, ``options``, ``strength``, ``masks``, ``scores``..."""

PLACE = ("corruption", "strength", "masks", "images", "seed")
"""What of an entry names its condition; another entry of the same condition replaces it."""


@dataclass
class RobustnessFile:
    """What a cell's file holds.

    Attributes:
        folder: The cell's folder.
        cell: Key of the cell that was evaluated.
        settings: What was asked last: names of corruptions, strengths, images, masks, seed.
        entries: All conditions that were ever evaluated.
    """

    folder: Path
    cell: str
    settings: dict[str, Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def find(self, **place: Any) -> Entry | None:
        """Return the entry of a condition, given by the words of ``PLACE``."""
        for entry in self.entries:
            if all(entry[word] == place[word] for word in PLACE):
                return entry
        return None

    def add(self, entry: Entry) -> None:
        """Put an entry in the place of an older one of its condition, and write the file."""
        place = {word: entry[word] for word in PLACE}
        older = self.find(**place)
        if older is not None:
            self.entries.remove(older)
        self.entries.append(entry)
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        write_json(
            self.folder / FILE,
            {
                "schema": SCHEMA,
                "cell": self.cell,
                "settings": self.settings,
                "entries": self.entries,
            },
        )


def read_robustness(folder: Path, cell: str = "") -> RobustnessFile:
    """Read a cell's file; an empty one where there is none, or one of another cell.

    Args:
        folder: The cell's folder.
        cell: The key of the cell in it; empty takes the file as it is.

    Raises:
        UserError: The file is damaged.
    """
    path = folder / FILE
    try:
        held: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if held["schema"] != SCHEMA or cell not in ("", held["cell"]):
            return RobustnessFile(folder, cell)
        entries = [dict(entry) for entry in held["entries"]]
        for entry in entries:
            [entry[word] for word in (*PLACE, "key", "scores")]
        return RobustnessFile(folder, held["cell"], dict(held["settings"]), entries)
    except FileNotFoundError:
        return RobustnessFile(folder, cell)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read ({error!r}). Delete it to have the cell evaluated again."
        ) from error
