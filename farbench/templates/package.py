"""A plugin as a distribution of its own: what pip installs, a test, a workflow, a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import farbench
from farbench.plugins.manager import KINDS
from farbench.templates.benchmark_file import benchmark_text
from farbench.templates.plugin_file import PROVIDED, class_name, plugin_text

_CONTRACTS = {
    "methods": "MethodContract",
    "datasets": "DatasetContract",
    "losses": "LossContract",
    "weightings": "WeightingContract",
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
        "provided": [
            {
                "class": class_name(called),
                "base": KINDS[plural].base.__name__,
                "hook": KINDS[plural].hook,
                "contract": _CONTRACTS[plural],
            }
            for plural, called in provided
        ],
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
