"""Markdown: tables, text from docstrings, and what Python-Markdown reads otherwise than GitHub."""

from __future__ import annotations

import inspect
import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_CODE = re.compile(r"(`+[^`]*`+)")
_ITEM = re.compile(r"( *)(?:[-*]|\d+\.) ")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells hold Markdown, and may not hold line breaks."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def prose(text: str) -> str:
    """Return a docstring, or a help text, as Markdown: roles as code, signs as themselves."""
    text = _ROLE.sub(r"`\1`", inspect.cleandoc(text))
    parts = _CODE.split(text)
    plain = (part.replace("<", "&lt;") for part in parts[::2])
    parts[::2] = [re.sub(r"([][*])", r"\\\1", part) for part in plain]
    return "".join(parts)


def in_a_line(text: str) -> str:
    """Return a text as Markdown without line breaks, for a cell."""
    return " ".join(prose(text).split())


def code(text: str) -> str:
    """Return a text as code; nothing for no text."""
    return f"`{text}`" if text else ""


def without_outside_links(markdown: str, page: str, repository: str) -> str:
    """Return a page whose links to files outside of docs/ lead to the repository.

    Args:
        page: Where the page lies below docs/, as in ``how-to/celeba.md``.
        repository: Its web address; without one the text of such a link stays, as text.
    """

    def mended(link: re.Match[str]) -> str:
        picture, text, target, anchor = link.groups()
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        if "://" in target or not place.startswith("../"):
            return link[0]
        if not repository:
            return text
        return f"{picture}[{text}]({repository.rstrip('/')}/blob/main/{place[3:]}{anchor or ''})"

    return _LINK.sub(mended, markdown)


def with_titles(markdown: str, page: str, docs: Path) -> str:
    """Return a page whose links that are called by a file, ``[tasks.md](tasks.md)``, have titles.

    Args:
        page: Where the page lies below docs/.
        docs: The folder docs/.
    """

    def titled(link: re.Match[str]) -> str:
        picture, text, target, anchor = link.groups()
        if not text.endswith(".md") or "://" in target:
            return link[0]
        first, _, _ = (docs / page).parent.joinpath(target).read_text("utf-8").partition("\n")
        return f"{picture}[{first.lstrip('# ').partition(':')[0]}]({target}{anchor or ''})"

    return _LINK.sub(titled, markdown)


def for_python_markdown(markdown: str) -> str:
    """Return a page written for GitHub as Python-Markdown has to be told it.

    Below an item of a list it wants four columns a level, where GitHub takes two: whole lines are
    moved, code blocks too. In code in a table it takes a bar as it is, where GitHub wants ``\\|``.
    """
    lines = []
    levels: list[int] = []  # columns at which the texts of the open items begin
    fence = ""
    for line in markdown.split("\n"):
        indent = len(line) - len(line.lstrip())
        if not fence and line.strip():
            while levels and indent < levels[-1]:
                levels.pop()
        if line.strip():
            moved = " " * (4 * len(levels)) + line[levels[-1] if levels else 0 :]
            lines.append(moved)
        else:
            lines.append(line)
        if lines[-1].startswith("|"):
            lines[-1] = _CODE.sub(lambda found: found[0].replace("\\|", "|"), lines[-1])
        marker = re.match(r"\s*(```+)", line)
        if marker and (not fence or line.strip() == fence):
            fence = "" if fence else marker[1]
        item = None if fence else _ITEM.match(line)
        if item and (levels or not item[1]):
            levels.append(item.end())
    return "\n".join(lines)
