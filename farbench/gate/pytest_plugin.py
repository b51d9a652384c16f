"""The pytest plugin that is installed with farbench: the fixture ``farbench_cell``.

pytest loads it in every project of the environment, so it imports nothing until a test asks for the
fixture. In a method's own repository, with its benchmark and baseline beside the test::

    def test_mine_is_no_worse(farbench_cell):
        cell = farbench_cell("mine.yaml", row="mine")
        assert cell.metrics["attributes"]["mA"] > 0.55
        cell.check("mine.json")
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from farbench.gate.finished import FinishedCell


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where cells are kept."""
    parser.getgroup("farbench").addoption(
        "--farbench-results",
        metavar="DIR",
        type=Path,
        help="keep the cells of the fixture farbench_cell here, in place of pytest's cache",
    )


@pytest.fixture
def farbench_cell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., FinishedCell]:
    """Return a function that trains a cell of a benchmark, or finds it finished.

    Its arguments are a benchmark file, relative to the test's file, or a shipped benchmark's name;
    ``row``, where it has several; ``seed`` (0); and ``dataset``, ``protocol``, ``sets``,
    ``plugins``, ``data_root`` and ``device`` as of ``farbench run``. A cell is kept from one call
    of pytest to the next, and trained again when its code, options or data have changed.
    """
    from farbench.errors import CellFailed, UserError

    home = request.path.parent
    results = _results(request.config) or tmp_path_factory.mktemp("farbench")

    def cell(
        benchmark: str, row: str | None = None, *, seed: int = 0, **options: Any
    ) -> FinishedCell:
        from farbench.gate.finished import finished_cell

        beside = home / benchmark
        source = beside if beside.is_file() else benchmark
        try:
            return finished_cell(source, row, seed, results, home, **options)
        except (UserError, CellFailed) as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    return cell


def _results(config: pytest.Config) -> Path | None:
    """Return where cells are kept; None where nobody says, and pytest has no cache."""
    given: Path | None = config.getoption("--farbench-results")
    cache = getattr(config, "cache", None)
    return given or (cache.mkdir("farbench") if cache else None)
