"""The page on robustness: its corruption keeps to the contract, its numbers are the defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.plugins.corruption import STRENGTHS
from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import Registry
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import run_check

PAGE = (Path(__file__).parents[2] / "docs/robustness.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_plugins()


def test_the_corruption_of_the_page_keeps_to_its_contract(tmp_path: Path) -> None:
    (tmp_path / "jpeg.py").write_text(block("python"))
    registry = load_plugins([tmp_path / "jpeg.py"])
    subject = subject_of("corruptions", registry.corruptions["jpeg"].value, registry, {})
    outcomes = [run_check(check, subject) for check in checks_of("corruptions")]
    assert [outcome.seen for outcome in outcomes if outcome.status != "ok"] == []


def test_the_benchmark_of_the_page_loads(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "hidden.yaml").write_text(block("yaml"))
    resolved = resolve_benchmark(load_benchmark(tmp_path / "hidden.yaml"), registry)
    assert resolved.robustness is not None
    noise = resolved.robustness.corruptions[1]
    assert noise.options() == {"std": [0.01, 0.02, 0.04, 0.06, 0.1]}


def test_the_strengths_of_the_page_are_the_defaults(registry: Registry) -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|((?: [\d.]+ \|){5})$", PAGE, re.MULTILINE)
    written = {name: [float(v) for v in values.split(" |") if v.strip()] for name, values in rows}
    shipped = {
        name: next(v for v in entry.value().options().values() if isinstance(v, list))
        for name, entry in registry.corruptions.items()
        if entry.provider.startswith("farbench ")
    }
    assert {name: len(values) for name, values in written.items()} == dict.fromkeys(
        shipped, len(STRENGTHS)
    )
    assert written == shipped


def test_the_shipped_benchmark_is_what_the_page_says(registry: Registry) -> None:
    resolved = resolve_benchmark(load_benchmark("robustness"), registry)
    assert resolved.robustness is not None
    assert [one.name for one in resolved.robustness.corruptions] == [
        "occlusion",
        "blur",
        "noise",
        "rotation",
        "scale",
    ]
    assert resolved.robustness.settings.masks == ("predicted", "clean")
    assert [row.row.id for row in resolved.rows] == [
        "baseline",
        "attribute_grouping",
        "aml",
        "g2ff_ca",
    ]
