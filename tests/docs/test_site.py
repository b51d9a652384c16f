"""The site as it is built: no warnings, nothing from the network, the same pages as on GitHub."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from browser import CHROMIUM, Browser

pytest.importorskip("mkdocs", reason="pip install 'farbench[docs]'")

ROOT = Path(__file__).parents[2]
PAGES = [page.relative_to(ROOT / "docs") for page in sorted(ROOT.glob("docs/**/*.md"))]
COUNTED = ("h1", "h2", "h3", "li", "table", "pre")

pytestmark = pytest.mark.slow


class Counts(HTMLParser):
    """Counts elements within the article of a page, and notes what the page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = dict.fromkeys(COUNTED, 0)
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in self.counts:
            self.counts[tag] += 1
        if tag in ("script", "img", "iframe") and given.get("src"):
            self.loads.append(str(given["src"]))
        if tag == "link" and given.get("rel") not in ("next", "prev", "canonical"):
            self.loads.append(str(given.get("href")))

    def handle_data(self, data: str) -> None:
        self.text += data


def counted(html: str) -> Counts:
    found = Counts()
    found.feed(html)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


def article(site: Path, page: Path) -> str:
    html = (site / page.with_suffix(".html")).read_text(encoding="utf-8")
    return html[html.index("<article") : html.index("</article>")]


def test_every_page_is_built_and_loads_nothing_from_elsewhere(site):
    for page in PAGES:
        html = (site / page.with_suffix(".html")).read_text(encoding="utf-8")
        loads = counted(html).loads
        assert loads
        assert [target for target in loads if "//" in target] == [], page
    sheets = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert not any(re.search(r"url\(['\"]?(https?:)?//|@import", sheet) for sheet in sheets)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_has_the_parts_that_github_shows(site, page):
    from markdown_it import MarkdownIt

    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    github = counted(MarkdownIt("commonmark").enable("table").render(text)).counts
    here = counted(article(site, page)).counts
    made = "<!-- made:" in text or "\n::: " in text
    wrong = {
        tag: (github[tag], here[tag])
        for tag in COUNTED
        if here[tag] < github[tag] or (here[tag] != github[tag] and not made)
    }
    assert wrong == {}, "(GitHub, site); lists and blocks need a blank line before them"


def test_marks_of_markdown_are_not_left_over(site):
    for page in PAGES:
        text = re.sub(r"<(code|pre).*?</\1>", "", article(site, page), flags=re.DOTALL)
        plain = counted(text).text
        assert re.findall(r"^\s*(?:```|\|.*\|$|:::|- \S)", plain, re.MULTILINE) == [], page
        assert not re.search(r":(meth|func|class):|\]\(|&lt;", plain), page


def test_the_search_finds_what_is_made(site):
    index = (site / "search/search_index.json").read_text(encoding="utf-8")
    for words in ("farbench test-plugin", "tar_at_far_1e-2", "farbench_epoch_ended", "mask_area"):
        assert words in index


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_follow_the_scheme(site, scheme):
    with Browser() as browser:
        browser.prefer(scheme)
        wide = []
        for page in PAGES:
            browser.open(site / page.with_suffix(".html"), width=390, height=844)
            if browser.js("document.documentElement.scrollWidth") > 390:
                wide.append(page)
        assert wide == []
        name = browser.js("document.body.getAttribute('data-md-color-scheme')")
        assert name == {"light": "default", "dark": "slate"}[scheme]
        assert [request for request in browser.requests if not request.startswith("file:")] == []
