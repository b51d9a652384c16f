"""Builds the table of costs: each row's first metric of each task, and all that it costs."""

from __future__ import annotations

from dataclasses import replace

from farbench.scoring.costs import COSTS
from farbench.tables.caption import table_title
from farbench.tables.costs import cost
from farbench.tables.kinds.main import main_tables
from farbench.tables.measures import measures
from farbench.tables.model import Table
from farbench.tables.options import TableOptions
from farbench.tables.results import Results


def cost_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build the table; none where no cell is finished. Costs that no cell has are left out."""
    records = [cell.record for cell in results.finished()]
    known = [name for name in COSTS if any(cost(record, name) is not None for record in records)]
    if not known:
        return []
    first: dict[str, str] = {}
    for dataset in results.datasets:
        for measure in measures(results, dataset):
            if measure.task:
                first.setdefault(measure.task, f"{measure.task}.{measure.info.name}")
    shown = replace(results, metrics=(*first.values(), *known), published=())
    tables = main_tables(shown, replace(options, differences=False))
    for table in tables:
        table.name = f"{results.name}-costs"
        table.title = table_title(results, "what each row costs")
        missing = [COSTS[name].label for name in COSTS if name not in known]
        if missing:
            table.remark(f"Not measured for any row: {', '.join(missing)}.")
    return tables
