"""Is a data set what it should be? Every image is opened, every label read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.data.source import Source
from farbench.errors import UserError
from farbench.inspection.duplicates import find_duplicates
from farbench.inspection.findings import Finding, percent
from farbench.inspection.images import ImageFacts, inspect_images
from farbench.inspection.label_checks import check_labels, read_labels
from farbench.inspection.twins import describe, duplicate_finding
from farbench.plugins.dataset import SPLITS, Dataset
from farbench.plugins.joined import JoinedDataset
from farbench.wording import counted


@dataclass(frozen=True)
class Verification:
    """All that was found out about a data set.

    Attributes:
        source: The images and labels.
        findings: In the order of the checks.
        seconds: How long the images took.
    """

    source: Source
    findings: tuple[Finding, ...]
    seconds: float

    def count(self, level: str) -> int:
        """Return the number of findings of a level."""
        return sum(finding.level == level for finding in self.findings)

    def is_sound(self, strict: bool = False) -> bool:
        """Return whether results can rest on the data; if strict, warnings count as well."""
        return not self.count("wrong") and not (strict and self.count("warning"))

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        dataset = self.source.dataset
        return {
            "dataset": dataset.name,
            "title": dataset.info.title,
            "options": dataset.options(),
            "root": None if self.source.root is None else str(self.source.root),
            "manifest": self.source.manifest,
            "images": {split: len(self.source.positions(split)) for split in SPLITS},
            "seconds": round(self.seconds, 2),
            "warnings": self.count("warning"),
            "wrong": self.count("wrong"),
            "findings": [finding.as_json() for finding in self.findings],
        }


def verify(
    source: Source, threads: int = 2, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Run every check on a source.

    Args:
        source: The data set, opened without limits on its images.
        threads: Threads that decode.
        progress: Called with (done, N) while images are decoded.
    """
    facts = inspect_images(source, threads, progress)
    return Verification(source, tuple(_findings(source, facts)), facts.seconds)


def _findings(source: Source, facts: ImageFacts) -> Iterator[Finding]:
    frame = source.index.frame
    yield from _counts(source)
    yield from (Finding("note", "index", note) for note in source.index.notes)
    yield from _images(source, facts)
    yield _identities(frame)
    labels = read_labels(source)
    yield from check_labels(source, labels, facts.sizes)
    for name, why_not in source.dataset.refused_tasks().items():
        yield Finding("note", f"labels {name}", why_not)
    sound = {task: v for task, v in labels.items() if not isinstance(v, UserError)}
    equal, near = find_duplicates(facts)
    yield duplicate_finding("equal images", "equal", describe(equal, frame, sound), frame)
    yield duplicate_finding("near duplicates", "nearly equal", describe(near, frame, sound), frame)


def _counts(source: Source) -> Iterator[Finding]:
    """Yield how the numbers of images compare with the official ones, a finding a data set."""
    dataset, frame = source.dataset, source.index.frame
    if not isinstance(dataset, JoinedDataset):
        yield _count(dataset, frame["split"], "counts")
        return
    for part in dataset.parts:
        mine = frame["image"].astype(str).str.startswith(f"{part.name}:")
        yield _count(part, frame["split"][mine], f"counts {part.name}")


def _count(dataset: Dataset, splits: pd.Series[Any], check: str) -> Finding:
    found = {split: int((splits == split).sum()) for split in SPLITS}
    official = dataset.info.expected_counts
    data = {"found": found, "official": official}
    if not official:
        text = f"{len(splits):,} images; no official counts per split to compare with."
        return Finding("ok", check, text, data=data)
    listed = ", ".join(f"{s} {found[s]:,} of {n:,}" for s, n in official.items())
    differences = [found[split] - number for split, number in official.items()]
    if not any(differences):
        return Finding("ok", check, f"as released: {listed}.", data=data)
    if sum(differences) == 0:
        text = f"as many images as released, split otherwise: {listed}."
        return Finding("note", check, text, data=data)
    if max(differences) <= 0:
        return Finding("note", check, f"a subset of the release: {listed}.", data=data)
    if sum(differences) > 0:
        text = f"more images than were released: {listed}. Is something there twice?"
        return Finding("warning", check, text, data=data)
    text = f"fewer images than were released, but more in a split: {listed}."
    return Finding("warning", check, text, data=data)


def _images(source: Source, facts: ImageFacts) -> Iterator[Finding]:
    """Yield whether images decode, their sizes, and how many are grey."""
    names = source.index.frame["image"].astype(str)
    decoded = facts.decoded()
    good = int(decoded.sum())
    if facts.broken:
        yield Finding(
            "wrong",
            "images",
            f"{counted(len(facts.broken), 'image does', 'images do')} not open.",
            tuple(f"{names.iloc[i]}: {reason}" for i, reason in facts.broken.items()),
            {"broken": {str(names.iloc[i]): reason for i, reason in facts.broken.items()}},
        )
    else:
        yield Finding("ok", "images", f"all {good:,} decode.")
    if not good:
        return
    yield _sizes(facts.sizes[decoded])
    grey = int(facts.grey[decoded].sum())
    data = {
        split: int(facts.grey[here][decoded[here]].sum())
        for split, here in ((split, source.positions(split)) for split in SPLITS)
    }
    text = (
        f"{counted(grey, 'image is', 'images are')} grey ({percent(grey, good)}): "
        + ", ".join(f"{split} {number:,}" for split, number in data.items())
        if 0 < grey < good
        else "all images are grey"
        if grey
        else "no image is grey"
    )
    yield Finding("note" if grey else "ok", "colour", f"{text}.", data={"grey": data})


def _sizes(sizes: NDArray[np.int32]) -> Finding:
    """Return how large the images ``(N, 2)`` are, height and width."""
    kinds = np.unique(sizes, axis=0)
    low, middle, high = (
        [round(float(v)) for v in f(sizes, axis=0)] for f in (np.min, np.median, np.max)
    )
    data = {
        "distinct": len(kinds),
        "height": {"min": low[0], "median": middle[0], "max": high[0]},
        "width": {"min": low[1], "median": middle[1], "max": high[1]},
    }
    if len(kinds) == 1:
        text = f"all are {low[1]} x {low[0]} (width x height)."
    else:
        text = (
            f"{len(kinds):,} sizes; width {low[1]} to {high[1]}, median {middle[1]}; "
            f"height {low[0]} to {high[0]}, median {middle[0]}."
        )
    return Finding("ok", "sizes", text, data=data)


def _identities(frame: pd.DataFrame) -> Finding:
    """Return whether a person is in two splits."""
    identity = frame["identity"] if "identity" in frame else pd.Series(pd.NA, index=frame.index)
    known = frame.assign(identity=identity).dropna(subset="identity")
    if known.empty:
        text = "not known, so it cannot be told whether a person is in two splits."
        return Finding("note", "identities", text)
    table = known.groupby(["identity", "split"]).size().unstack(fill_value=0)
    shared = table[(table > 0).sum(axis=1) > 1]
    rest = len(frame) - len(known)
    unknown = f"; {counted(rest, 'image')} without one" if rest else ""
    data: dict[str, Any] = {"identities": len(table), "unknown": rest}
    if shared.empty:
        text = f"{counted(len(table), 'person', 'persons')}, none in two splits{unknown}."
        return Finding("ok", "identities", text, data=data)
    counts = {
        str(person): {split: int(row[split]) for split in SPLITS if row.get(split, 0)}
        for person, row in shared.iterrows()
    }
    return Finding(
        "wrong",
        "identities",
        f"{len(shared):,} of {counted(len(table), 'person', 'persons')} "
        f"{'is' if len(shared) == 1 else 'are'} in two splits or more{unknown}.",
        tuple(
            f"{person}: {', '.join(f'{split} {n:,}' for split, n in row.items())}"
            for person, row in counts.items()
        ),
        {**data, "shared": counts},
    )
