"""Every shipped benchmark runs to its end under `quick`, made quicker, and prints its rows."""

from __future__ import annotations

import json

import pytest

from farbench.benchmark.locate import shipped_names

SMALL = (
    "protocol.threads=1",
    "protocol.resize=40",
    "protocol.crop=32",
    "protocol.epochs=1",
    "protocol.stage_epochs.global=1",
    "protocol.masks.epochs=1",
    "protocol.masks.size=32",
    "protocol.masks.stored_size=16",
    "protocol.masks.images=16",
    "dataset.train=24",
    "dataset.valid=12",
    "dataset.test=12",
)
ROWS = {
    "quickstart": ["baseline", "g2ff_ca"],
    "ablation": ["baseline", "attribute_grouping", "aml", "g2ff_ca", "g2ff_sa", "g2ff_ca_sa"],
    "mask_scale": [f"scale-{area}" for area in (0.64, 0.81, 1.0, 1.21, 1.44)],
    "fusion": ["global", "gr4", "gr4_gr3", "g2ff"],
    "losses": ["bce", "focal", "equalized_focal"],
    "robustness": ["baseline", "attribute_grouping", "aml", "g2ff_ca"],
}
MORE = {
    "comparison": [
        *("baseline_resnest50", "g2ff_ca_resnest50", "baseline_resnet50", "g2ff_ca_resnet50"),
        *("resnet18", "resnet18_tenth", "moon", "mcnn_aux", "dmtl", "ps_mcnn", "aps", "spl_net"),
        "dmm_cnn",
    ],
    "far_amtn": ["baseline", "unshared", "wsgsa", "wsgsa_cgff", "wsgsa_dws", "far_amtn"],
    "dynamic_weights": [
        *("equal", "equal-single", "fixed", "uncertainty", "dwa", "dynamic"),
        *("dynamic_convergence", "ming"),
    ],
    "age_gender_race_expression": [
        *("branch-1", "branch-1-single", "branch-0", "branch-2", "branch-3", "no_attention"),
    ],
    "single_vs_multi": ["tuned", "tuned-single", "frozen", "frozen-single"],
    "single_task": ["together", "together-single"],
}
"""Benchmarks whose rows may differ in what they predict, in images, and in trunk steps."""

OTHERWISE = {
    # MCNN-AUX and DMTL need 48 pixels.
    "comparison": ("protocol.resize=56", "protocol.crop=48"),
    "robustness": ("robustness.images=6", "robustness.strengths=[1, 5]"),
    # Verification needs two people with two pictures each.
    "dynamic_weights": ("dataset.train=24", "dataset.valid=12", "dataset.test=24"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_a_shipped_benchmark(tiny, tmp_path, name):
    sets = [word for value in (*SMALL, *OTHERWISE.get(name, ())) for word in ("--set", value)]
    outcome = tiny.cli("run", name, *sets)
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "work" / "runs" / name
    plan = json.loads((folder / "plan.json").read_text())
    assert [cell["row"] for cell in plan["cells"]] == ROWS[name]
    records = [
        json.loads((folder / cell["folder"] / "cell.json").read_text()) for cell in plan["cells"]
    ]
    assert {record["status"] for record in records} == {"finished"}
    steps = [sum(stage["trunk_steps"] for stage in record["stages"]) for record in records]
    assert len(set(steps)) == 1  # no row's trunk is trained for longer
    assert "failed" not in outcome.err + outcome.out
    assert "these numbers say nothing about real ones" in outcome.out
    made = [line for line in outcome.err.splitlines() if "mask network: 1 epoch" in line]
    masked = any(record["masks"] for record in records)
    assert len(made) == masked  # once for all rows
    assert (folder / "tables" / "masks.md").is_file() == masked


def test_every_shipped_benchmark_is_run_here():
    assert sorted({*ROWS, *MORE}) == sorted(shipped_names("benchmark"))


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_a_shipped_benchmark_of_many_methods_or_tasks(tiny, tmp_path, name):
    sets = [word for value in (*SMALL, *OTHERWISE.get(name, ())) for word in ("--set", value)]
    outcome = tiny.cli("run", name, *sets)
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "work" / "runs" / name
    plan = json.loads((folder / "plan.json").read_text())
    assert list(dict.fromkeys(cell["row"] for cell in plan["cells"])) == MORE[name]
    for cell in plan["cells"]:
        place = folder / cell["folder"]
        record = json.loads((place / "cell.json").read_text())
        assert record["status"] == "finished"
        assert [task["name"] for task in record["tasks"]] == cell["tasks"]
        assert set(json.loads((place / "metrics.json").read_text())) == set(cell["tasks"])
        alone = cell["row"].endswith("-single")
        assert not alone or len(cell["tasks"]) == 1
        # What each term lost and weighed, step by step, where there was something to weigh.
        weighed = len(cell["tasks"]) > 1 or "dws" in cell["row"] or cell["row"] == "far_amtn"
        assert (place / "terms.csv").is_file() == weighed
    assert "failed" not in outcome.err + outcome.out


@pytest.mark.slow
def test_the_ablation_prints_its_check_marks(tiny):
    sets = [word for value in SMALL for word in ("--set", value)]
    outcome = tiny.cli("run", "ablation", *sets)
    marks = {"baseline": 0, "+ AG ": 1, "+ AG + AML ": 2, "+ AG + AML + G2FF (CA)": 3}
    for label, count in marks.items():
        (line,) = [
            text
            for text in outcome.out.splitlines()
            if text.startswith(label.strip() + "  ") and "✓" * (count > 0) in text
        ][:1]
        assert line.count("✓") == count
    assert all(mark in outcome.out for mark in ("AG", "AML", "CA", "SA", "CA-SA"))
