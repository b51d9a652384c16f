"""The data set `synthetic_faces`: drawn by farbench, deterministic, nothing to download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from farbench.plugins.dataset import Dataset, DatasetInfo, FaceIndex
from farbench.tasks.attributes import CELEBA_ATTRIBUTES, BinaryAttributes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ID_PREFIX = "face_"


class SyntheticFaces(Dataset):
    """Faces drawn by farbench: 40 attributes and 98 exact points, in the frame of aligned CelebA.

    A face is known by (seed, number): the first ``train`` numbers are the train split, then come
    valid and test, so the splits never share a face. Labels are those of the drawing, turned over
    with probability ``label_noise``; the drawing itself never changes with the noise.
    """

    name = "synthetic_faces"
    source = "farbench_datasets/synthetic"
    needs_root = False
    info = DatasetInfo(
        title="Synthetic faces",
        citation="farbench: faces drawn by its own renderer, no photographs involved.",
        licence="MIT, like farbench",
        how_to_get="Nothing to get: the faces are drawn when they are needed.",
        synthetic=True,
    )

    train: int = Field(2000, ge=1, description="Faces in the train split.")
    valid: int = Field(500, ge=1, description="Faces in the valid split.")
    test: int = Field(1000, ge=1, description="Faces in the test split.")
    seed: int = Field(0, ge=0, description="Another seed, other faces.")
    label_noise: float = Field(
        0.0, ge=0, le=0.5, description="Probability that a label is turned over, in every split."
    )
    height: int = Field(218, ge=32, description="Height of the drawn image in pixels.")
    width: int = Field(178, ge=32, description="Width of the drawn image in pixels.")

    def tasks(self) -> tuple[BinaryAttributes, ...]:
        """Return the 40 attributes of CelebA."""
        return (BinaryAttributes("attributes", CELEBA_ATTRIBUTES),)

    def index(self, root: Path | None) -> FaceIndex:
        """Sample labels and points of every face; nothing is drawn yet."""
        import numpy as np
        import pandas as pd

        from farbench_datasets.synthetic import ATTRIBUTES, sample_face

        count = self.train + self.valid + self.test
        labels = np.empty((count, len(ATTRIBUTES)), dtype=np.int8)
        points = np.empty((count, 98, 2), dtype=np.float32)
        for number in range(count):
            face = sample_face(self.seed, number, self.label_noise)
            labels[number] = face.attributes
            points[number] = face.points
        # The renderer states its points in the 178 x 218 frame, with pixel centres at integers.
        points = (points + 0.5) * np.float32([self.width / 178, self.height / 218]) - 0.5

        position = {attribute: column for column, attribute in enumerate(ATTRIBUTES)}
        columns: dict[str, Any] = {
            "image": [f"{_ID_PREFIX}{number:06d}" for number in range(count)],
            "split": ["train"] * self.train + ["valid"] * self.valid + ["test"] * self.test,
            "identity": pd.array([pd.NA] * count, dtype="string"),
        }
        for attribute in CELEBA_ATTRIBUTES:
            columns[f"attributes.{attribute}"] = labels[:, position[attribute]]
        return FaceIndex(pd.DataFrame(columns), {"wflw98": points.astype(np.float32)})

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Draw one face, uint8 ``(height, width, 3)`` in RGB."""
        from farbench_datasets.synthetic import draw_face, sample_face

        number = int(str(row.image).removeprefix(_ID_PREFIX))
        # Sampled with the same noise, although only labels feel it: one meaning of (seed, number).
        face = sample_face(self.seed, number, self.label_noise)
        return draw_face(face, self.height, self.width)
