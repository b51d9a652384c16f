"""``robustness.json`` of a cell: its scores on corrupted test images, condition by condition."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farbench.errors import DamagedFile, UserError
from farbench.store.atomic import check_format, read_json, write_sealed
from farbench.store.shapes import Shape, check_scores, check_shape

SCHEMA = 1
FILE = "robustness.json"

Entry = dict[str, Any]
"""One condition: ``key``, ``corruption``, ``options``, ``strength``, ``masks``, ``scores``..."""

PLACE = ("corruption", "strength", "masks", "images", "seed")
"""What of an entry names its condition; another entry of the same condition replaces it."""

AGAIN = "Delete it to have the cell evaluated again."

SHAPE: Shape = {
    "cell!": str,
    "settings!": {
        "corruptions": [str],
        "strengths": [int],
        "images": int,
        "masks": [str],
        "seed": int,
    },
    "entries!": [
        {
            "key!": str,
            "corruption": str,
            "options": {...: object},
            "strength!": int,
            "masks": str,
            "images": int,
            "seed!": int,
            "scores!": {...: object},
            "mask_agreement": {...: float},
        }
    ],
}


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
        write_sealed(
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
        held = read_json(path)
        if isinstance(held, dict):
            check_format(path, held.get("schema"), SCHEMA)
            if held.get("schema") != SCHEMA or cell not in ("", held.get("cell")):
                return RobustnessFile(folder, cell)
        check_shape(path, held, SHAPE, AGAIN)
        for number, entry in enumerate(held["entries"]):
            check_scores(path, entry["scores"], AGAIN, f"entries[{number}].scores")
        entries = [one | {word: one.get(word) for word in PLACE} for one in held["entries"]]
        return RobustnessFile(folder, held["cell"], held["settings"], entries)
    except FileNotFoundError:
        return RobustnessFile(folder, cell)
    except DamagedFile as error:
        told = f"{error.damage}. Delete it to have the cell evaluated again."
        raise UserError(told) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}). {AGAIN}") from error
