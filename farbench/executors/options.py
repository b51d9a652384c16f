"""What a cluster is asked for: the options of its executor, from the command line or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from farbench.benchmark.yaml_lines import read_yaml
from farbench.errors import UserError, unknown_name


class Options(BaseModel):
    """Options of an executor; what is not listed is refused."""

    # A file may say `account: 1234`, which YAML reads as a number.
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    cpus: int | None = Field(None, ge=1, description="Processors a cell; its threads if not said.")


class RayOptions(Options):
    """What ``--executor ray`` takes."""

    address: str | None = Field(
        None, description="Of a cluster; else RAY_ADDRESS, one on this machine, or a new one."
    )
    gpus: float | None = Field(None, ge=0, description="GPUs a cell: 1 if the run is on GPUs.")
    memory_gb: float | None = Field(None, gt=0, description="Memory of a cell that Ray sets aside.")
    retries: int = Field(1, ge=0, description="How often a cell whose worker died is tried again.")


class SlurmOptions(Options):
    """What ``--executor slurm`` takes."""

    partition: str | None = None
    time: str = Field(
        "8:00:00",
        pattern=r"^((\d+-)?\d+:\d\d:\d\d|\d+)$",
        description="Of one job: minutes, H:MM:SS or D-HH:MM:SS.",
    )
    gpus: int | None = Field(None, ge=0, description="GPUs a cell: 1 if the run is on GPUs.")
    memory: str | None = Field(None, description="Of a node, as Slurm has it: 32G.")
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str | None = None
    exclude: str | None = None
    requeues: int = Field(3, ge=0, description="How often a job goes on after its time was over.")
    setup: str | None = Field(None, description="A shell command before each job.")
    cluster: Literal["slurm", "local"] = Field(
        "slurm", description="local: processes of this machine, to try it out."
    )

    @property
    def minutes(self) -> int:
        """The time in minutes, at least one."""
        if ":" not in self.time:
            return max(1, int(self.time))
        days, _, clock = self.time.rpartition("-")
        hours, minutes, seconds = (int(part) for part in clock.split(":"))
        return max(1, 24 * 60 * int(days or 0) + 60 * hours + minutes + (seconds > 0))


Chosen = TypeVar("Chosen", bound=Options)


def read_options(kind: type[Chosen], executor: str, given: Mapping[str, Any]) -> Chosen:
    """Check the options of an executor.

    Args:
        kind: What it takes.
        executor: Its name.
        given: By name, values as text or as YAML has them.

    Raises:
        UserError: There is no such option, or its value is not one.
    """
    for key in given:
        if key not in kind.model_fields:
            raise unknown_name(f"option of the {executor} executor", key, kind.model_fields)
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        said = first["msg"][0].lower() + first["msg"][1:]
        about = kind.model_fields[key].description or ""
        raise UserError(
            f"--executor-option {key}={given[key]}: {said}. {about}".rstrip()
        ) from error


def split_options(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``KEY=VALUE`` pairs; values stay text.

    Raises:
        UserError: One has no equals sign.
    """
    for pair in pairs:
        if "=" not in pair:
            raise UserError(f"--executor-option: expected KEY=VALUE, got '{pair}'.")
    split = (pair.partition("=") for pair in pairs)
    return {key.strip(): value.strip() for key, _, value in split}


def read_file(path: Path) -> tuple[str, dict[str, Any]]:
    """Read a file that names an executor and its options.

    Returns:
        The name, and the options.

    Raises:
        UserError: The file cannot be read, or it names no executor.
    """
    held = read_yaml(path).data
    if not isinstance(held.get("executor"), str):
        raise UserError(
            f"--executor {path}: expected a line `executor: slurm` (or ray), then its options, "
            "one a line: `partition: gpu`."
        )
    return held.pop("executor"), held
