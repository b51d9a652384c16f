"""Scores of cells on corrupted test images, read from their ``robustness.json``."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from farbench.store.robustness import Entry, RobustnessFile, read_robustness
from farbench.tables.cells import CellResult
from farbench.tables.measures import Measure
from farbench.tables.results import PlannedRow, Results


@dataclass(frozen=True)
class RobustnessScores:
    """What the cells of a benchmark were evaluated under.

    Attributes:
        corruptions: Names, in the order in which they were asked for.
        strengths: In rising order.
        images: How many test images were asked for; None is all.
        masks: How the masks of rows that look through masks are made ("predicted", "clean").
        seed: Of the corruptions' random numbers.
        files: Folder of a cell to its file.
    """

    corruptions: tuple[str, ...]
    strengths: tuple[int, ...]
    images: int | None
    masks: tuple[str, ...]
    seed: int
    files: dict[Path, RobustnessFile]

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """Options of each corruption, as a cell was evaluated with them."""
        every = (entry for file in self.files.values() for entry in file.entries)
        return {e["corruption"]: dict(e.get("options") or {}) for e in every if e["corruption"]}

    def ways(self, results: Results, row: PlannedRow, dataset: str) -> tuple[str | None, ...]:
        """Return how the masks of a row are made, one way a line; None where it takes none."""
        masked = any(cell.record.get("masks") for cell in results.of(row.id, dataset))
        return self.masks if masked else (None,)

    def entries(
        self, cell: CellResult, corruption: str | None, strength: int, masks: str | None
    ) -> dict[str, Entry]:
        """Return a cell's entry of one condition by task; empty where one is missing."""
        found = {}
        for task, folder in cell.folders.items():
            entry = self.files[folder].find(
                corruption=corruption,
                strength=strength,
                masks=masks,
                images=self.images,
                seed=self.seed,
            )
            if entry is None or task not in entry["scores"]:
                return {}
            found[task] = entry
        return found

    def value(
        self,
        cell: CellResult,
        measure: Measure,
        corruption: str | None = None,
        strength: int = 0,
        masks: str | None = None,
    ) -> float | None:
        """Return a cell's number under one condition; by default on clean images."""
        found = self.entries(cell, corruption, strength, masks)
        if measure.task not in found:
            return None
        scores = {task: entry["scores"][task] for task, entry in found.items()}
        return measure.of(replace(cell, scores=scores))

    def mean(
        self, cell: CellResult, measure: Measure, corruption: str, masks: str | None
    ) -> float | None:
        """Return the mean over strengths; None where one of them is missing."""
        values = [self.value(cell, measure, corruption, s, masks) for s in self.strengths]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if len(known) == len(values) else None

    def mean_of_all(self, cell: CellResult, measure: Measure, masks: str | None) -> float | None:
        """Return the mean over corruptions; None where one of them is missing."""
        values = [self.mean(cell, measure, name, masks) for name in self.corruptions]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if len(known) == len(values) else None

    def constant(self, results: Results, dataset: str, measure: Measure) -> float | None:
        """Return what a predictor that sees no image scores on the same images."""
        if measure.attributes:
            return None  # it is stored as a mean over all attributes
        for cell in results.finished(dataset):
            entry = self.entries(cell, None, 0, None).get(measure.task)
            value = (entry["scores"][measure.task].get("reference") or {}) if entry else {}
            if value.get(measure.info.name) is not None:
                return float(value[measure.info.name])
        return None


def read_scores(results: Results) -> RobustnessScores | None:
    """Read the files of all finished cells; None where no cell was evaluated.

    What the first evaluated cell was asked last decides what is shown of all.

    Raises:
        UserError: A file is damaged.
    """
    folders = dict.fromkeys(f for cell in results.finished() for f in cell.folders.values())
    files = {folder: read_robustness(folder) for folder in folders}
    settings: dict[str, Any] = next((one.settings for one in files.values() if one.entries), {})
    if not settings:
        return None
    return RobustnessScores(
        corruptions=tuple(settings["corruptions"]),
        strengths=tuple(sorted(settings["strengths"])),
        images=settings["images"],
        masks=tuple(settings["masks"]),
        seed=settings["seed"],
        files=files,
    )
