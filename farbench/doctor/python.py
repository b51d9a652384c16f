"""Is this Python one that farbench runs on?"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from farbench.plugins.health import Diagnosis, Machine


def check_python(machine: Machine) -> Iterator[Diagnosis]:
    """Compare Python's version with what the installed farbench asks for."""
    version = platform.python_version()
    try:
        wanted = importlib.metadata.metadata("farbench").json.get("requires_python", "")
    except importlib.metadata.PackageNotFoundError:
        wanted = ""
    if SpecifierSet(str(wanted)).contains(version, prereleases=True):
        yield Diagnosis("Python", "ok", version)
        return
    yield Diagnosis(
        "Python",
        "problem",
        f"{version}; farbench needs {wanted}",
        "Make an environment with a newer Python: python3.11 -m venv .venv",
    )
