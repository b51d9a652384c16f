"""Benchmarks, protocols, published tables and rules, spoiled: refused with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cases import cases, check_places, refusal
from hypothesis import given
from mutations import Choose, chooser, spoiled, spoiled_text

from farbench.benchmark import locate
from farbench.benchmark.loading import load_benchmark, load_protocol
from farbench.benchmark.locate import ShippedKind
from farbench.benchmark.resolve import resolve_benchmark
from farbench.errors import UserError
from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import Registry
from farbench.tables.kinds.consistency_rules import load_rules
from farbench.tables.published.rows import load_published
from farbench_datasets.synthetic_faces import SyntheticFaces

FILE = "spoiled.yaml"
PLACE = r"[\w/.~ -]+\.yaml(:\d+)?: |--protocol: "
"""Of a protocol with a value that does not fit another's default, the option is the place."""

SHIPPED = [
    (kind, locate.shipped_path(kind, name).read_bytes())
    for kind in locate.FOLDERS
    for name in locate.shipped_names(kind)
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    found = load_plugins()
    if not found.methods:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(kind: ShippedKind, registry: Registry) -> Any:
    """Load the spoiled file as a command would."""
    if kind == "benchmark":
        return resolve_benchmark(load_benchmark(FILE), registry)
    if kind == "protocol":
        return resolve_benchmark(load_benchmark("ablation", protocol=FILE), registry)
    return {"published table": load_published, "rule set": load_rules}[kind](FILE)


def spoil_a_shipped_file(choose: Choose) -> tuple[ShippedKind, bytes]:
    """Return a shipped file with changes of its keys and values, or of its text."""
    kind, held = choose(SHIPPED)
    if choose((True, True, False)):
        changed = spoiled(yaml.safe_load(held), choose)
        return kind, yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode()
    return kind, spoiled_text(held, choose)


def try_a_shipped_file(here: Path, registry: Registry, choose: Choose) -> None:
    kind, text = spoil_a_shipped_file(choose)
    (here / FILE).write_bytes(text)
    check_places(refusal(lambda: load(kind, registry)), PLACE)


@given(choose=chooser())
@cases(100)
def test_spoiled_files(here: Path, registry: Registry, choose: Choose) -> None:
    try_a_shipped_file(here, registry, choose)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(choose=chooser())
@cases(4000)
def test_thousands_of_spoiled_files(here: Path, registry: Registry, choose: Choose) -> None:
    try_a_shipped_file(here, registry, choose)


# Every key of a protocol, and a benchmark that has most keys, up to the plan ----------------------


def whole_protocol() -> dict[str, Any]:
    """Return a protocol with all its keys written out, small enough to plan with."""
    protocol = load_protocol("quick").model_dump(mode="json")
    small = {"images": {}, "pretrained": False, "resize": 40, "crop": 32, "loss": "bce"}
    return {**protocol, **small, "dataset": "dots", "substitute": {}, "method": {}}


BENCHMARK: dict[str, Any] = {
    "title": "Dots",
    "caption": "A sentence.",
    "protocol": {"extends": "small.yaml", "epochs": 2, "stage_epochs": {}},
    "plugins": ["tiny_method.py", "tiny_dataset.py"],
    "datasets": [{"name": "dots", "train": 20}],
    "tasks": ["attributes"],
    "seeds": [0, 1],
    "metrics": ["accuracy", "attributes.mA"],
    "marks": ["large"],
    "compare": "coarse",
    "published": ["mgmtn_table2"],
    "robustness": {"corruptions": ["blur", {"name": "noise"}], "strengths": [1], "images": 4},
    "rows": {
        "coarse": {"method": "tiny_net", "cells": 2, "protocol": {"epochs": 3}},
        "fine": {
            "method": "tiny_net",
            "grid": {"cells": [3, 4], "protocol.batch_size": [4, 8]},
            "label": "{cells} cells",
            "marks": ["large"],
        },
    },
    "ablate": {
        "method": "tiny_net",
        "prefix": "a-",
        "components": {"large": {"off": {"cells": 1}, "on": {"cells": 6}}},
    },
}


def try_a_plan(tiny: Any, choose: Choose) -> None:
    """Plan a spoiled benchmark, or a whole one under a spoiled protocol."""
    documents = {"small.yaml": whole_protocol(), FILE: BENCHMARK}
    name = choose(tuple(documents))
    documents[name] = spoiled(documents[name], choose)
    for file, document in documents.items():
        written = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        (tiny.folder / file).write_text(written, encoding="utf-8")
    outcome = tiny.cli("run", tiny.folder / FILE, "--dry-run", "--results", tiny.results)
    assert outcome.code in (0, 2)
    assert not tiny.results.exists()
    if outcome.code:
        _, told, text = outcome.err.partition("farbench: error: ")
        assert told
        # Of the data and of rows the place is their name: they may stand in several lines.
        assert ".yaml" in text or "'dots'" in text or "rows." in text or "row '" in text


@given(choose=chooser())
@cases(5)
def test_plans_of_spoiled_files(tiny: Any, choose: Choose) -> None:
    try_a_plan(tiny, choose)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(choose=chooser())
@cases(700)
def test_hundreds_of_plans_of_spoiled_files(tiny: Any, choose: Choose) -> None:
    try_a_plan(tiny, choose)


# What was found --------------------------------------------------------------------------------

ROWS = "rows: {a: {method: baseline}}\n"

FOUND: dict[str, tuple[str, str]] = {
    "the name of a protocol is too long for a file": (
        f"protocol: {'x' * 400}\n{ROWS}",
        r"spoiled.yaml:1: 'xxx.*no file can have such a name",
    ),
    "the path of a protocol is too long": (
        f"protocol: {'x/' * 3000}y.yaml\n{ROWS}",
        "spoiled.yaml:1: .*no file can have such a name",
    ),
    "the path of a plugin is too long": (
        f"plugins: [{'x' * 400}.py]\n{ROWS}",
        "spoiled.yaml:1: .*no file can have such a name",
    ),
    "a zero byte in a name": (
        f'published: ["a\\0b"]\n{ROWS}',
        "spoiled.yaml:1: .*no file can have such a name",
    ),
    "a protocol below the home of nobody": (
        f"protocol: ~nobody-at-all/p.yaml\n{ROWS}",
        "spoiled.yaml:1: .*there is no such home folder",
    ),
    "a key with a line break": (
        f'"a\\nb": 1\n{ROWS}',
        r"spoiled.yaml:1: a key must be printable, got 'a\\nb'",
    ),
    "an empty key": (f'"": 1\n{ROWS}', "spoiled.yaml:1: a key must be printable, got ''"),
    "a mark with a line break": (
        'marks: [x]\nrows: {a: {method: baseline, marks: ["x\\ny"]}}\n',
        r"spoiled.yaml:2: rows.a.marks\[0\]: mark 'x\\ny' is not declared",
    ),
    "a name with a line break": (
        'rows: {a: {method: "base\\nline"}}\n',
        r"spoiled.yaml:1: unknown method 'base\\nline'. Did you mean 'baseline'",
    ),
    "more threads than any machine has": (
        f"protocol: {{threads: 1000000000}}\n{ROWS}",
        "spoiled.yaml:1: protocol.threads: must be at most 1024, got 1000000000",
    ),
    "more faces than memory": (
        f"datasets: [{{name: synthetic_faces, train: 1000000000}}]\n{ROWS}",
        r"spoiled.yaml:1: datasets\[0\].train: must be at most 1000000, got",
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_found_in_benchmarks(here: Path, registry: Registry, case: str) -> None:
    text, message = FOUND[case]
    (here / FILE).write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load("benchmark", registry)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_drawn_faces_have_a_limit_of_size() -> None:
    with pytest.raises(ValueError, match="less than or equal to 4096"):
        SyntheticFaces(height=10**6)
