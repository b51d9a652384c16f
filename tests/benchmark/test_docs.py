"""Every example of a benchmark file in the docs works as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from farbench.benchmark.datasets import ALIGN_OPTIONS
from farbench.benchmark.files import KEYS
from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.benchmark.rows import RESERVED
from farbench.plugins.manager import load_plugins
from farbench.tables.published.rows import load_published

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "benchmark-files.md"
EXAMPLES = [
    pytest.param(text, id=f"{page}-{number}")
    for page in ("benchmark-files", "data", "peers")
    for number, text in enumerate(
        re.findall(r"```yaml\n(.*?)```", (DOCS / f"{page}.md").read_text("utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_example_loads(text, tmp_path):
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")
    if "\npaper:" in text:
        assert load_published(str(file)).rows
        return
    loaded = load_benchmark(file)
    registry = load_plugins()
    if not registry.methods:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    resolve_benchmark(loaded, registry)


def test_the_page_names_every_key():
    text = PAGE.read_text(encoding="utf-8")
    keys = (*KEYS, *RESERVED, *ALIGN_OPTIONS)
    assert [key for key in keys if f"`{key}`" not in text and f"`{key}:`" not in text] == []


@pytest.mark.parametrize("key", ["join: true", "map:", "align:", "single_task: true", "|none"])
def test_an_example_shows(key):
    assert any(key in example.values[0] for example in EXAMPLES)
