"""What the user says of tolerances: ``METRIC=POINTS``, ``METRIC=Nsigma``, a ratio of speeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from farbench.errors import UserError, unknown_name
from farbench.scoring.catalogue import MetricInfo
from farbench.tables.measures import ATTRIBUTES

SIGMA = "sigma"


@dataclass(frozen=True)
class Limits:
    """Tolerances that were asked for.

    Attributes:
        points: Metric to the largest difference, in what tables print: points where the metric is
            a percentage, else its own unit. Keys are ``metric`` or ``task.metric``.
        sigmas: Metric to the largest difference as a multiple of the noise's standard error.
        speed: How many times slower training may be; None: speed is not judged.
    """

    points: dict[str, float] = field(default_factory=dict)
    sigmas: dict[str, float] = field(default_factory=dict)
    speed: float | None = None

    def absolute(self, task: str, info: MetricInfo) -> float | None:
        """Return the tolerance that was asked for, as a fraction where that is stored."""
        given = _of(self.points, task, info.name)
        return given / 100 if given is not None and info.percent else given

    def times(self, task: str, info: MetricInfo) -> float | None:
        """Return the multiple of the noise's standard error that was asked for."""
        return _of(self.sigmas, task, info.name)


def parse_limits(
    tolerances: Sequence[str], speed: float | None, measured: Iterable[tuple[str, str]]
) -> Limits:
    """Read the options.

    Args:
        tolerances: ``METRIC=POINTS`` or ``METRIC=Nsigma``, as typed.
        speed: The ratio, or None.
        measured: Task and metric of each number that is there.

    Raises:
        UserError: A part is malformed, or names no metric that is measured.
    """
    check_speed(speed)
    known = {name for task, metric in measured for name in (metric, f"{task}.{metric}")}
    points: dict[str, float] = {}
    sigmas: dict[str, float] = {}
    for text in tolerances:
        name, equals, value = (part.strip() for part in text.partition("="))
        number = _number(value.removesuffix(SIGMA))
        if not equals or not name or number is None:
            raise UserError(
                f"--tolerance: expected METRIC=POINTS or METRIC=N{SIGMA}, such as accuracy=0.5 or "
                f"accuracy=3{SIGMA}; got '{text}'."
            )
        if name not in known:
            raise unknown_name("metric", name, known, "--tolerance")
        (sigmas if value.endswith(SIGMA) else points)[name] = number
    return Limits(points, sigmas, speed)


def check_speed(speed: float | None) -> None:
    """Refuse what is no ratio of speeds.

    Raises:
        UserError: It is none.
    """
    if speed is not None and not 1 <= speed < float("inf"):
        raise UserError(
            f"--speed: {speed} is no ratio. It says how many times slower it may be, 1 or more: "
            "--speed 1.3."
        )


def key_of(task: str, metric: str) -> str:
    """Return a metric's name as tables have it: ``mA``, ``age.mae``."""
    return metric if task in ("", ATTRIBUTES) else f"{task}.{metric}"


def _of(given: dict[str, float], task: str, metric: str) -> float | None:
    """Return what was given for a metric of a task, else for the metric of every task."""
    return given.get(f"{task}.{metric}", given.get(metric))


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
