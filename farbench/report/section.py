"""What the page says of one benchmark: its tables, figures and cells."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.figures.request import FigureRequest
from farbench.report.cards import Card, read_cards
from farbench.report.faces import WorstFaces
from farbench.report.pictures import Picture, draw_all, without_place
from farbench.report.pool import Pool
from farbench.tables.from_store import KINDS
from farbench.tables.measures import check_metrics
from farbench.tables.model import Cell, Column, Row, Table
from farbench.tables.options import TableOptions
from farbench.tables.results import Results, read_results
from farbench.tables.writers.html import TALL, Link, table_html

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry

SEED_AND_HASH = re.compile(r"-s\d+-[0-9a-f]+$")
"""The end of the name of a cell's folder."""

MANY = 200
"""With more cells, figures are drawn only if asked for, and no table reads every prediction."""

TOO_LONG = (
    f"it reads the predictions of every cell, which takes long for more than {MANY}; make it with "
    "`farbench table DIR --kind {kind}`"
)


@dataclass(frozen=True)
class KindOfTable:
    """The tables of one kind.

    Attributes:
        name: The kind ("attributes").
        title: Its heading.
        html: Its tables; empty where there are none.
        reason: Why there are none.
        open: Whether they are unfolded at first: what fits a screen.
    """

    name: str
    title: str
    html: str
    reason: str = ""
    open: bool = True


@dataclass(frozen=True)
class Section:
    """One benchmark of the page.

    Attributes:
        name: The benchmark's name.
        title: Its title.
        version: The farbench that planned it.
        kinds: Its tables.
        figures: Its figures; those that were not drawn say why.
        cards: A card a planned cell.
        states: How many cells are finished, failed, ...
        last: When the last cell was finished, a date; empty if none is.
    """

    name: str
    title: str
    version: str
    kinds: list[KindOfTable]
    figures: list[Picture]
    cards: list[Card]
    states: Counter[str]
    last: str


def read_section(
    folder: Path,
    pool: Pool,
    level: int,
    load_registry: Callable[[], Registry],
    data_root: Path | None,
    figures: bool | None,
) -> Section:
    """Read one benchmark.

    Args:
        folder: The benchmark's folder.
        pool: Takes what cards share.
        level: Of the headings of its tables.
        load_registry: Loads the plugins; called where faces may be shown.
        data_root: Where data sets are, for faces.
        figures: Whether to draw figures; None: unless there are very many cells.

    Raises:
        UserError: The plan cannot be read.
    """
    results = read_results(folder)
    check_metrics(results)
    may_show = [
        bool(results.dataset_record(dataset).get("images_may_be_shown"))
        for dataset in results.datasets
    ]
    registry = load_registry() if any(may_show) else None
    cards = read_cards(results, pool, WorstFaces(registry, data_root, pool))
    finished = [str(cell.record.get("finished") or "") for cell in results.finished()]
    if figures is None:
        figures = len(cards) <= MANY
    request = FigureRequest(folder, registry if all(may_show) else None, data_root)
    return Section(
        name=results.name,
        title=results.title.rstrip("."),
        version=results.version,
        kinds=_kinds(results, level),
        figures=draw_all(request) if figures else [],
        cards=cards,
        states=Counter(card["state"] for card in cards),
        last=max(finished, default="")[:10],
    )


def _kinds(results: Results, level: int) -> list[KindOfTable]:
    """Build every kind of table; what the main one says of data and protocol is said once."""
    link = links(results)
    said: set[str] = set()
    kinds = []
    for name, kind in KINDS.items():
        title = _sentence(kind.doc)
        try:
            if kind.reads_predictions and len(results.planned) > MANY:
                raise UserError(TOO_LONG.format(kind=name))
            tables = kind.build(results, TableOptions())
        except UserError as error:
            kinds.append(KindOfTable(name, title, "", without_place(error, results.folder)))
            continue
        headings = [_heading(results, table) for table in tables]
        html = "\n".join(
            table_html(
                table, level=level, title=heading, unseen=heading == title, link=link, said=said
            )
            for table, heading in zip(tables, headings, strict=True)
        )
        short = name == "main" or _short(tables)
        kinds.append(KindOfTable(name, title, html, "" if tables else kind.empty, open=short))
        if name == "main":
            said = {text for table in tables for text in table.caption}
            said |= {text for table in tables for letter, text in table.footnotes if not letter}
    return kinds


def _heading(results: Results, table: Table) -> str:
    """Return a table's title without the benchmark's, which stands above."""
    own = table.title.rstrip(".").removeprefix(results.title.rstrip("."))
    return _sentence(own.lstrip(": ")) or "Results"


def _sentence(text: str) -> str:
    """Begin a heading with a capital; a name such as mA stays as it is."""
    return text[:1].upper() + text[1:] if text.partition(" ")[0].islower() else text


def _short(tables: Sequence[Table]) -> bool:
    return sum(len(table.rows()) for table in tables) <= TALL


def links(results: Results) -> Link:
    """Return where the numbers of a benchmark's tables lead to.

    A number of one cell leads to its card, ``#cell-<benchmark>/<folder>``. A number of several
    leads to a list of them: ``#cells-<benchmark>/<row>-<dataset>`` where they differ in the seed
    alone, else ``#cells-<benchmark>/<hash>,<hash>``. A number that names no cells, as one that is
    missing or is a comparison, leads to those that were planned for its row and data set.
    """
    places: dict[tuple[str, str], tuple[str, ...]] = {}
    for folder, planned in results.planned.items():
        place = planned.row, planned.dataset
        places[place] = (*places.get(place, ()), folder)

    @functools.cache
    def target(folders: tuple[str, ...]) -> str:
        if len(folders) == 1:
            return f"#cell-{results.name}/{folders[0]}"
        stems = {SEED_AND_HASH.sub("", folder) for folder in folders}
        hashes = [folder.rpartition("-")[2] for folder in folders]
        return f"#cells-{results.name}/{stems.pop() if len(stems) == 1 else ','.join(hashes)}"

    def link(row: Row, column: Column, cell: Cell) -> str:
        found = cell.folders or places.get((row.id.partition("/")[0], column.dataset), ())
        return target(found) if found else ""

    return link
