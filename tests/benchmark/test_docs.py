"""Every example in docs/benchmark-files.md works as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from farbench.benchmark.files import KEYS
from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.plugins.manager import load_plugins
from farbench.tables.published import load_published

PAGE = Path(__file__).parents[2] / "docs" / "benchmark-files.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_example_loads(number, tmp_path):
    file = tmp_path / "example.yaml"
    file.write_text(EXAMPLES[number], encoding="utf-8")
    if "\npaper:" in EXAMPLES[number]:
        assert load_published(str(file)).rows
        return
    loaded = load_benchmark(file)
    registry = load_plugins()
    if not registry.methods:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    resolve_benchmark(loaded, registry)


def test_the_page_names_every_key():
    text = PAGE.read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{key}`" not in text] == []
