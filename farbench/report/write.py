"""Writes the report: one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from farbench.report.pool import Pool, as_json
from farbench.report.section import MANY, Section, read_section
from farbench.store.cells import PLAN
from farbench.tables.files import write_text
from farbench.tables.results import find_benchmark
from farbench.tables.writers.html import POLICY, asset

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry

FILE = "report.html"
ASSETS = "assets"
STYLES = ("report.css", "card.css")
SCRIPTS = ("theme.js", "filter.js", "charts.js", "parts.js", "cards.js")


def benchmarks_of(folder: Path) -> list[Path]:
    """Return the benchmarks' folders of a results folder, or the benchmark's own folder.

    Raises:
        UserError: There is none.
    """
    several = sorted(path.parent for path in folder.glob(f"*/{PLAN}"))
    if (folder / PLAN).is_file() or len(several) < 2:
        return [find_benchmark(folder)]
    return several


def write_report(
    folder: Path,
    output: Path | None,
    load_registry: Callable[[], Registry],
    *,
    data_root: Path | None = None,
    figures: bool | None = None,
) -> tuple[Path, list[Section]]:
    """Write the report of a benchmark, or of all benchmarks of a results folder.

    The same results give the same bytes: no time and no path is in it but those of the results.

    Args:
        folder: A results folder or a benchmark's folder.
        output: The file; None for ``report.html`` in the folder.
        load_registry: Loads the plugins; called where faces may be shown.
        data_root: Where data sets are, for faces.
        figures: Whether to draw figures; None: unless there are very many cells.

    Returns:
        The file and what is in it.

    Raises:
        UserError: There are no results, a plan cannot be read, or the file cannot be written.
    """
    folders = benchmarks_of(folder)
    pool = Pool()
    level = 3 if len(folders) == 1 else 4
    sections = [
        read_section(one, pool, level, load_registry, data_root, figures) for one in folders
    ]
    title = sections[0].title if len(folders) == 1 else f"Results in {folder.resolve().name}"
    path = output or (folders[0] if len(folders) == 1 else folder) / FILE
    write_text(path, render(title, sections, pool))
    return path, sections


def render(title: str, sections: Sequence[Section], pool: Pool) -> str:
    """Return the page."""
    environment = Environment(
        autoescape=True,
        loader=PackageLoader(__package__, ASSETS),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    cards = [card for section in sections for card in section.cards]
    return environment.get_template("report.html.jinja").render(
        title=title,
        sections=sections,
        many=MANY,
        policy=POLICY,
        styles=Markup("\n".join([asset("table.css"), *map(_own, STYLES)])),
        scripts=Markup("\n".join([*map(_own, SCRIPTS), asset("table.js")])),
        cards=_embedded(as_json(cards)),
        pool=_embedded(pool.json()),
        markup=Markup,
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(ASSETS, name).read_text(encoding="utf-8")


def _embedded(text: str) -> Markup:
    """Return JSON that can stand in a script element: nothing in it ends or comments one."""
    return Markup(text.replace("<", "\\u003c"))
