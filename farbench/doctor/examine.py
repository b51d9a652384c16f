"""All checks, in their order: those below, and those of plugins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from farbench.doctor.datasets import check_datasets
from farbench.doctor.devices import check_devices
from farbench.doctor.disk import check_disk
from farbench.doctor.libraries import check_libraries
from farbench.doctor.memory import check_memory
from farbench.doctor.plugins import check_plugins
from farbench.doctor.python import check_python
from farbench.doctor.speed import check_speed
from farbench.doctor.torchvision import check_torchvision
from farbench.errors import UserError, unknown_name
from farbench.plugins.health import Diagnosis, HealthCheck, Machine

CHECKS: dict[str, HealthCheck] = {
    "python": check_python,
    "libraries": check_libraries,
    "torchvision": check_torchvision,
    "plugins": check_plugins,
    "devices": check_devices,
    "memory": check_memory,
    "disk": check_disk,
    "datasets": check_datasets,
    "speed": check_speed,
}
"""farbench's own, cheap ones first."""


class Examined(NamedTuple):
    """A diagnosis, and the name of the check that it comes from."""

    check: str
    diagnosis: Diagnosis


def examine(machine: Machine, only: Sequence[str] = ()) -> Iterator[Examined]:
    """Yield what is found, as it is found.

    Args:
        machine: What is looked at.
        only: Names of checks; empty is all.

    Raises:
        UserError: A name is not a check's.
    """
    checks = dict(CHECKS)
    failed: list[Diagnosis] = []
    for one in machine.registry.hooks.hook.farbench_health_checks.get_hookimpls():
        try:
            _add(checks, one.function())
        except Exception as error:
            failed.append(_failed(f"checks of {one.plugin_name}", error))
    for name in only:
        if name not in checks:
            raise unknown_name("check", name, checks)
    for name in only or checks:
        try:
            for diagnosis in checks[name](machine):
                yield Examined(name, diagnosis)
        except Exception as error:
            yield Examined(name, _failed(name, error))
    for diagnosis in failed:
        yield Examined("plugins", diagnosis)


def _add(checks: dict[str, HealthCheck], added: Any) -> None:
    """Add a plugin's checks by the names of their functions.

    Raises:
        UserError: There is a check of that name.
    """
    for check in added:
        name = check.__name__
        if name in checks:
            raise UserError(f"there is a check '{name}' already: call the function otherwise.")
        checks[name] = check


def _failed(about: str, error: Exception) -> Diagnosis:
    """Return the diagnosis of something that cannot even be looked at."""
    text = " ".join(str(error).split())
    if isinstance(error, UserError):
        return Diagnosis(about, "problem", text)
    return Diagnosis(about, "problem", f"the check failed: {type(error).__name__}: {text}")
