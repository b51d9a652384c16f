"""A plugin as a distribution of its own: what pip installs, a test, a workflow, a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import farbench
from farbench.plugins.registry import KINDS
from farbench.templates.benchmark_file import benchmark_text
from farbench.templates.plugin_file import PROVIDED, class_name, plugin_text

_CONTRACTS = {
    "methods": "MethodContract",
    "datasets": "DatasetContract",
    "losses": "LossContract",
    "weightings": "WeightingContract",
    "keypoints": "KeypointContract",
    "groupings": "GroupingContract",
    "corruptions": "CorruptionContract",
}


def package_files(kind: str, name: str) -> Mapping[Path, str]:
    """Return the files of a distribution ``farbench-NAME``, by their place in its folder.

    Args:
        kind: A key of :data:`farbench.templates.plugin_file.PROVIDED`.
        name: What the plugin is called.
    """
    provided = [(plural, name + suffix) for plural, suffix in PROVIDED[kind]]
    values = {
        "kind": kind,
        "name": name,
        "singular": KINDS[provided[0][0]].singular,
        "package": f"farbench_{name}",
        "distribution": f"farbench-{name.replace('_', '-')}",
        "version": farbench.__version__,
        "provided": [_provided(plural, called) for plural, called in provided],
    }
    templates = Environment(
        loader=PackageLoader("farbench.templates", "package"),
        undefined=StrictUndefined,
        autoescape=False,  # no HTML
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = Path("src") / f"farbench_{name}"
    from_templates = {
        Path("pyproject.toml"): "pyproject.toml.jinja",
        Path("README.md"): "README.md.jinja",
        Path(".gitignore"): "gitignore.jinja",
        Path(".github/workflows/test.yml"): "workflow.yml.jinja",
        folder / "__init__.py": "hooks.py.jinja",
        Path("tests/test_contract.py"): "test_contract.py.jinja",
    }
    files = {
        path: templates.get_template(file).render(values) for path, file in from_templates.items()
    }
    files[folder / f"{name}.py"] = plugin_text(kind, name, check="pytest")
    files[Path(f"{name}_benchmark.yaml")] = benchmark_text(provided)
    return files


def _provided(plural: str, name: str) -> Mapping[str, str]:
    """Return how a provided thing is called where it is imported, returned and tested."""
    base, is_record = KINDS[plural].base.__name__, plural == "groupings"
    return {
        "object": name.upper() if is_record else class_name(name),
        "type": base if is_record else f"type[{base}]",
        "base": base,
        "hook": KINDS[plural].hook,
        "test": f"Test{class_name(name)}",
        "contract": _CONTRACTS[plural],
    }
