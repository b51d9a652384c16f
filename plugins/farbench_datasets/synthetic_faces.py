"""The data set `synthetic_faces`: drawn by farbench, deterministic, nothing to download."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from farbench.plugins.dataset import Dataset, DatasetInfo, FaceIndex
from farbench.tasks.attributes import CELEBA_ATTRIBUTES, BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from farbench_datasets.synthetic import Face

_ID_PREFIX = "face_"
_MOST = 1_000_000  # labels and points of every face are held in memory


class SyntheticFaces(Dataset):
    """Faces drawn by farbench: 40 attributes, age, skin, expression, points, in CelebA's frame.

    A face is known by (seed, number): the first ``train`` numbers are the train split, then come
    valid and test, so the splits never share a face, nor a person. Labels are those of the
    drawing, turned over with probability ``label_noise``; the drawing itself never changes with
    the noise.
    """

    name = "synthetic_faces"
    source = "farbench_datasets/synthetic"
    needs_root = False
    default_tasks: ClassVar[tuple[str, ...]] = ("attributes",)
    info = DatasetInfo(
        title="Synthetic faces",
        citation="farbench: faces drawn by its own renderer, no photographs involved.",
        licence="MIT, like farbench",
        how_to_get="Nothing to get: the faces are drawn when they are needed.",
        synthetic=True,
        images_may_be_shown=True,
    )

    train: int = Field(2000, ge=1, le=_MOST, description="Faces in the train split.")
    valid: int = Field(500, ge=1, le=_MOST, description="Faces in the valid split.")
    test: int = Field(1000, ge=1, le=_MOST, description="Faces in the test split.")
    seed: int = Field(0, ge=0, description="Another seed, other faces.")
    label_noise: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Probability, in every split, that a label is turned over (an attribute, and "
        "with Male the gender) or another class takes its place (skin, expression).",
    )
    height: int = Field(218, ge=32, le=4096, description="Height of the drawn image in pixels.")
    width: int = Field(178, ge=32, le=4096, description="Width of the drawn image in pixels.")
    images_per_identity: int = Field(
        1,
        ge=1,
        description="Pictures of each person, in a row. With more than 1 there is a task "
        "`identity`; train and valid must be multiples of it.",
    )
    expressions: bool = Field(
        False,
        description="Draw the seven expressions of RAF-DB. Without, `expression` has two classes: "
        "Happiness (it smiles) and Neutral.",
    )

    @model_validator(mode="after")
    def _no_person_in_two_splits(self) -> Self:
        each = self.images_per_identity
        for split, count in (("train", self.train), ("valid", self.valid)):
            if count % each:
                near = max(count // each * each, each)
                raise ValueError(
                    f"{split}={count} is no multiple of images_per_identity={each}, so a person "
                    f"would be in two splits; use {near} or {near + each}"
                )
        return self

    def tasks(self) -> tuple[Task, ...]:
        """Return attributes, age, gender, skin, expression, points and, maybe, identity."""
        from farbench_datasets.expressions import EXPRESSIONS
        from farbench_datasets.points68 import landmarks68
        from farbench_datasets.synthetic.labels import (
            OLDEST,
            PLAIN_EXPRESSIONS,
            SKIN_TONES,
            YOUNGEST,
        )

        tasks: tuple[Task, ...] = (
            BinaryAttributes("attributes", CELEBA_ATTRIBUTES),
            Scalar("age", "years", YOUNGEST, OLDEST),
            Classes("gender", ("Male", "Female")),
            Classes("skin", SKIN_TONES),
            Classes("expression", EXPRESSIONS if self.expressions else PLAIN_EXPRESSIONS),
            Landmarks("landmarks", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES),
            landmarks68(),
        )
        return (*tasks, Identity("identity")) if self.images_per_identity > 1 else tasks

    def index(self, root: Path | None) -> FaceIndex:
        """Sample labels and points of every face; nothing is drawn yet."""
        import numpy as np
        import pandas as pd

        from farbench.masks.wflw98 import five_points
        from farbench_datasets.points68 import IN_WFLW98
        from farbench_datasets.synthetic import ATTRIBUTES, age_years, class_labels

        faces = [self._face(number) for number in range(self.train + self.valid + self.test)]
        labels = np.stack([face.attributes for face in faces])
        points = np.stack([face.points for face in faces])
        # The renderer states its points in the 178 x 218 frame, with pixel centres at integers.
        stretch = np.array([self.width / 178, self.height / 218], np.float32)
        points = ((points + 0.5) * stretch - 0.5).astype(np.float32)

        position = {attribute: column for column, attribute in enumerate(ATTRIBUTES)}
        columns: dict[str, Any] = {
            "image": [f"{_ID_PREFIX}{face.index:06d}" for face in faces],
            "split": ["train"] * self.train + ["valid"] * self.valid + ["test"] * self.test,
            "identity": pd.array(self._identities(faces), dtype="string"),
        }
        for attribute in CELEBA_ATTRIBUTES:
            columns[f"attributes.{attribute}"] = labels[:, position[attribute]]
        columns["age"] = np.array([age_years(face) for face in faces], np.float32)
        columns["gender"] = np.where(labels[:, position["Male"]] == 1, "Male", "Female")
        classes = [class_labels(face, self.label_noise) for face in faces]
        columns["skin"], columns["expression"] = zip(*classes, strict=True)
        point_sets = {
            "wflw98": points,
            "landmarks5": five_points(points),
            "dlib68": points[:, IN_WFLW98],
        }
        return FaceIndex(pd.DataFrame(columns), point_sets)

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Draw one face, uint8 ``(height, width, 3)`` in RGB."""
        from farbench_datasets.synthetic import draw_face

        face = self._face(int(str(row.image).removeprefix(_ID_PREFIX)))
        return draw_face(face, self.height, self.width)

    def _face(self, number: int) -> Face:
        from farbench_datasets.synthetic import sample_face

        # Drawn with the same noise, although only labels feel it: one meaning of (seed, number).
        return sample_face(
            self.seed, number, self.label_noise, self.images_per_identity, self.expressions
        )

    def _identities(self, faces: Sequence[Face]) -> list[str | None]:
        """Return a name for each face's person; None where every face is a person of its own."""
        return [
            None if face.person is None else f"{self.name}/{self.seed}/{face.person:06d}"
            for face in faces
        ]
