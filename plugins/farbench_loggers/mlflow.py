"""Follows cells in MLflow: one experiment a benchmark, one run a cell.

Runs go to ``MLFLOW_TRACKING_URI``; where it is not set, to ``<results>/mlflow.db``.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from farbench import CellEvent, EpochEvent, hookimpl
from farbench.store.folders import locked
from farbench_loggers.needs import need
from farbench_loggers.values import Epoch, epochs, scores, settings

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

URI = "MLFLOW_TRACKING_URI"
STORE = "mlflow.db"
CELL_TAG = "farbench.cell"
FOLDER_TAG = "farbench.folder"
FAILED_TAG = "farbench.failed"
LONGEST = 6000
"""Characters of a parameter that MLflow keeps."""
AT_ONCE = 100
"""Parameters that MLflow takes in one call."""

need("mlflow", ["mlflow"] if os.environ.get(URI) else ["mlflow", "sqlalchemy", "alembic"])


class _Run(NamedTuple):
    """A run of MLflow's, and what writes to it."""

    client: MlflowClient
    id: str

    def add(self, epoch: Epoch) -> None:
        """Write an epoch; its number counts in its stage."""
        self._write({f"{epoch.stage}/{name}": v for name, v in epoch.values.items()}, epoch.number)

    def add_scores(self, values: Mapping[str, float]) -> None:
        """Write the scores of the test split."""
        self._write(values, 0)

    def add_missing(self, cell: CellEvent) -> None:
        """Write the epochs of stages from the cache, and none that is there."""
        known: dict[str, set[int]] = {}
        for epoch in epochs(cell.folder):
            if epoch.stage not in known:
                history = self.client.get_metric_history(self.id, f"{epoch.stage}/loss")
                known[epoch.stage] = {metric.step for metric in history}
            if epoch.number not in known[epoch.stage]:
                self.add(epoch)

    def add_settings(self, cell: CellEvent) -> None:
        """Write what the cell was made of."""
        from mlflow.entities import Param

        params = [Param(key, str(v)[:LONGEST]) for key, v in settings(cell.folder).items()]
        for start in range(0, len(params), AT_ONCE):
            self.client.log_batch(self.id, params=params[start : start + AT_ONCE])

    def _write(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        self.client.log_batch(self.id, metrics=metrics)


def _open(cell: CellEvent) -> _Run:
    """Return the cell's run: the one that it had before a kill, else a new one."""
    # Nothing is sent anywhere but to the store that the user names.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):  # they tell of every table that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    results = cell.folder.parent.parent.resolve()
    folder = str(cell.folder.resolve())
    with locked(results):  # the first of several processes makes tables and experiment
        client = MlflowClient(os.environ.get(URI) or f"sqlite:///{results / STORE}")
        found = client.get_experiment_by_name(cell.benchmark)
        experiment = found.experiment_id if found else client.create_experiment(cell.benchmark)
    runs = client.search_runs([experiment], f"tags.`{CELL_TAG}` = '{cell.folder.name}'")
    for run in runs:
        if run.data.tags.get(FOLDER_TAG) == folder:
            return _Run(client, run.info.run_id)
    tags = {CELL_TAG: cell.folder.name, FOLDER_TAG: folder}
    run = client.create_run(experiment, tags=tags, run_name=cell.folder.name)
    return _Run(client, run.info.run_id)


_runs: dict[Path, _Run] = {}
"""Cell folder -> its run, while the cell is trained in this process."""


def _last(cell: CellEvent) -> _Run:
    """Return the cell's run to end it; one that is not open here is opened."""
    return _runs.pop(cell.folder, None) or _open(cell)


@hookimpl
def farbench_cell_started(cell: CellEvent) -> None:
    """Begin the cell's run, or go on with it."""
    run = _runs[cell.folder] = _open(cell)
    run.client.update_run(run.id, status="RUNNING")


@hookimpl
def farbench_epoch_ended(cell: CellEvent, epoch: EpochEvent) -> None:
    """Write an epoch; where the store could not be opened it is written at the end, if at all.

    To reach a store that is away takes minutes, which not every epoch is to wait.
    """
    if run := _runs.get(cell.folder):
        run.add(Epoch(epoch.stage, epoch.epoch, epoch.values))


@hookimpl
def farbench_cell_finished(cell: CellEvent, metrics: Mapping[str, Mapping[str, object]]) -> None:
    """Write the epochs of stages from the cache, the scores and the settings; end the run."""
    run = _last(cell)
    try:
        run.add_missing(cell)
        run.add_scores(scores(metrics))
        run.add_settings(cell)
    finally:
        run.client.set_terminated(run.id, "FINISHED")


@hookimpl
def farbench_cell_failed(cell: CellEvent, reason: str) -> None:
    """End the run as failed, and say why in a tag; also for a worker that died."""
    run = _last(cell)
    run.client.set_tag(run.id, FAILED_TAG, reason[:LONGEST])
    run.client.set_terminated(run.id, "FAILED")
