"""What is known of the data set that a cell was trained on, whether or not its plugin is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.plugins.dataset import Framing
from farbench.running.trained import TrainedCell
from farbench.running.trained_record import EXPORTED
from farbench.store.atomic import read_json
from farbench.store.shapes import Shape, check_shape

SHAPE: Shape = {
    "title!": str,
    "citation!": str,
    "licence!": str,
    "homepage!": str,
    "synthetic!": bool,
    "framing": {"size!": [int], "five!": [[float]]},
}
"""Of :meth:`DatasetFacts.record`."""


@dataclass(frozen=True)
class DatasetFacts:
    """What users of a trained cell must know of its data set.

    Attributes:
        title: The name as papers write it.
        citation: Authors, title, venue, year.
        licence: The terms in a few words.
        homepage: Where it lives.
        synthetic: Whether the images are drawn.
        framing: Where faces lie in its images, if they were aligned before they were published.
    """

    title: str
    citation: str
    licence: str
    homepage: str
    synthetic: bool
    framing: Framing | None

    def record(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)


def dataset_facts(trained: TrainedCell) -> DatasetFacts:
    """Return what the data set's plugin says, or what an exported folder kept of it."""
    path = trained.folder / EXPORTED
    if path.is_file():
        kept = read_json(path)
        check_shape(path, kept, {"dataset!": SHAPE})
        return _from_record(path, kept["dataset"])
    record = trained.record["dataset"]
    try:
        info = trained.dataset().info
    except UserError:
        unknown = "unknown: the plugin of the data set was not there when this was written"
        synthetic = bool(record.get("synthetic"))
        return DatasetFacts(record["title"], "", unknown, "", synthetic, None)
    return DatasetFacts(
        info.title, info.citation, info.licence, info.homepage, info.synthetic, info.framing
    )


def _from_record(path: Path, record: Mapping[str, Any]) -> DatasetFacts:
    framing = record.get("framing")
    if framing is not None:
        size, five = framing["size"], framing["five"]
        if len(size) != 2 or [len(point) for point in five] != [2] * 5:
            raise UserError(f"{path}: dataset.framing is no size and five points. Export it again.")
        framing = Framing((size[0], size[1]), tuple((x, y) for x, y in five))
    known = {key.rstrip("!"): record[key.rstrip("!")] for key in SHAPE if key.endswith("!")}
    return DatasetFacts(**known, framing=framing)
