"""The contract of a keypoint model: 98 points in the WFLW order, or a reason why not."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.masks import wflw98
from farbench.plugins.dataset import Dataset, FaceIndex, read_index
from farbench.plugins.keypoints import KeypointModel
from farbench.testing.checks import Broken, Contract, NotTried
from farbench.testing.plugin_checks import PLUGIN, PluginSubject

FACES = 4
CHEAP = 1.0
"""Seconds that `unavailable` may take."""


@dataclass
class KeypointSubject(PluginSubject[KeypointModel]):
    """A keypoint model and the faces that it is tried on.

    Attributes:
        faces: A data set of drawn faces; without one, images of noise round the average face.
    """

    faces: Dataset | None = None

    @cached_property
    def index(self) -> FaceIndex:
        """A few faces with all the point sets that their data set has."""
        if self.faces is None:
            return _average_faces()
        index = read_index(self.faces, None)
        points = {name: values[:FACES] for name, values in index.points.items()}
        return FaceIndex(index.frame.iloc[:FACES].reset_index(drop=True), points)

    @property
    def bare(self) -> FaceIndex:
        """The same faces without point sets."""
        return FaceIndex(self.index.frame)

    @cached_property
    def served(self) -> FaceIndex:
        """The faces with as little as the model needs: without point sets, if it can.

        Raises:
            NotTried: It can serve neither.
        """
        index = self.bare if not self.instance.unavailable(self.bare) else self.index
        if reason := self.instance.unavailable(index):
            raise NotTried(f"it cannot serve drawn faces: {reason}")
        return index

    @cached_property
    def found(self) -> NDArray[np.float32]:
        """The points of these faces, found once."""
        return self.instance.points(self.served, self.read)

    def read(self, position: int) -> NDArray[np.uint8]:
        """Return an image."""
        if self.faces is None:
            noise = np.random.default_rng(position)
            return noise.integers(0, 256, (218, 178, 3), dtype=np.uint8)
        row: Any = next(self.index.frame.iloc[[position]].itertuples())
        return self.faces.read(None, row)


KEYPOINTS: Contract[KeypointSubject] = Contract(*PLUGIN.checks)


@KEYPOINTS.line(
    '`unavailable` says in a moment why the model cannot serve a data set, or ""; it loads no '
    "model and never raises.",
    why="A plan asks every model that it might take, before anything is computed.",
    mend="Look at index.points, at files and at importlib.util.find_spec(PACKAGE), nothing else.",
)
def unavailable(subject: KeypointSubject) -> str:
    """Ask for faces with and without point sets."""
    answers = []
    loaded = "torch" in sys.modules
    for what, index in (("with points", subject.index), ("without points", subject.bare)):
        started = time.process_time()
        answer = subject.instance.unavailable(index)
        seconds = time.process_time() - started
        if not isinstance(answer, str):
            raise Broken(f"{what} unavailable gives {answer!r}, not a text")
        if seconds > CHEAP:
            raise Broken(f"{what} unavailable takes {seconds:.1f} s")
        answers.append(f"{what}: {answer or 'can serve'}")
    if not loaded and "torch" in sys.modules:
        raise Broken("unavailable imports torch")
    return "; ".join(answers)


@KEYPOINTS.line(
    "`resolve` gives a keypoint model that can serve what this one can, and `note` a text.",
    why="The cell is known by the model that was used in the end, and the caption prints the note.",
    mend='Return self from resolve unless the model chooses another; return "" from note.',
    needs=("unavailable",),
)
def resolve(subject: KeypointSubject) -> str:
    """Ask for faces with and without point sets."""
    names = []
    for index in (subject.index, subject.bare):
        if subject.instance.unavailable(index):
            continue
        model = subject.instance.resolve(index)
        if not isinstance(model, KeypointModel) or model.unavailable(index):
            raise Broken(f"resolve gives {model!r}, which cannot serve")
        if not isinstance(subject.instance.note(index), str):
            raise Broken(f"note gives {subject.instance.note(index)!r}")
        names.append(model.name)
    if not names:
        raise NotTried("it can serve neither faces with points nor without")
    return ", ".join(dict.fromkeys(names))


@KEYPOINTS.line(
    "`points` gives float32 (images, 98, 2) in pixels (x, y) of the original images, in the WFLW "
    "order; a row of NaN where no face was found.",
    why="Masks are made from them: other points mask other parts of the face.",
    mend="Map other layouts to WFLW's (farbench.masks.wflw98 names the parts), x first; a face is "
    "known whole or not at all.",
    needs=("unavailable",),
)
def points(subject: KeypointSubject) -> str:
    """Find the points of a few faces, with their point sets if it needs them, twice."""
    index, found = subject.served, subject.found
    wanted = (len(index.frame), wflw98.NUM_POINTS, 2)
    if found.shape != wanted or found.dtype != np.float32:
        raise Broken(f"points gives {found.dtype} {found.shape}, not float32 {wanted}")
    unknown = np.isnan(found[:, 0, 0])
    partly = np.isnan(found) != unknown[:, None, None]
    if partly.any() or np.isinf(found).any():
        raise Broken("a face has some points that are not finite")
    again = subject.instance.points(index, subject.read)
    if not np.array_equal(found, again, equal_nan=True):
        raise Broken("the same faces get other points at the second call")
    if unknown.all():
        return "no face was found in any of the images"
    seen = f"{(~unknown).sum()} of {len(unknown)} faces found"
    true = subject.index.points.get("wflw98")
    if true is None:
        return seen
    eyes = np.linalg.norm(
        true[:, wflw98.LEFT_EYE].mean(1) - true[:, wflw98.RIGHT_EYE].mean(1), axis=1
    )
    error = float((np.linalg.norm(found - true, axis=2).mean(1) / eyes)[~unknown].mean())
    if error > 0.5:
        raise Broken(f"points are off by {error:.2f} of the distance between the eyes")
    return f"{seen}, off by {error:.3f} of the distance between the eyes"


@KEYPOINTS.line(
    "An image gets the same points whatever other images are asked for with it.",
    why="Points are found for one part of a data set after the other, and kept part by part.",
    mend="Look at one image at a time: row i of the result belongs to read(i) and to row i of the "
    "index, which is numbered from 0 in each part.",
    needs=("points",),
)
def image_by_image(subject: KeypointSubject) -> None:
    """Find the points of the last faces alone."""
    index, first = subject.served, FACES // 2
    part = FaceIndex(
        index.frame.iloc[first:].reset_index(drop=True),
        {name: values[first:] for name, values in index.points.items()},
    )
    alone = subject.instance.points(part, lambda position: subject.read(first + position))
    among = subject.found[first:]
    if not np.allclose(alone, among, atol=0.01, equal_nan=True):
        far = float(np.nanmax(np.abs(alone - among), initial=0))
        raise Broken(f"without the first {first} images the others' points are {far:.3g} px away")


def _average_faces() -> FaceIndex:
    """Return the average face in slightly different places."""
    import pandas as pd

    shifts = np.random.default_rng(0).normal(0, 3, (FACES, 1, 2))
    face = wflw98.FRONTAL * wflw98.CELEBA_UNIT + np.asarray(wflw98.CELEBA_ORIGIN)
    points = (face + shifts).astype(np.float32)
    frame = pd.DataFrame({"image": [f"average_{i}" for i in range(FACES)]})
    frame["split"] = "train"
    return FaceIndex(frame, {"wflw98": points, "landmarks5": wflw98.five_points(points)})
