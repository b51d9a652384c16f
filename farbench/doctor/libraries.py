"""Do the installed libraries fit farbench, and one another?"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

from packaging.requirements import Requirement

from farbench.plugins.health import Diagnosis, Machine


def check_libraries(machine: Machine) -> Iterator[Diagnosis]:
    """Compare versions with what farbench asks for, and what its libraries ask of one another.

    So torch is compared with what this torchvision was built for.
    """
    try:
        own = _requirements("farbench")
    except importlib.metadata.PackageNotFoundError:
        yield Diagnosis(
            "libraries",
            "problem",
            "farbench runs from a folder and is not installed, so none of its plugins is found",
            "pip install -e . in the checkout, or pip install farbench",
        )
        return
    askers = ["farbench", *(requirement.name for requirement in own)]
    bad = False
    for asker in askers:
        for diagnosis in _misfits(asker):
            bad = True
            yield diagnosis
    if not bad:
        versions = {name: _version(name) for name in ("torch", "torchvision", "timm", "numpy")}
        told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        yield Diagnosis("libraries", "ok", f"{told}: all {len(own)} fit one another")


def _misfits(asker: str) -> Iterator[Diagnosis]:
    """Yield what a library asks for and does not get."""
    if _version(asker) is None:
        return  # who asks for it has said so
    for requirement in _requirements(asker):
        version = _version(requirement.name)
        if version is None:
            yield Diagnosis(
                requirement.name,
                "problem",
                f"not installed; {asker} needs it",
                f"pip install '{requirement}'",
            )
        elif not requirement.specifier.contains(version, prereleases=True):
            others = "" if asker == "farbench" else f" {asker}"
            yield Diagnosis(
                requirement.name,
                "problem",
                f"{version} is installed; {asker} {_version(asker)} needs {requirement.specifier}",
                f"pip install --upgrade '{requirement}'{others}",
            )


def _requirements(name: str) -> list[Requirement]:
    """Return what a distribution needs here, without its extras."""
    lines = importlib.metadata.requires(name) or []
    found = [Requirement(line) for line in lines]
    return [r for r in found if r.marker is None or r.marker.evaluate({"extra": ""})]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
