"""Checks of the labels: are they allowed, known in every split, and inside the images?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.data.source import Source
from farbench.errors import UserError
from farbench.inspection.findings import Finding, percent
from farbench.plugins.dataset import SPLITS
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.wording import counted

FAR = 0.25
"""A point outside the image by more than this share of the width is in no face's crop."""


def read_labels(source: Source) -> dict[Task, NDArray[Any] | UserError]:
    """Return the labels of every task, or what is wrong with them.

    :meth:`Source.labels` refuses a task that a split lacks; here that is one of the findings.
    """
    labels: dict[Task, NDArray[Any] | UserError] = {}
    for task in source.dataset.tasks():
        try:
            labels[task] = task.labels(source.index.frame, source.index.points)
        except UserError as error:
            labels[task] = error
    return labels


def check_labels(
    source: Source, labels: dict[Task, NDArray[Any] | UserError], sizes: NDArray[np.int32]
) -> Iterator[Finding]:
    """Yield a finding a task, and more where something is odd.

    Args:
        source: The images.
        labels: Of each task (see :func:`read_labels`).
        sizes: Height and width ``(N, 2)`` of the images; 0 where they do not decode.
    """
    default = source.dataset.default_tasks or [task.name for task in labels]
    for task, values in labels.items():
        check = f"labels {task.name}"
        if isinstance(values, UserError):
            yield Finding("wrong", check, str(values))
            continue
        yield _known(source, task, values, check, task.name in default)
        if isinstance(task, BinaryAttributes | Classes):
            yield from _unused(source, task, values, check)
        if isinstance(task, Landmarks):
            yield from _points(source, task, values, sizes)


def _known(
    source: Source, task: Task, labels: NDArray[Any], check: str, is_default: bool
) -> Finding:
    """Say in how many images of each split a task is known, and which splits lack it."""
    known = task.known(labels)
    counts = {split: source.positions(split) for split in SPLITS}
    missing = {split: int((~known[here]).sum()) for split, here in counts.items()}
    data: dict[str, Any] = {"unknown": missing}
    lacking = [split for split, here in counts.items() if missing[split] == len(here)]
    if lacking:
        of = "" if len(lacking) == len(SPLITS) else f" of {' and '.join(lacking)}"
        text = f"no image{of} has a label"
        if is_default:
            text += ": a run with the data set's default tasks stops"
        return Finding("wrong" if is_default else "note", check, f"{text}.", data=data)
    parts = []
    if task.outputs > 1 and labels.ndim == 2:
        gaps = int((labels[known] < 0).sum())
        if gaps:
            parts.append(f"{percent(gaps, labels[known].size)} of single labels are unknown")
            data["unknown_single"] = gaps
    if any(missing.values()):
        shares = (f"{s} {percent(n, len(counts[s]))}" for s, n in missing.items() if n)
        parts.append(f"unknown in {', '.join(shares)} of the images")
    text = "; ".join(parts) or f"known in all {len(known):,} images"
    return Finding("note" if parts else "ok", check, f"{text}.", data=data)


def _unused(
    source: Source, task: BinaryAttributes | Classes, labels: NDArray[Any], check: str
) -> Iterator[Finding]:
    """Yield attributes and classes that cannot be learned or not be measured."""
    for split in ("train", "test"):
        here = labels[source.positions(split)]
        if not task.known(here).any():
            continue
        if isinstance(task, Classes):
            names = [name for number, name in enumerate(task.classes) if not (here == number).any()]
            what = "class", "classes", "never appears", "never appear"
        else:
            both = [
                (here[:, i] == 1).any() and (here[:, i] == 0).any() for i in range(task.outputs)
            ]
            names = [name for name, known in zip(task.attributes, both, strict=True) if not known]
            what = "attribute", "attributes", "has one value only", "have one value only"
        if names:
            single = len(names) == 1
            text = f"{counted(len(names), *what[:2])} {what[2 if single else 3]} in {split}: "
            data = {"split": split, "names": names}
            yield Finding("warning", check, f"{text}{', '.join(names)}.", data=data)


def _points(
    source: Source, task: Landmarks, points: NDArray[Any], sizes: NDArray[np.int32]
) -> Iterator[Finding]:
    """Yield images with points outside, and images whose eyes are on the wrong sides."""
    check = f"points {task.name}"
    names = source.index.frame["image"].astype(str).to_numpy()
    measured = sizes[:, 0] > 0
    width = np.where(measured, sizes[:, 1], 1).astype(np.float64)
    shape = np.where(measured[:, None], sizes[:, ::-1], 1).astype(np.float64)[:, None]
    with np.errstate(invalid="ignore"):
        # A pixel reaches from -0.5 to 0.5 round its whole number.
        beyond = np.maximum(-0.5 - points, points - (shape - 0.5)).max(2)  # (N, P), NaN if unknown
        outside = (beyond > 0) & measured[:, None]
        left, right = (points[:, list(eye)].mean(1)[:, 0] for eye in task.eyes)
        swapped = np.flatnonzero(left > right)
    worst = np.where(outside, beyond, 0).max(1, initial=0) / width
    images = np.flatnonzero(outside.any(1))
    if len(images):
        images = images[np.argsort(-worst[images], kind="stable")]
        far = worst[images[0]] > FAR
        yield Finding(
            "warning" if far else "note",
            check,
            f"{counted(len(images), 'image')} with points outside ({int(outside.sum()):,} points; "
            f"by at most {worst[images[0]]:.1%} of the width)"
            + (": are they in pixels of these images?" if far else "."),
            tuple(
                f"{names[i]}: {counted(int(outside[i].sum()), 'point')}, by {worst[i]:.1%}"
                for i in images
            ),
            {"images": [str(names[i]) for i in images], "points": int(outside.sum())},
        )
    elif task.known(points).any():
        yield Finding("ok", check, "all known points are inside their images.")
    if len(swapped):
        yield Finding(
            "warning",
            check,
            f"in {counted(len(swapped), 'image')} the image-left eye is to the right of the other: "
            "swapped points, mirrored images, or faces that stand on their heads.",
            tuple(str(name) for name in names[swapped]),
            {"images": [str(name) for name in names[swapped]]},
        )
