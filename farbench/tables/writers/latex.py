"""Writes tables as LaTeX floats with booktabs rules: best bold, second underlined."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from farbench.tables.model import Cell, Column, Table

ALIGN = {"label": "l", "text": "l", "mark": "c", "number": "r"}
NEEDS = "% Needs \\usepackage{booktabs,graphicx} and, for \\checkmark, \\usepackage{amssymb}."
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Shrinks the table where it is wider than the text, and only there."""
HEADING = 14
"""Longer headings are broken into lines of about this many characters."""

# Brackets and stars are braced because `\\` at the end of a row takes them for its options.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    '"': "{''}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "✓": r"\checkmark{}",
    "°": r"$^{\circ}$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
}


def write(tables: Sequence[Table]) -> str:
    """Return all tables as ``table`` floats that compile as they are."""
    return "\n\n".join([NEEDS, *(_table(table) for table in tables)])


def escape(text: str) -> str:
    """Escape every character that LaTeX would not print as itself."""
    return "".join(SPECIAL.get(character, character) for character in " ".join(text.split()))


def _table(table: Table) -> str:
    columns = table.columns
    caption = escape(" ".join([table.title, *table.caption]))
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption[{{{escape(table.title)}}}]{{{caption}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9]+', '-', table.name)}}}",
        r"\smallskip",
        r"\small",
        FIT,
        rf"\begin{{tabular}}{{@{{}}{''.join(ALIGN[column.kind] for column in columns)}@{{}}}}",
        r"\toprule",
        *_overs(columns),
        _line([_heading(column) for column in columns]),
    ]
    for block in table.blocks:
        lines.append(r"\midrule")
        if block.title:
            title = rf"\emph{{{escape(block.title)}}}"
            lines.append(rf"\multicolumn{{{len(columns)}}}{{@{{}}l@{{}}}}{{{title}}} \\")
        for row in block.rows:
            texts = [_cell(column, row.cell(column)) for column in columns]
            if block.kind == "reference":
                texts[0] = rf"\emph{{{texts[0]}}}"
            lines.append(_line(texts))
    lines += [r"\bottomrule", r"\end{tabular}}"]
    lines += _footnotes(table)
    lines.append(r"\end{table}")
    return "\n".join(lines)


def _overs(columns: Sequence[Column]) -> list[str]:
    """Return the line of shared headings and the rules below it, if there are any."""
    if not any(column.over for column in columns):
        return []
    texts, rules = [], []
    start = 0
    while start < len(columns):
        end = start + 1
        over = columns[start].over
        while over and end < len(columns) and columns[end].over == over:
            end += 1
        if over:
            texts.append(rf"\multicolumn{{{end - start}}}{{c}}{{{escape(over)}}}")
            rules.append(rf"\cmidrule(lr){{{start + 1}-{end}}}")
        else:
            texts.append("")
        start = end
    return [_line(texts), "".join(rules)]


def _heading(column: Column) -> str:
    text = f"{column.title} {column.direction}".strip()
    lines = textwrap.wrap(text, HEADING, break_long_words=False, break_on_hyphens=False)
    if len(lines) < 2:
        return escape(text)
    stacked = r" \\ ".join(escape(line) for line in lines)
    return rf"\shortstack[{ALIGN[column.kind]}]{{{stacked}}}"


def _cell(column: Column, cell: Cell) -> str:
    note = rf"\textsuperscript{{{cell.note}}}" if cell.note else ""
    if column.kind in ("label", "text"):
        return escape(cell.text) + note
    if column.kind == "mark":
        return r"\checkmark" if cell.mark else ""
    if cell.value is None:
        return escape(cell.missing) + note
    number = column.shown(cell.value).replace("-", "$-$").replace("+", "$+$")
    if cell.best:
        number = rf"\textbf{{{number}}}"
    elif cell.second:
        number = rf"\underline{{{number}}}"
    spread = rf" $\pm$ {column.shown_std(cell.std)}" if cell.std is not None else ""
    return number + spread + note


def _footnotes(table: Table) -> list[str]:
    if not table.footnotes:
        return []
    texts = [
        (rf"\textsuperscript{{{letter}}}~" if letter else "") + escape(text)
        for letter, text in table.notes()
    ]
    body = "\\\\\n".join(texts)
    return ["", r"\smallskip", rf"\parbox{{\linewidth}}{{\footnotesize {body}}}"]


def _line(texts: Sequence[str]) -> str:
    return " & ".join(texts) + r" \\"
