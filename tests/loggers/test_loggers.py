"""TensorBoard and MLflow: what they keep of a run is read back with their own readers."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys

import pytest

from farbench.errors import UserError
from farbench.plugins.manager import load_plugins

EPOCHS = [1, 2, 3]
NAMES = {"loss", "learning_rate", "images_per_second", "valid_accuracy", "valid_mA"}

tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed"
)
mlflow = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mlflow", "sqlalchemy", "alembic"))),
    reason="mlflow with sqlalchemy and alembic is not installed",
)
# MLflow uses what SQLAlchemy and others call old.
mlflow_warns = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"
)


@pytest.fixture(autouse=True)
def _own_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def history(cell):
    with (cell / "history.csv").open() as file:
        return list(csv.DictReader(file))


def metrics(cell):
    return json.loads((cell / "metrics.json").read_text())["attributes"]


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder))
    read.Reload()
    return read


@tensorboard
def test_tensorboard_keeps_every_epoch_the_scores_and_the_settings(tiny):
    tiny.run("--logger", "tensorboard", "--rows", "fine")
    cell = tiny.cells()["fine"]
    folder = tiny.results / "tiny_bench" / "tensorboard" / cell.name
    read = events(folder)
    scalars = set(read.Tags()["scalars"])
    assert {f"joint/{name}" for name in NAMES} <= scalars
    for name in ("loss", "valid_accuracy"):
        points = read.Scalars(f"joint/{name}")
        assert [point.step for point in points] == EPOCHS
        wanted = [float(row[name]) for row in history(cell)]
        assert [point.value for point in points] == pytest.approx(wanted, rel=1e-6)
    (accuracy,) = read.Scalars("test/attributes/accuracy")
    assert accuracy.value == pytest.approx(metrics(cell)["accuracy"])
    assert not any("left_out" in name or "per_attribute" in name for name in scalars)
    hparams = read.PluginTagToContent("hparams")
    begun = next(value for tag, value in hparams.items() if tag.endswith("session_start_info"))
    assert b"method.cells" in begun
    assert b"tiny_net" in begun


@tensorboard
def test_epochs_of_a_stage_from_the_cache_are_in_the_log_too(tiny):
    tiny.run("--rows", "fine")
    other = tiny.folder / "other"
    outcome = tiny.run("--rows", "fine", "--logger", "tensorboard", results=other)
    assert "joint: taken from the cache" in outcome.err
    (folder,) = (other / "tiny_bench" / "tensorboard").iterdir()
    assert [point.step for point in events(folder).Scalars("joint/loss")] == EPOCHS
    # The log changed neither the cell's key nor its results.
    before, after = tiny.cells()["fine"], tiny.cells(other)["fine"]
    assert before.name == after.name
    assert metrics(before) == metrics(after)


@tensorboard
@pytest.mark.slow
def test_a_cell_that_goes_on_has_one_log_without_double_epochs(tiny, monkeypatch):
    monkeypatch.setenv("TINY_SIGNAL", "SIGINT")
    monkeypatch.setenv("TINY_STEP", "12")  # in the third epoch of five steps each
    tiny.run("--rows", "fine", "--logger", "tensorboard", code=130)
    (folder,) = (tiny.results / "tiny_bench" / "tensorboard").iterdir()
    assert [point.step for point in events(folder).Scalars("joint/loss")] == [1, 2]
    monkeypatch.delenv("TINY_SIGNAL")
    tiny.run("--rows", "fine", "--logger", "tensorboard")
    assert [point.step for point in events(folder).Scalars("joint/loss")] == EPOCHS
    assert len(list(folder.iterdir())) == 1


@tensorboard
@pytest.mark.slow
def test_with_jobs_each_worker_writes_the_logs_of_its_own_cells(tiny):
    tiny.run("--logger", "tensorboard", "--jobs", "2")
    root = tiny.results / "tiny_bench" / "tensorboard"
    assert {folder.name for folder in root.iterdir()} == {c.name for c in tiny.cells().values()}
    for folder in root.iterdir():
        assert [point.step for point in events(folder).Scalars("joint/loss")] == EPOCHS


def runs_of(tiny):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{tiny.results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tiny_bench")
    runs = client.search_runs([experiment.experiment_id])
    return client, {run.info.run_name: run for run in runs}


@mlflow
@mlflow_warns
def test_mlflow_keeps_a_run_a_cell_in_a_local_store(tiny, monkeypatch):
    monkeypatch.setenv("TINY_SIGNAL", "SIGINT")
    monkeypatch.setenv("TINY_STEP", "12")
    tiny.run("--rows", "fine", "--logger", "mlflow", code=130)
    _, runs = runs_of(tiny)
    assert [run.info.status for run in runs.values()] == ["RUNNING"]
    monkeypatch.delenv("TINY_SIGNAL")
    tiny.run("--rows", "fine", "--logger", "mlflow")
    client, runs = runs_of(tiny)
    cell = tiny.cells()["fine"]
    assert list(runs) == [cell.name]  # it went on with the run that it had
    run = runs[cell.name]
    assert run.info.status == "FINISHED"
    loss = client.get_metric_history(run.info.run_id, "joint/loss")
    assert {point.step: point.value for point in loss} == pytest.approx(
        {int(row["epoch"]): float(row["loss"]) for row in history(cell)}
    )
    assert len(loss) == len(EPOCHS)
    assert run.data.metrics["test/attributes/accuracy"] == metrics(cell)["accuracy"]
    wanted = {"row": "fine", "seed": "0", "method.name": "tiny_net", "method.cells": "4"}
    assert wanted.items() <= run.data.params.items()
    assert run.data.tags["farbench.folder"] == str(cell)


FAILS = """
from farbench import Method


class Fails(Method):
    name = "fails"

    def build(self, problem):
        raise RuntimeError("no luck")
"""


@mlflow
@mlflow_warns
@pytest.mark.slow
def test_a_cell_that_fails_is_a_failed_run(tiny):
    tiny.write({"fails.py": FAILS})
    tiny.write({"tiny_bench.yaml": tiny.file.read_text().replace("tiny_net, cells: 4", "fails")})
    plugin = ("--plugins", tiny.folder / "fails.py")
    tiny.run(*plugin, "--rows", "fine", "--logger", "mlflow", code=1)
    _, runs = runs_of(tiny)
    (run,) = runs.values()
    assert run.info.status == "FAILED"
    assert run.data.tags["farbench.failed"] == "RuntimeError: no luck"


@mlflow
@mlflow_warns
@pytest.mark.slow
def test_a_cell_whose_worker_died_is_a_failed_run(tiny, monkeypatch):
    monkeypatch.setenv("TINY_SIGNAL", "SIGKILL")
    monkeypatch.setenv("TINY_STEP", "12")
    tiny.run("--logger", "mlflow", "--jobs", "2", code=1)
    _, runs = runs_of(tiny)
    assert {run.info.status for run in runs.values()} == {"FAILED"}
    assert all("SIGKILL" in run.data.tags["farbench.failed"] for run in runs.values())
    assert set(runs) == {cell.name for cell in tiny.cells().values()}


@mlflow
@mlflow_warns
def test_a_store_that_cannot_be_opened_costs_no_cell(tiny, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://store")
    outcome = tiny.run("--rows", "fine", "--logger", "mlflow")
    warned = [line.split()[1] for line in outcome.err.splitlines() if "warning: " in line]
    # An epoch does not try again: to reach a server that is away takes minutes.
    assert warned == ["farbench_cell_started", "farbench_cell_finished"]
    assert "warning: farbench_cell_started of plugin mlflow (farbench " in outcome.err
    assert "test accuracy" in outcome.err


@pytest.mark.parametrize(
    ("name", "package"), [("tensorboard", "tensorboard"), ("mlflow", "mlflow")]
)
def test_a_logger_without_its_package_stops_the_run_before_it_begins(
    tiny, monkeypatch, name, package
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == package else find(n, *a)
    )
    monkeypatch.delitem(sys.modules, f"farbench_loggers.{name}", raising=False)
    outcome = tiny.run("--logger", name, code=2)
    assert f"logger '{name}' (farbench " in outcome.err
    # Others of the extra may be missing as well.
    said = rf"not installed: {package}[\w, ]*\. Type: pip install 'farbench\[{name}\]'"
    assert re.search(said, outcome.err)
    assert not tiny.results.exists()


def test_an_unknown_logger_is_told_with_those_there_are():
    with pytest.raises(UserError, match=r"unknown logger 'tensorbord'. Did you mean 'tensorboard'"):
        load_plugins(loggers=["tensorbord"])


def test_a_logger_is_not_loaded_unless_it_is_asked_for():
    found = {plugin.name: plugin.state for plugin in load_plugins().found}
    assert found["tensorboard"] == found["mlflow"] == "on request"
