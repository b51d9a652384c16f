"""Each format against a small table written out by hand."""

import csv
import io
import json
import re
import shutil
import subprocess

import pytest
from fake_store import ABLATION, FakeStore, ablation

from farbench.errors import UserError
from farbench.tables.files import write_all, write_text
from farbench.tables.from_store import build
from farbench.tables.model import Block, Cell, Column, Row, Table
from farbench.tables.writers import WRITERS, format_of, latex, markdown, render, terminal

NASTY = r"50% & #1_a {x} ~ ^ $ \ <b> | [2] *"


@pytest.fixture
def table():
    columns = [
        Column("label", "Method", kind="label"),
        Column("mark/AG", "AG", kind="mark"),
        Column("a", "Accuracy", higher_is_better=True, dataset="celeba", metric="accuracy"),
        Column("e", "Error", higher_is_better=False, percent=False, decimals=1),
    ]
    rows = [
        Row("one", {
            "label": Cell(text="one"),
            "a": Cell(0.9, std=0.004, n=2, second=True),
            "e": Cell(3.25, n=1, best=True),
        }),
        Row("two", {
            "label": Cell(text=NASTY),
            "mark/AG": Cell(mark=True),
            "a": Cell(0.95, std=0.1, n=2, best=True, note="a"),
            "e": Cell(missing="failed", note="b"),
        }),
    ]  # fmt: skip
    paper = Row("p", {"label": Cell(text="paper"), "a": Cell(0.99, n=1), "e": Cell(missing="–")})
    return Table(
        "demo", "bench", "A demo.", ["Sentence one.", "± and 5%."], columns,
        [Block("measured", rows=rows), Block("published", "Published: X", [paper])],
        footnotes=[("a", "n = 2 of 3"), ("", "whole"), ("b", "it broke")],
    )  # fmt: skip


def test_terminal(table):
    rule = "─" * 70
    assert terminal.write([table]).splitlines() == [
        "A demo.",
        "Sentence one. ± and 5%.",
        "",
        rule,
        "Method                              AG          Accuracy ↑     Error ↓",
        rule,
        "one                                     90.00 ±  0.40'            3.2*",
        r"50% & #1_a {x} ~ ^ $ \ <b> | [2] *  ✓   95.00 ± 10.00* (a)  failed (b)",
        rule,
        "Published: X",
        "paper                                   99.00                        –",
        rule,
        "* best, ' second best in its column.",
        "(a) n = 2 of 3",
        "(b) it broke",
        "whole",
    ]


def test_terminal_lines_fit_and_numbers_line_up(tmp_path):
    text = render(build(ablation(tmp_path, compare="baseline").folder), "terminal")
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    points = {line.index(".", 50) for line in lines if line.startswith(("Baseline", "+ AG", "maj"))}
    assert len(points) == 1
    assert "\x1b" not in text


def test_terminal_splits_wide_tables_between_data_sets(tmp_path):
    store = FakeStore(tmp_path, rows=ABLATION, compare="baseline")
    for dataset in ("synthetic_faces", "celeba"):
        for row, _, _ in ABLATION:
            store.cell(row, 0.9, 0.8, dataset=dataset)
    lines = render(build(store.folder), "terminal").splitlines()
    assert max(map(len, lines)) <= 100
    heads = [line for line in lines if line.startswith("Method")]
    assert len(heads) == 2
    assert all(head.count("Accuracy") == 2 and head.count("mA") == 2 for head in heads)
    assert "AML" in heads[0]
    assert "AML" not in heads[1]
    assert any(line.strip() == "CelebA" for line in lines)


def test_terminal_colour_changes_no_letter(table):
    plain, coloured = terminal.write([table]), terminal.write([table], color=True)
    assert "\x1b[1m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_terminal_ascii():
    assert terminal.to_ascii("mA ↑ 1 ± 2 – ✓ ─ é") == "mA ^ 1 +- 2 - x - ?"


def test_markdown(table):
    assert markdown.write([table]).splitlines() == [
        "### A demo",
        "",
        "Sentence one. ± and 5%.",
        "",
        "| Method | AG | Accuracy ↑ | Error ↓ |",
        "| :-- | :-: | --: | --: |",
        "| one |  | <u>90.00</u> ± 0.40 | **3.2** |",
        r"| 50% &amp; #1\_a {x} \~ ^ $ \\ &lt;b&gt; \| \[2\] \* | ✓ "
        "| **95.00** ± 10.00 (a) | failed (b) |",
        "| *Published: X* |  |  |  |",
        "| paper |  | 99.00 | – |",
        "",
        "- (a) n = 2 of 3",
        "- (b) it broke",
        "- whole",
    ]


def test_commands_are_code(table):
    table.remark("Do `farbench table --kind a_b`, *then* look.")
    assert markdown.write([table]).endswith(r"- Do `farbench table --kind a_b`, \*then\* look.")
    assert "Do <code>farbench table --kind a_b</code>, *then*" in WRITERS["html"]([table])


def test_latex(table):
    text = latex.write([table])
    assert text.startswith("% Needs \\usepackage{booktabs,graphicx}")
    assert r"\caption[{A demo.}]{A demo. Sentence one. $\pm$ and 5\%.}" in text
    body = text[text.index(r"\toprule") : text.index(r"\end{tabular}")].splitlines()
    assert body == [
        r"\toprule",
        r"Method & AG & Accuracy $\uparrow$ & Error $\downarrow$ \\",
        r"\midrule",
        r"one &  & \underline{90.00} $\pm$ 0.40 & \textbf{3.2} \\",
        r"50\% \& \#1\_a \{x\} \textasciitilde{} \textasciicircum{} \$ \textbackslash{} "
        r"\textless{}b\textgreater{} \textbar{} {[}2{]} {*} & \checkmark & "
        r"\textbf{95.00} $\pm$ 10.00\textsuperscript{a} & failed\textsuperscript{b} \\",
        r"\midrule",
        r"\multicolumn{4}{@{}l@{}}{\emph{Published: X}} \\*",
        r"paper &  & 99.00 & -- \\",
        r"\bottomrule",
    ]


def test_latex_escapes_every_special_character():
    escaped = latex.escape("\\{}$&#%_^~")
    for command in ("textbackslash", "textasciicircum", "textasciitilde"):
        escaped = escaped.replace(f"\\{command}{{}}", "")
    assert re.sub(r"\\[{}$&#%_]", "", escaped) == ""


def test_latex_commands_are_typewriter_and_keep_their_hyphens():
    assert latex.escape("run `a --b_c` -- now") == r"run \texttt{a -{}-b\_c} -{}- now"
    assert latex.escape("a `lone tick") == r"a `lone tick"


def daggered(table):
    """Return the table with a gain that holds, and a p too small to print."""
    table.blocks[0].rows[0].cells["a"].dagger = True
    table.columns.append(Column("p", "p", percent=False, decimals=4, least=0.0001))
    table.blocks[0].rows[0].cells["p"] = Cell(1e-9, n=2)
    table.blocks[0].rows[1].cells["p"] = Cell(0.25, n=2)
    table.remark("† holds.")
    return table


def test_daggers_and_small_numbers_in_every_text(table):
    lines = {name: WRITERS[name]([daggered(table)]) for name in ("terminal", "markdown", "latex")}
    assert "90.00 ±  0.40'†      " in lines["terminal"]
    assert "95.00 ± 10.00*  (a)" in lines["terminal"]
    assert "<0.0001" in lines["terminal"]
    assert "<u>90.00</u> ± 0.40† |" in lines["markdown"]
    dagger = r"\textsuperscript{$\dagger$}"
    assert rf"\underline{{90.00}} $\pm$ 0.40{dagger} &" in lines["latex"]
    assert rf"$\pm$ 10.00\phantom{{{dagger}}}\textsuperscript{{a}}" in lines["latex"]
    assert "$<$0.0001" in lines["latex"]
    assert terminal.to_ascii("90†") == "90+"


def longer(table):
    """Return the table with more rows than a page has lines."""
    for index in range(latex.LONG):
        table.blocks[0].rows.append(Row(f"r{index}", {"label": Cell(text=f"row {index}")}))
    return table


def test_a_long_table_goes_over_pages(table):
    text = latex.write([longer(table)])
    assert "longtable" in text.splitlines()[0]
    assert r"\begin{longtable}{@{}lcrr@{}}" in text
    assert text.count(r"Method & AG & Accuracy $\uparrow$") == 2  # again on each page
    assert r"\begin{table}" not in text
    assert r"\midrule\endhead" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("change", [lambda table: table, daggered, longer])
def test_latex_compiles(table, tmp_path, change):
    packages = r"\usepackage{booktabs,graphicx,amssymb,longtable}"
    (tmp_path / "t.tex").write_text(latex.write([change(table)]), encoding="utf-8")
    (tmp_path / "d.tex").write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}\input{{t}}\end{{document}}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"],
        cwd=tmp_path, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-800:]
    assert b"Overfull" not in done.stdout
    assert b"too large" not in done.stdout


def test_csv_holds_raw_fractions(table):
    lines = list(csv.DictReader(io.StringIO(render([table, table], "csv"))))
    assert len(lines) == 2 * 6
    one, _, two, failed, paper, _ = lines[:6]
    assert (one["row"], one["value"], one["std"], one["n"]) == ("one", "0.9", "0.004", "2")
    assert (one["dataset"], one["metric"], one["block"]) == ("celeba", "accuracy", "measured")
    assert (two["label"], two["marks"], two["note"]) == (NASTY, "AG", "n = 2 of 3")
    assert (failed["value"], failed["missing"], failed["note"]) == ("", "failed", "it broke")
    assert (paper["block"], paper["value"]) == ("published", "0.99")


def test_json_is_the_model(table):
    held = json.loads(render([table], "json"))["tables"][0]
    assert held["blocks"][0]["rows"][0]["cells"]["a"]["value"] == 0.9
    assert held["columns"][2]["higher_is_better"] is True


@pytest.mark.parametrize("format", list(WRITERS))
def test_every_format_says_that_faces_are_drawn_and_why_a_cell_is_missing(format, tmp_path):
    store = FakeStore(tmp_path, rows=ABLATION[:2])
    store.cell("baseline", 0.9, 0.8)
    store.cell("attribute_grouping", error="out of memory")
    text = " ".join(render(build(store.folder), format).split())
    assert "out of memory" in text
    if format != "csv":  # numbers alone; the data set column names it
        assert "say nothing about real ones" in text


def test_formats_by_suffix(tmp_path):
    suffixes = ("md", "tex", "csv", "json", "html", "txt")
    assert {format_of(tmp_path / f"x.{suffix}") for suffix in suffixes} == set(WRITERS)
    with pytest.raises(UserError, match=r"\.tex \(latex\)"):
        format_of(tmp_path / "x.docx")
    with pytest.raises(UserError, match="Did you mean 'latex'"):
        render([], "latx")


def test_write_all(tmp_path):
    store = ablation(tmp_path)
    written = {path.name for path in write_all(store.folder)}
    kinds, suffixes = ("main", "masks", "attributes"), ("md", "tex", "csv")
    assert written == {f"{kind}.{suffix}" for kind in kinds for suffix in suffixes}
    tables = store.folder / "tables"
    assert {path.name for path in tables.iterdir()} == written  # no temporary file is left
    store.plan["cells"] = store.plan["cells"][:1]  # the baseline has no masks
    store.save()
    write_all(store.folder)
    assert not list(tables.glob("masks.*"))


def test_files_are_replaced_whole_and_a_file_in_the_way_is_told(tmp_path):
    path = tmp_path / "x.md"
    write_text(path, "old")
    write_text(path, "neu ±")
    assert path.read_text(encoding="utf-8") == "neu ±"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="cannot write"):
        write_text(path / "y.md", "text")
