"""Writes tables as LaTeX floats with booktabs rules: best bold, second underlined."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from farbench.tables.model import Cell, Column, Table, heading_spans

ALIGN = {"label": "l", "text": "l", "mark": "c", "number": "r"}
NEEDS = "% Needs \\usepackage{booktabs,graphicx} and, for \\checkmark, \\usepackage{amssymb}."
NEEDS_LONG = NEEDS.replace("graphicx}", "graphicx,longtable}") + (
    "\n% A longtable stands in one column."
)
LONG = 60
"""Lines that fit a page; a longer table is a longtable."""
WIDE = 90
"""Characters that fit a page in footnote size."""
DAGGER = r"\textsuperscript{$\dagger$}"
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
    "†": r"$\dagger$",
    "°": r"$^{\circ}$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
}


def write(tables: Sequence[Table]) -> str:
    """Return all tables as ``table`` floats, long ones as ``longtable``s; they compile as is."""
    needs = NEEDS_LONG if any(_is_long(table) for table in tables) else NEEDS
    return "\n\n".join([needs, *(_table(table) for table in tables)])


def escape(text: str) -> str:
    """Escape every character that LaTeX would not print as itself; `code` is typewriter type."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    return "".join(
        rf"\texttt{{{_escape(part)}}}" if index % 2 else _escape(part)
        for index, part in enumerate(parts)
    )


def _escape(text: str) -> str:
    # Two hyphens would be printed as a dash.
    escaped = "".join(SPECIAL.get(character, character) for character in text.replace("--", "-\0-"))
    return escaped.replace("\0", "{}")


def _is_long(table: Table) -> bool:
    """Whether a table is too long for one page."""
    return len(table.rows()) + len(table.blocks) > LONG


def _table(table: Table) -> str:
    caption = escape(" ".join([table.title, *table.caption]))
    said = rf"\caption[{{{escape(table.title)}}}]{{{caption}}}"
    label = rf"\label{{tab:{re.sub(r'[^A-Za-z0-9]+', '-', table.name)}}}"
    columns = f"@{{}}{''.join(ALIGN[column.kind] for column in table.columns)}@{{}}"
    heading = [*_overs(table.columns), _line([_heading(column) for column in table.columns])]
    if _is_long(table):
        lines = [
            r"\begingroup",
            _size_of_long(table),
            r"\setlength{\tabcolsep}{3pt}\setlength{\LTcapwidth}{\linewidth}",
            rf"\begin{{longtable}}{{{columns}}}",
            rf"{said}{label}\\",
            r"\toprule",
            *heading,
            r"\midrule\endfirsthead",
            r"\toprule",
            *heading,
            r"\midrule\endhead",
            r"\bottomrule\endfoot",
            *_body(table)[1:],
            r"\end{longtable}",
            *_footnotes(table),
            r"\par\endgroup",
        ]
    else:
        lines = [
            r"\begin{table}[htbp]",
            r"\centering",
            said,
            label,
            r"\smallskip",
            r"\small",
            FIT,
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            *heading,
            *_body(table),
            r"\bottomrule",
            r"\end{tabular}}",
            *_footnotes(table),
            r"\end{table}",
        ]
    return "\n".join(lines)


def _body(table: Table) -> list[str]:
    """Return the lines of the rows, a rule before each block."""
    daggers = {
        column.key for column in table.columns if any(r.cell(column).dagger for r in table.rows())
    }
    lines = []
    for block in table.blocks:
        lines.append(r"\midrule")
        if block.title:
            title = rf"\emph{{{escape(block.title)}}}"
            lines.append(rf"\multicolumn{{{len(table.columns)}}}{{@{{}}l@{{}}}}{{{title}}} \\*")
        for row in block.rows:
            texts = [_cell(c, row.cell(c), c.key in daggers) for c in table.columns]
            if block.kind == "reference":
                texts[0] = rf"\emph{{{texts[0]}}}"
            lines.append(_line(texts))
    return lines


def _size_of_long(table: Table) -> str:
    """Return the size of type in which a long table, which is not shrunk, should fit a page."""
    width = sum(
        max(len(_plain(column, row.cell(column))) for row in table.rows()) + 2
        for column in table.columns
    )
    return r"\footnotesize" if width < WIDE else r"\scriptsize"


def _plain(column: Column, cell: Cell) -> str:
    return cell.text or cell.missing or ("" if cell.value is None else column.shown(cell.value))


def _overs(columns: Sequence[Column]) -> list[str]:
    """Return the line of shared headings and the rules below it, if there are any."""
    if not any(column.over for column in columns):
        return []
    texts, rules = [], []
    for start, end in heading_spans(columns):
        over = columns[start].over
        if over:
            texts.append(rf"\multicolumn{{{end - start}}}{{c}}{{{escape(over)}}}")
            rules.append(rf"\cmidrule(lr){{{start + 1}-{end}}}")
        else:
            texts.append("")
    return [_line(texts), "".join(rules)]


def _heading(column: Column) -> str:
    text = f"{column.title} {column.direction}".strip()
    lines = textwrap.wrap(text, HEADING, break_long_words=False, break_on_hyphens=False)
    if len(lines) < 2:
        return escape(text)
    stacked = r" \\ ".join(escape(line) for line in lines)
    return rf"\shortstack[{ALIGN[column.kind]}]{{{stacked}}}"


def _cell(column: Column, cell: Cell, daggers: bool) -> str:
    """Return a cell; where its column has ``daggers``, room for one keeps the points in line."""
    note = rf"\textsuperscript{{{cell.note}}}" if cell.note else ""
    if column.kind in ("label", "text"):
        return escape(cell.text) + note
    if column.kind == "mark":
        return r"\checkmark" if cell.mark else ""
    if cell.value is None:
        return escape(cell.missing) + note
    number = column.shown(cell.value)
    for sign in "-+<":
        number = number.replace(sign, f"${sign}$")
    if cell.best:
        number = rf"\textbf{{{number}}}"
    elif cell.second:
        number = rf"\underline{{{number}}}"
    spread = rf" $\pm$ {column.shown_std(cell.std)}" if cell.std is not None else ""
    dagger = ""
    if daggers:
        dagger = DAGGER if cell.dagger else rf"\phantom{{{DAGGER}}}"
    return number + spread + dagger + note


def _footnotes(table: Table) -> list[str]:
    if not table.footnotes:
        return []
    texts = [
        (rf"\textsuperscript{{{letter}}}~" if letter else "") + escape(text)
        for letter, text in table.notes()
    ]
    body = "\\\\\n".join(texts)
    return ["", r"\smallskip", rf"\noindent\parbox{{\linewidth}}{{\footnotesize {body}}}"]


def _line(texts: Sequence[str]) -> str:
    return " & ".join(texts) + r" \\"
