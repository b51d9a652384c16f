"""What the reference is made of: nothing undocumented, every page made, links and lists mended."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import farbench
from farbench.benchmark.schema import Benchmark, Protocol, Robustness, Row
from farbench.plugins.registry import KINDS
from farbench.tables.published.rows import PublishedRow

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from made import filled  # noqa: E402
from made.commands import command_tree, parameters  # noqa: E402
from made.hooks import hook_specs  # noqa: E402
from made.markdown import (  # noqa: E402
    for_python_markdown,
    prose,
    table,
    with_titles,
    without_outside_links,
)
from made.metrics import costs, metrics  # noqa: E402
from made.options import shipped  # noqa: E402

DOCS = sorted(ROOT.glob("docs/**/*.md"))
WRITTEN = [page for page in DOCS if page.parent.name != "reference"]


def text_of(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def nav_pages() -> list[str]:
    return re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_asks_for_is_made(page):
    made = filled(page.read_text(encoding="utf-8"))
    assert "<!-- made" not in made


@pytest.mark.parametrize("typed", command_tree())
def test_every_command_is_documented(typed):
    command = command_tree()[typed]
    assert command.help, f"{typed} has no docstring"
    mute = [names for names, meaning in parameters(command, typed) if not meaning.strip(" []")]
    assert mute == []
    assert f"## `{typed}`" in filled(text_of(ROOT / "docs/reference/commands.md"))
    said = text_of(ROOT / "README.md", *WRITTEN)
    assert re.search(rf"\b{typed}\b", said), f"no page says what {typed} is for"


@pytest.mark.parametrize("name", hook_specs())
def test_every_hook_is_documented(name):
    assert hook_specs()[name].__doc__
    assert f"`{name}`" in filled(text_of(ROOT / "docs/reference/hooks.md"))
    assert re.search(rf"\b{name}\b", text_of(*WRITTEN)), f"no page says what {name} is for"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "groupings"])
def test_every_option_of_what_ships_is_documented(kind):
    mute = [
        f"{name}.{option}"
        for name, entry in getattr(shipped(), kind).items()
        for option, field in entry.value.model_fields.items()
        if not field.description
    ]
    assert mute == []


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_ships_has_a_section_or_a_page(kind):
    made = filled(text_of(ROOT / "docs/reference/options.md"))
    for name in getattr(shipped(), kind):
        if kind == "methods":
            page = ROOT / f"docs/methods/{name}.md"
            assert re.search(rf"^<!-- made: method {name}\b", text_of(page), re.MULTILINE)
        else:
            assert f"### `{name}`\n" in made


@pytest.mark.parametrize("model", [Benchmark, Row, Protocol, Robustness, PublishedRow])
def test_every_key_has_a_meaning(model):
    fields = model.model_fields.items()
    sections = ("images", "augmentation", "masks")  # their own keys have
    mute = [key for key, field in fields if not field.description and key not in sections]
    assert mute == []


def test_every_key_of_a_benchmark_is_on_its_page():
    said = text_of(ROOT / "docs/benchmark-files.md")
    keys = set(Benchmark.model_fields) - {"name"}  # the file's own
    assert {key for key in keys if f"`{key}`" not in said} == set()


def test_the_pages_of_metrics_define_each():
    from farbench.scoring.catalogue import METRICS
    from farbench.scoring.costs import COSTS

    page = metrics()
    for infos in METRICS.values():
        assert {info.name for info in infos.values() if f"| `{info.name}` |" not in page} == set()
        assert [info.name for info in infos.values() if not info.doc] == []
    assert {name for name in COSTS if f"| `{name}` |" not in costs()} == set()


def test_the_page_of_python_names_everything_public():
    page = text_of(ROOT / "docs/reference/api.md")
    public = set(farbench.__all__) - {"__version__"}
    assert set(re.findall(r"^::: farbench\.(\w+)$", page, re.MULTILINE)) == public


def test_every_environment_variable_is_documented():
    sources = [*(ROOT / "farbench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    read = set(re.findall(r"[\"'](FARBENCH_[A-Z0-9_]+)[\"']", text_of(*sources)))
    page = text_of(ROOT / "docs/reference/environment.md")
    assert {name for name in read if f"| `{name}` |" not in page} == set()


def test_the_navigation_names_every_page_once():
    pages = [str(page.relative_to(ROOT / "docs")) for page in DOCS]
    assert sorted(nav_pages()) == sorted(pages)


def test_the_page_of_a_method_quotes_and_measures():
    page = filled("<!-- made: method aml aml -->")
    assert "| `mask_area` | a number, > 0, &lt;= 4 | `1.0` |" in page
    assert "celeba: accuracy 92.22, mA 89.24" in page
    assert "Accuracy 89.44, mA 72.22" in page
    assert "## Published" not in filled("<!-- made: method aml -->")


def test_an_unknown_comment_is_an_error():
    with pytest.raises(KeyError):
        filled("<!-- made: nothing -->")


def test_a_table_s_bars_are_escaped_for_github_and_plain_in_code_for_the_site():
    made = table(("a",), [("`x|y` or z|w",)])
    assert made.split("\n")[-1] == "| `x\\|y` or z\\|w |"
    assert for_python_markdown(made).split("\n")[-1] == "| `x|y` or z\\|w |"


def test_signs_of_help_texts_stay_signs():
    assert prose("a * b <c> [d] `e * f` :meth:`g`") == "a \\* b &lt;c> \\[d\\] `e * f` `g`"


@pytest.mark.parametrize(
    ("github", "site"),
    [
        ("- a\n  b\n\n  ```text\n  c\n  ```\nd", "- a\n    b\n\n    ```text\n    c\n    ```\nd"),
        ("1. a\n\n   b\n2. c", "1. a\n\n    b\n2. c"),
        ("- a\n  - b\n    c\n- d", "- a\n    - b\n        c\n- d"),
        ("```yaml\n- a\n  b\n```\n  c", "```yaml\n- a\n  b\n```\n  c"),
    ],
)
def test_lists_are_indented_as_the_site_wants_them(github, site):
    assert for_python_markdown(github) == site


def test_links_that_leave_the_docs_lead_to_the_repository_or_are_text():
    page = "[a](../../results/x) ![b](../images/y.png) [c](https://z.org/d) [e](masks.md#f)"
    kept = " ![b](../images/y.png) [c](https://z.org/d) [e](masks.md#f)"
    assert without_outside_links(page, "how-to/q.md", "") == f"a{kept}"
    mended = without_outside_links(page, "how-to/q.md", "https://git.example/r/")
    assert mended == f"[a](https://git.example/r/blob/main/results/x){kept}"


def test_links_called_by_a_file_are_called_by_its_title():
    page = "[methods.md](../methods.md#stages) [them](../methods.md) [x.md](https://a.b/x.md)"
    made = with_titles(page, "how-to/celeba.md", ROOT / "docs")
    assert made == "[Methods](../methods.md#stages) [them](../methods.md) [x.md](https://a.b/x.md)"
