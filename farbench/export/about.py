"""What is known of the data set that a cell was trained on, whether or not its plugin is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from farbench.errors import UserError
from farbench.plugins.dataset import Framing
from farbench.running.trained import TrainedCell
from farbench.running.trained_record import EXPORTED
from farbench.store.atomic import read_json


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
    kept = trained.folder / EXPORTED
    if kept.is_file():
        return _from_record(read_json(kept)["dataset"])
    record = trained.record["dataset"]
    try:
        info = trained.dataset().info
    except UserError:
        unknown = "unknown: the plugin of the data set was not there when this was written"
        return DatasetFacts(record["title"], "", unknown, "", record["synthetic"], None)
    return DatasetFacts(
        info.title, info.citation, info.licence, info.homepage, info.synthetic, info.framing
    )


def _from_record(record: Mapping[str, Any]) -> DatasetFacts:
    framing = record["framing"]
    if framing is not None:
        five = tuple((x, y) for x, y in framing["five"])
        framing = Framing((framing["size"][0], framing["size"][1]), five)
    return DatasetFacts(**{**record, "framing": framing})
