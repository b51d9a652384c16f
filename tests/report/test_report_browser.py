"""The page in a real browser: sorting, cards, dark and light, a phone, print, no network."""

import pytest
from browser import CHROMIUM, Browser
from fake_store import FakeStore
from report_store import ODD, store

from farbench.cli import main
from farbench.tables.from_store import build
from farbench.tables.writers import render

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
PHONE = 390


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a store with everything that goes wrong, once with several benchmarks."""
    root = tmp_path_factory.mktemp("runs")
    store(root, name="one")
    wide = FakeStore(root, name="two", title="Another", metrics=["accuracy", "mA", "f1", "recall"])
    for seed in range(4):
        for row in ("baseline", "aml", "g2ff_ca"):
            wide.cell(row, 0.9 + 0.01 * seed, 0.8, seed=seed)
    assert main(["report", str(root)]) == 0
    return root / "report.html"


@pytest.fixture(scope="module")
def session():
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(session):
    session.problems.clear()
    session.requests.clear()
    session.prefer("light")
    yield session
    session.media("screen")
    assert session.problems == []
    assert session.requests == []


ROWS = """[...document.querySelectorAll("#table-one tbody.measured tr")]
    .map((row) => row.cells[0].textContent)"""
SORTED = """[...document.querySelectorAll("#table-one thead tr:last-child th")]
    .map((heading) => heading.ariaSort)"""
COLUMN = """[...document.querySelectorAll("#table-one thead tr:last-child button")]
    .findIndex((one) => one.textContent.startsWith("Accuracy"))"""
TITLE = "document.querySelector('#sheet[open] h2')?.textContent ?? null"


def press(browser, column):
    headings = "#table-one thead tr:last-child th:nth-child"
    browser.js(f"document.querySelector('{headings}({column + 1}) button').click()")


def test_headings_sort_each_block_and_undo_it(browser, page):
    browser.open(page)
    before = browser.js(ROWS)
    column = browser.js(COLUMN)
    press(browser, column)
    rows = browser.js(ROWS)
    assert rows[:3] == [ODD, "+ AG + AML", "Baseline"]
    assert set(rows[3:]) == {"+ nothing", "not begun"}
    assert browser.js(SORTED)[column] == "descending"
    assert browser.js(SORTED).count("none") == len(browser.js(SORTED)) - 1
    press(browser, column)
    assert browser.js(ROWS)[:3] == ["Baseline", "+ AG + AML", ODD]
    assert browser.js(SORTED)[column] == "ascending"
    press(browser, column)
    assert browser.js(ROWS) == before
    press(browser, 0)
    rows = browser.js(ROWS)
    assert rows.index("+ nothing") < rows.index("Baseline") < rows.index("not begun")


def test_a_keyboard_sorts(browser, page):
    browser.open(page)
    browser.js("document.querySelector('#table-one thead button').focus()")
    browser.press("Enter")
    assert browser.js(SORTED)[0] == "ascending"
    browser.press("Tab")
    assert browser.js("document.activeElement.closest('th').cellIndex") == 1


def test_a_number_opens_its_cells_and_they_their_cards(browser, page):
    browser.open(page)
    browser.js("document.querySelector('#table-one td a[href^=\"#cells-\"]').click()")
    assert browser.js("new Promise((done) => setTimeout(done, 100))") is None
    assert browser.js(TITLE) == "Baseline"
    links = "document.querySelectorAll('#sheet tbody a')"
    assert browser.js(f"{links}.length") == 2
    browser.js(f"{links}[1].click()")
    browser.js("new Promise((done) => setTimeout(done, 100))")
    facts = browser.js("document.querySelector('#sheet .facts').textContent")
    assert facts == "Synthetic faces, seed 1, 3.5 minutes"
    assert browser.js("document.querySelectorAll('#sheet .charts svg').length") == 3
    assert browser.js("document.querySelectorAll('#sheet .bars tr').length") == 3
    assert browser.js("document.querySelectorAll('#sheet script').length") == 0
    assert browser.js("window.broken ?? null") is None


def test_an_address_opens_a_card_and_escape_closes_it(browser, page):
    ids = "JSON.parse(document.getElementById('cards').textContent).map((card) => card.id)"
    browser.open(page)
    failed = next(one for one in browser.js(ids) if one.startswith("one/broken-"))
    browser.open(page, f"cell-{failed}")
    assert browser.js(TITLE) == "+ nothing"
    bad = browser.js("document.querySelector('#sheet .bad').textContent")
    assert bad == "failed: RuntimeError: out of memory"
    browser.press("Escape")
    browser.js("new Promise((done) => setTimeout(done, 100))")
    assert browser.js(TITLE) is None
    assert browser.js("location.hash") == ""


def test_every_card_opens(browser, page):
    browser.open(page)
    opened = browser.js("""(async () => {
      const titles = [];
      for (const card of JSON.parse(document.getElementById("cards").textContent)) {
        location.hash = `#cell-${card.id}`;
        await new Promise((done) => addEventListener("hashchange", done, { once: true }));
        for (const fold of document.querySelectorAll("#sheet details")) fold.open = true;
        await new Promise((done) => setTimeout(done, 20));
        const empty = [...document.querySelectorAll("#sheet details")]
          .filter((fold) => fold.children.length < 2);
        titles.push([document.querySelector("#sheet h2").textContent === card.label, empty.length]);
      }
      return titles;
    })()""")
    assert len(opened) == 20
    assert all(title and not empty for title, empty in opened)


def test_a_phone_scrolls_tables_in_their_boxes_alone(browser, page):
    browser.open(page, width=PHONE, height=844)
    widths = "[document.documentElement.scrollWidth, innerWidth]"
    browser.js("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert browser.js(widths) == [PHONE, PHONE]
    box = "document.querySelector('#table-two .scroll')"
    assert browser.js(f"{box}.scrollWidth > {box}.clientWidth")
    browser.js(f"{box}.scrollLeft = 200")
    left = f"{box}.querySelector('tbody th').getBoundingClientRect().left"
    assert browser.js(f"Math.abs({left} - {box}.getBoundingClientRect().left)") < 2
    browser.open(page, browser.js("document.querySelector('a[href^=\"#cell-\"]').hash.slice(1)"),
                 width=PHONE, height=844)  # fmt: skip
    browser.js("for (const fold of document.querySelectorAll('#sheet details')) fold.open = true")
    sheet = "document.querySelector('#sheet')"
    assert browser.js(f"{sheet}.scrollWidth <= {sheet}.clientWidth")
    assert browser.js(widths) == [PHONE, PHONE]


def test_dark_and_light_follow_the_system_until_the_switch(browser, page):
    paper = "getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    browser.js("localStorage.clear()")
    browser.open(page)
    light = browser.js(paper)
    browser.prefer("dark")
    dark = browser.js(paper)
    assert light == "rgb(255, 255, 255)"
    assert dark != light
    browser.js("document.getElementById('theme').click()")
    assert browser.js(paper) == light
    browser.open(page)  # the choice is kept
    assert browser.js(paper) == light
    browser.js("document.getElementById('theme').click()")
    assert browser.js(paper) == dark
    browser.js("localStorage.clear()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser, page, scheme):
    """WCAG 2.2, 1.4.3: text against its paper at least 4.5 to 1."""
    browser.open(page)
    browser.prefer(scheme)
    ratios = browser.js("""(() => {
      const part = (value) =>
        value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
      const level = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
      };
      const paper = level(getComputedStyle(document.body).backgroundColor);
      const found = {};
      const texts = "p, li, td, th, a, h1, h2, h3, code, small, sup";
      for (const node of document.querySelectorAll(texts)) {
        const ink = level(getComputedStyle(node).color);
        const [high, low] = [Math.max(ink, paper), Math.min(ink, paper)];
        found[getComputedStyle(node).color] = (high + 0.05) / (low + 0.05);
      }
      return found;
    })()""")
    assert len(ratios) >= 4
    assert {colour: ratio for colour, ratio in ratios.items() if ratio < 4.5} == {}


def test_a_link_unfolds_what_it_leads_to(browser, page):
    browser.open(page)
    fold = "document.getElementById('benchmark-one-cells')"
    browser.js(f"{fold}.open = false")
    browser.js("document.querySelector('a[href=\"#benchmark-one-cells\"]').click()")
    browser.js("new Promise((done) => setTimeout(done, 100))")
    assert browser.js(f"{fold}.open")


def test_words_filter_the_cells(browser, page):
    browser.open(page)
    shown = "document.querySelectorAll('#benchmark-two-cells tbody tr:not([hidden])').length"
    assert browser.js(shown) == 12
    browser.js("""(() => {
      const input = document.querySelector("#benchmark-two-cells .filter");
      input.value = "BASE fin";
      input.dispatchEvent(new Event("input"));
    })()""")
    assert browser.js(shown) == 4


def test_print_shows_tables_whole(browser, page):
    browser.open(page, width=700)
    browser.media("print")
    box = "document.querySelector('#table-two .scroll')"
    assert browser.js(f"getComputedStyle({box}).overflow") == "visible"
    assert browser.js("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_tables_alone_sort_without_errors(browser, page, tmp_path):
    file = tmp_path / "t.html"
    file.write_text(render(build(page.parent / "one"), "html"), encoding="utf-8")
    browser.open(file, width=PHONE)
    press(browser, browser.js(COLUMN))
    assert browser.js(ROWS)[0] == ODD
    assert browser.js("document.documentElement.scrollWidth") == PHONE
