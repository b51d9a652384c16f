"""Costs in tables: units, what masks add, tasks trained alone, cells that are older."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_store import FakeStore

from farbench.errors import UserError
from farbench.scoring.costs import COSTS
from farbench.tables.costs import cost, remarks, together
from farbench.tables.from_store import build
from farbench.tables.model import Table
from farbench.tables.options import TableOptions

OWN = {
    "flops": 200_000_000,
    "train_images_per_second": 100.0,
    "input_share": 0.05,
    "inference_images_per_second": 400.0,
    "latency_ms": 9.0,
    "peak_memory_mb": 512.0,
}
MASKS = {"masks_flops": 400_000_000, "masks_latency_ms": 14.0, "masks_parameters": 6_000_000}
ROWS = (("plain", "Plain", ()), ("masked", "Masked", ()))


def store(root: Path, **benchmark: Any) -> FakeStore:
    """Write a row without and one with masks."""
    made = FakeStore(root, rows=ROWS, marks=[], **benchmark)
    made.cell("plain", 0.9, 0.8, parameters=4_000_000, costs=OWN)
    made.cell("masked", 0.91, 0.81, parameters=9_000_000, costs={**OWN, **MASKS},
              masks={"minutes": 6.0})  # fmt: skip
    return made


def values(table: Table, row: str) -> dict[str, float | None]:
    """Return a row's numbers by metric."""
    (found,) = [one for one in table.rows() if one.id == row]
    return {c.metric: found.cell(c).value for c in table.columns if c.kind == "number"}


def notes(table: Table) -> list[str]:
    return [text for _, text in table.notes()]


def test_the_table_of_costs_has_them_all_beside_the_first_metric(tmp_path: Path) -> None:
    (table,) = build(store(tmp_path, compare="plain").folder, "costs")
    assert table.name == "ablation-costs"
    assert values(table, "plain") == pytest.approx({
        "accuracy": 0.9, "parameters": 4.0, "flops": 0.2, "train_speed": 100.0,
        "input_share": 5.0, "inference_speed": 400.0, "latency": 9.0, "peak_memory": 512.0,
        "minutes": 3.5,
    })  # fmt: skip
    titles = [column.title for column in table.columns]
    assert titles[2:5] == ["Parameters (M)", "FLOPs (G)", "Training (images/s)"]
    better = {column.metric: column.higher_is_better for column in table.columns}
    assert [name for name in COSTS if better[name]] == ["train_speed", "inference_speed"]


def test_what_an_image_needs_has_its_masks_in_it_and_says_so(tmp_path: Path) -> None:
    (table,) = build(store(tmp_path).folder, "costs")
    found = values(table, "masked")
    assert found["flops"] == pytest.approx(0.6)
    assert found["latency"] == pytest.approx(23.0)
    assert found["minutes"] == pytest.approx(9.5)
    assert found["parameters"] == 9.0
    assert found["inference_speed"] == 400.0
    said = notes(table)
    assert "0.400 G of it are the mask network's" in said
    assert "14.0 ms of it are the mask network's" in said
    (flops,) = [column for column in table.columns if column.metric == "flops"]
    plain, masked = table.blocks[0].rows
    assert plain.cell(flops).best
    assert not plain.cell(flops).note
    assert masked.cell(flops).note


def test_only_what_is_shown_is_explained(tmp_path: Path) -> None:
    folder = store(tmp_path).folder
    explained = "FLOPs: operations for one image"
    (table,) = build(folder, "main", TableOptions(metrics=("accuracy", "flops")))
    assert [text for text in notes(table) if text.startswith(explained)]
    assert not [text for text in notes(table) if "atency" in text]
    (table,) = build(folder, "main", TableOptions(metrics=("accuracy", "parameters")))
    assert not [text for text in notes(table) if "Parameters" in text]


def test_a_benchmark_file_can_ask_for_costs(tmp_path: Path) -> None:
    (table,) = build(store(tmp_path, metrics=["flops", "mA"]).folder)
    assert [column.metric for column in table.columns[1:]] == ["flops", "mA"]
    with pytest.raises(UserError, match="Did you mean 'flops'"):
        build(store(tmp_path / "b", metrics=["flop"]).folder)


def test_means_and_deviations_over_seeds(tmp_path: Path) -> None:
    made = FakeStore(tmp_path, rows=ROWS[:1], seeds=(0, 1), marks=[])
    for seed, latency in enumerate((8.0, 10.0)):
        made.cell("plain", 0.9, 0.8, seed=seed, costs={**OWN, "latency_ms": latency})
    (table,) = build(made.folder, "costs")
    (column,) = [column for column in table.columns if column.metric == "latency"]
    cell = table.blocks[0].rows[0].cell(column)
    assert (cell.value, cell.n) == (9.0, 2)
    assert cell.std == pytest.approx(2**0.5)
    (column,) = [column for column in table.columns if column.metric == "flops"]
    assert table.blocks[0].rows[0].cell(column).std is None  # of what is counted


def test_older_cells_have_no_costs_but_those_of_their_stages(tmp_path: Path) -> None:
    made = FakeStore(tmp_path, rows=ROWS, marks=[])
    made.cell("plain", 0.9, 0.8, parameters=4_000_000, stages=[{"images_per_second": 50.0}])
    made.cell("masked", 0.9, 0.8, parameters=4_000_000, costs={**OWN, "peak_memory_mb": None})
    (table,) = build(made.folder, "costs")
    old = values(table, "plain")
    assert (old["train_speed"], old["flops"], old["latency"]) == (50.0, None, None)
    (flops,) = [column for column in table.columns if column.metric == "flops"]
    cell = table.blocks[0].rows[0].cell(flops)
    assert cell.missing == "–"
    assert dict(table.footnotes)[cell.note].startswith("not measured by the farbench")
    assert "Not measured for any row: Peak memory." in notes(table)
    assert "peak_memory" not in values(table, "masked")


def test_no_finished_cell_has_no_table_of_costs(tmp_path: Path, farbench_cli) -> None:
    made = FakeStore(tmp_path, rows=ROWS)
    made.planned("plain")
    outcome = farbench_cli("table", made.folder, "--kind", "costs")
    assert outcome.code == 2
    assert "has no table of costs: no cell is finished" in outcome.err


def test_tasks_trained_alone_take_their_turns() -> None:
    first = {"costs": {**OWN, **MASKS}}
    second = {"costs": {**OWN, **MASKS, "peak_memory_mb": 700.0, "latency_ms": 1.0}}
    both = {"costs": together(first, second)}
    assert cost(both, "flops") == pytest.approx(0.2 + 0.2 + 0.4)  # the masks once
    assert cost(both, "latency") == pytest.approx(9 + 1 + 14)
    assert cost(both, "train_speed") == pytest.approx(50)
    assert cost(both, "inference_speed") == pytest.approx(200)
    slow = {"costs": {**OWN, "train_images_per_second": 25.0, "input_share": 0.01}}
    assert cost({"costs": together(first, slow)}, "input_share") == pytest.approx((5 + 4 * 1) / 5)
    assert cost(both, "peak_memory") == 700
    old = {"stages": [{"images_per_second": 25.0}]}
    mixed = {"costs": together(first, old)}
    assert cost(mixed, "flops") is None
    assert cost(mixed, "train_speed") == pytest.approx(20)


def test_tasks_trained_alone_in_a_folder(tmp_path: Path) -> None:
    made = FakeStore(tmp_path, rows=ROWS[:1], marks=[])
    made.cell("plain", 0.9, 0.8, costs=OWN)
    other = made.cell("plain", 0.9, 0.8, costs=OWN)
    scores = json.loads((other / "metrics.json").read_text())
    (other / "metrics.json").write_text(json.dumps({"more": scores["attributes"]}))
    (table,) = build(made.folder, "costs")
    assert values(table, "plain")["flops"] == pytest.approx(0.4)


def test_machines_that_do_not_compare() -> None:
    cpu = {"environment": {"device": "cpu", "processor": "P", "threads": 1, "precision": "float32"}}
    gpu = {"environment": {"device": "H100", "precision": "bfloat16", "threads": 2}}
    shown = [COSTS["latency"]]
    assert remarks([cpu, cpu], shown)[-1] == "Speeds and latencies are of P, 1 thread, float32."
    assert remarks([cpu, gpu], shown)[-1] == (
        "Speeds and latencies are of several machines and do not compare: "
        "P, 1 thread, float32; H100, bfloat16."
    )
    assert len(remarks([cpu, gpu], [COSTS["flops"]])) == 1
    assert len(remarks([{}], shown)) == 1
