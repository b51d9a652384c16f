"""Tables as an HTML page: what stands where, and that nothing in a label is markup."""

import re

import pytest

from farbench.tables.model import Block, Cell, Column, Row, Table
from farbench.tables.writers import format_of, html, render

ODD = '<b>"A&G"</b>'


@pytest.fixture
def table():
    columns = [
        Column("label", "Method", kind="label"),
        Column("mark/AG", "AG", kind="mark"),
        Column("a", "Accuracy", over="Faces & co", higher_is_better=True),
        Column("e", "Error", over="Faces & co", higher_is_better=False, percent=False, decimals=1),
    ]
    rows = [
        Row("one", {
            "label": Cell(text=ODD, note="b"),
            "a": Cell(0.9, std=0.004, n=2, second=True, folders=("x", "y")),
            "e": Cell(3.25, n=1, best=True),
        }),
        Row("two", {
            "label": Cell(text="two"),
            "mark/AG": Cell(mark=True),
            "a": Cell(0.95, std=0.1, n=2, best=True, note="a", dagger=True),
            "e": Cell(missing="failed", note="a"),
        }),
    ]  # fmt: skip
    paper = Row("p", {"label": Cell(text="paper"), "a": Cell(0.99, n=1)})
    return Table(
        "demo", "bench", "A demo.", ["Sentence <one>.", "Said before."], columns,
        [Block("measured", rows=rows), Block("published", "Published: <X>", [paper])],
        footnotes=[("a", "n = 2 of 3"), ("", "whole & all"), ("b", "it broke")],
    )  # fmt: skip


def body(table, **options):
    return html.table_html(table, **options)


def test_numbers_marks_and_notes_stand_in_their_cells(table):
    text = body(table)
    assert "<td><u>90.00</u> <small>± 0.40</small></td>" in text
    assert "<td><b>95.00</b> <small>± 10.00</small><sup>†a</sup></td>" in text
    assert '<td class="gone">failed<sup>a</sup></td>' in text
    assert '<td class="m">✓</td>' in text
    assert "<td><b>3.2</b></td>" in text
    assert '<th scope="row">two</th>' in text
    assert text.count("<tr>") + text.count('<tr class="block">') == 2 + 4


def test_headings_say_direction_span_and_how_to_begin_sorting(table):
    text = body(table)
    assert '<th colspan="2" scope="colgroup">Faces &amp; co</th>' in text
    assert '<th scope="col" data-first="descending">Accuracy\u00a0↑</th>' in text
    assert '<th scope="col">Error\u00a0↓</th>' in text


def test_footnotes_captions_and_what_is_said_already(table):
    text = body(table)
    assert "<li><sup>a</sup> n = 2 of 3</li>\n<li><sup>b</sup> it broke</li>" in text
    assert "<li>whole &amp; all</li>" in text
    assert "<b>Best</b> and <u>second best</u> of each column" in text
    assert "Sentence &lt;one&gt;. Said before." in text
    shorter = body(table, said={"Said before.", "whole & all", "it broke"})
    assert "Said before." not in shorter
    assert "whole &amp; all" not in shorter
    assert "it broke" in shorter  # a letter points to it


def test_links_are_where_they_are_asked_for(table):
    text = body(table, link=lambda row, column, cell: f'#"{row.id}' if cell.folders else "")
    assert '<td><a href="#&quot;one"><u>90.00</u> <small>± 0.40</small></a></td>' in text
    assert text.count("<a ") == 1
    assert "<a " not in body(table)


def test_a_long_table_scrolls_in_its_box(table):
    assert 'class="scroll"' in body(table)
    table.blocks[0].rows *= 20
    assert 'class="scroll tall"' in body(table)


def test_the_page_is_whole_and_alone(table, tmp_path):
    page = render([table, table], "html")
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert "default-src 'none'" in page
    assert ODD not in page
    assert page.count("&lt;b&gt;&quot;A&amp;G&quot;&lt;/b&gt;") == 2
    assert re.search(r"(src|href)=", page) is None
    assert "url(" not in page
    assert "<title>A demo.</title>" in page
    assert format_of(tmp_path / "t.html") == "html"


def test_no_tables_are_a_page_too():
    assert "No tables" in render([], "html")
