"""A problem with a task of every kind, for the tests of methods that predict them together."""

from __future__ import annotations

from farbench import (
    CELEBA_ATTRIBUTES,
    BinaryAttributes,
    Classes,
    Identity,
    Landmarks,
    Problem,
    Scalar,
    Task,
    TrainStatistics,
)
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR
from farbench_methods import farbench_groupings

ATTRIBUTES = BinaryAttributes("attributes", CELEBA_ATTRIBUTES)
RACE = Classes("race", ("one", "two", "three"))
AGE = Scalar("age", "years", 0, 116)
POINTS = Landmarks("points", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES)
WHO = Identity("who", embedding=6)
ALL = (ATTRIBUTES, RACE, AGE, POINTS, WHO)

STATISTICS = {
    "attributes": TrainStatistics(prevalence=tuple(0.1 + 0.02 * i for i in range(40))),
    "race": TrainStatistics(prevalence=(0.6, 0.3, 0.1)),
    "age": TrainStatistics(mean=(33.0,), std=(17.0,)),
    "points": TrainStatistics(mean=(0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8)),
    "who": TrainStatistics(identities=7),
}


def mixed_problem(
    tasks: tuple[Task, ...] = ALL, side: int = 64, *, start_at_prior: bool = True
) -> Problem:
    """Untrained backbones, all shipped groupings."""
    return Problem(
        tasks,
        side,
        STATISTICS,
        start_at_prior=start_at_prior,
        pretrained=False,
        groupings={grouping.name: grouping for grouping in farbench_groupings()},
    )
