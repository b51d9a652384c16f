"""A plugin of each kind that keeps to its contract; the tests break them one line at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import (
    CELEBA_ATTRIBUTES,
    BinaryAttributes,
    Classes,
    Dataset,
    DatasetInfo,
    FaceIndex,
    Grouping,
    Identity,
    KeypointModel,
    Landmarks,
    Loss,
    MaskRequest,
    Method,
    Problem,
    Scalar,
    Stage,
    Task,
    TaskWeighting,
    TrainStatistics,
    UserError,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


class Good(Method):
    """A tiny network for tasks of any kind, trained in two stages."""

    name: ClassVar[str] = "good"
    source: ClassVar[str] = "tests/testing"

    hidden: int = Field(8, ge=1, description="Size of the feature.")
    pooling: Literal["max", "avg"] = Field("avg", description="How maps are pooled.")
    dropout: float = Field(0.1, ge=0, lt=1, description="On the feature.")

    def build(self, problem: Problem) -> nn.Module:
        from good_networks import GoodNetwork

        return GoodNetwork(problem, self.hidden, self.pooling, self.dropout)

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("global", self), Stage("joint", self, frozen=("trunk",)))


class GoodGroups(Method):
    """A tiny network of groups that looks through masks."""

    name: ClassVar[str] = "good_groups"
    source: ClassVar[str] = "tests/testing"
    task_kinds: ClassVar[tuple[str, ...]] = ("attributes",)

    grouping: str = Field("mgmtn", description="The groups.")
    hidden: int = Field(8, ge=1, description="Size of the feature.")
    area: float = Field(1.0, gt=0, description="Area of the masks.")
    coverage: float = Field(0.25, gt=0, le=1, description="Share of a cell that must be masked.")

    def build(self, problem: Problem) -> nn.Module:
        from good_networks import GroupedNetwork

        return GroupedNetwork(problem, self.grouping, self.hidden, self.coverage)

    def mask_request(self) -> MaskRequest:
        return MaskRequest(self.grouping, self.area)


class GoodLoss(Loss):
    """Squared error of numbers, of anything between 0 and infinity."""

    name: ClassVar[str] = "good_loss"
    source: ClassVar[str] = "tests/testing"
    tasks: ClassVar[tuple[str, ...]] = ("attributes", "scalar", "landmarks")

    power: float = Field(2.0, ge=1, description="Of the difference.")

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        from good_networks import SquaredModule

        return SquaredModule(self.power, sides=task.kind == "attributes")


class GoodWeighting(TaskWeighting):
    """Weights that are learned."""

    name: ClassVar[str] = "good_weighting"
    source: ClassVar[str] = "tests/testing"

    penalty: float = Field(0.5, gt=0, description="Factor on the sum of the scores.")

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        from good_networks import LearnedWeights

        return LearnedWeights(len(terms), self.penalty)


class GoodFaces(Dataset):
    """Grey images in files, with labels made up from their numbers."""

    name: ClassVar[str] = "good_faces"
    source: ClassVar[str] = "tests/testing"
    info: ClassVar[DatasetInfo] = DatasetInfo(
        title="Good faces",
        citation="nobody, 2026",
        licence="none",
        homepage="nowhere",
        how_to_get="Write a tree.",
        expected_counts={"train": 10, "valid": 4, "test": 4},
    )

    count: int = Field(4, ge=2, description="Images a split.")

    def tasks(self) -> tuple[Task, ...]:
        return (
            BinaryAttributes("traits", ("Left", "Right")),
            Classes("mood", ("glad", "sad")),
            Scalar("years", "years", 0, 100),
            Landmarks("marks", "landmarks5", 5, (1, 0, 2, 4, 3), ((0,), (1,))),
            Identity("identity"),
        )

    def index(self, root: Path | None) -> FaceIndex:
        import numpy as np
        import pandas as pd

        if root is None or not (root / "0.png").exists():
            raise UserError(f"{root} has no images 0.png, 1.png, ...")
        numbers = np.arange(3 * self.count)
        frame = pd.DataFrame({"image": [f"{number}.png" for number in numbers]})
        frame["split"] = np.repeat(["train", "valid", "test"], self.count)
        frame["identity"] = [f"{self.name}/{number // 2}" for number in numbers]
        frame["traits.Left"] = numbers % 2
        frame["traits.Right"] = 1 - numbers % 2
        frame["mood"] = np.where(numbers % 2, "glad", "sad")
        frame["years"] = numbers * 2.0
        points = np.tile(
            np.float32([[8, 8], [24, 8], [16, 16], [8, 24], [24, 24]]), (len(frame), 1, 1)
        )
        return FaceIndex(frame, {"landmarks5": points})


def write_tree(folder: Path, count: int = 12) -> Path:
    """Write the images of GoodFaces and return the data root."""
    import cv2
    import numpy as np

    (folder / "good_faces").mkdir()
    for number in range(count):
        cv2.imwrite(
            str(folder / f"good_faces/{number}.png"), np.full((32, 32, 3), 20 * number, np.uint8)
        )
    return folder


class GoodPoints(KeypointModel):
    """The data set's own points, moved a little."""

    name: ClassVar[str] = "good_points"
    source: ClassVar[str] = "tests/testing"

    by: float = Field(0.5, description="Pixels to the right.")

    def unavailable(self, index: FaceIndex) -> str:
        return "" if "wflw98" in index.points else "there are no points to move."

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        import numpy as np

        return index.points["wflw98"] + np.float32([self.by, 0])


GOOD_GROUPS = Grouping(
    name="good_halves",
    source="tests/testing",
    groups={"First": CELEBA_ATTRIBUTES[:20], "Second": CELEBA_ATTRIBUTES[20:]},
    regions={"First": "eyes", "Second": "mouth"},
)
