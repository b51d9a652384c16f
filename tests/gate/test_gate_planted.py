"""The gate on planted cases: each with its outcome and its exit code."""

import json

import pytest
from gate_store import AGE, DATASET, FACES, ROWS, GateStore, recipe, usual, values

from farbench.scoring.catalogue import METRIC_VERSION

ROWS_BUT_ONE = ROWS[:-1]


@pytest.fixture
def gate(tmp_path, farbench_cli):
    """Return a function that checks a store against a baseline of another, as JSON."""

    def run(before, after, *arguments, code):
        file = tmp_path / "baseline.json"
        made = farbench_cli("baseline", before.folder, "-o", file)
        assert made.code == 0, made.err
        words = ["check", after.folder, "--baseline", file, "--format", "json", *arguments]
        outcome = farbench_cli(*words)
        assert outcome.code == code, outcome.out + outcome.err
        verdict = json.loads(outcome.out)
        assert verdict["holds"] == (code == 0)
        return verdict

    return run


def changed(verdict):
    """Return outcome, row, metric and seed of what is not the same."""
    return [
        (one["outcome"], one["row"], one["metric"], one["seed"])
        for one in verdict["judgements"]
        if one["outcome"] != "same"
    ]


def with_last(root, **cell):
    """Return a store whose row mgmtn has one cell of its own making."""
    store = GateStore(root, "bench")
    store.cell("baseline")
    store.cell("mgmtn", **cell)
    return store


def test_nothing_changed(gate, tmp_path):
    verdict = gate(usual(tmp_path / "a"), usual(tmp_path / "b"), code=0)
    assert changed(verdict) == []
    assert verdict["counts"] == {"same": 4}
    assert verdict["notes"] == []


@pytest.mark.parametrize(
    ("accuracy", "outcome", "code"),
    [
        (0.88, "worse", 1),  # two points down
        (0.92, "better", 0),
        (0.895, "same", 0),  # 0.5 points: 1.96 sqrt(2) sqrt(0.09 / 20,000) is 0.59
        (0.905, "same", 0),
    ],
)
def test_a_metric_moves(gate, tmp_path, accuracy, outcome, code):
    after = with_last(tmp_path / "b", accuracy=accuracy)
    verdict = gate(usual(tmp_path / "a"), after, code=code)
    expected = [] if outcome == "same" else [(outcome, "mgmtn", "accuracy", None)]
    assert changed(verdict) == expected
    (one,) = [j for j in verdict["judgements"] if (j["row"], j["metric"]) == ("mgmtn", "accuracy")]
    assert (one["before"], one["after"]) == (0.9, accuracy)
    assert one["tolerance"] == pytest.approx(1.96 * (2 * 0.9 * 0.1 / 20_000) ** 0.5, abs=2e-6)


def test_of_an_error_less_is_better(gate, tmp_path):
    def store(root, mae):
        one = GateStore(root, rows=["r"], tasks=[AGE])
        one.cell("r", metrics={"age": {"mae": mae, "metric_version": 1, "images": 10_000}})
        return one

    before = store(tmp_path / "a", 5.0)
    assert changed(gate(before, store(tmp_path / "b", 6.0), code=1)) == [
        ("worse", "r", "mae", None)
    ]
    assert changed(gate(before, store(tmp_path / "c", 4.0), code=0)) == [
        ("better", "r", "mae", None)
    ]


def test_a_row_is_gone(gate, tmp_path):
    after = GateStore(tmp_path / "b", rows=ROWS_BUT_ONE)
    after.cell("baseline")
    before = usual(tmp_path / "a")
    gone = [("vanished", "mgmtn", None, None)]
    assert changed(gate(before, after, code=1)) == gone
    assert changed(gate(before, after, "--allow-missing", code=0)) == gone


def test_a_row_is_planned_and_was_not_run(gate, tmp_path):
    after = GateStore(tmp_path / "b")
    after.cell("baseline")
    after.planned("mgmtn")
    verdict = gate(usual(tmp_path / "a"), after, code=1)
    assert changed(verdict) == [("vanished", "mgmtn", None, 0)]
    assert verdict["judgements"][0]["reason"] == "not run"


def test_a_seed_is_gone(gate, tmp_path):
    before, after = usual(tmp_path / "a", (0, 1)), usual(tmp_path / "b", (0,))
    assert changed(gate(before, after, code=1)) == [
        ("vanished", "baseline", None, 1),
        ("vanished", "mgmtn", None, 1),
    ]
    verdict = gate(before, after, "--allow-missing", code=0)
    assert verdict["counts"] == {"vanished": 2, "same": 4}


def test_a_number_is_none(gate, tmp_path):
    after = with_last(tmp_path / "b", mA=None)
    verdict = gate(usual(tmp_path / "a"), after, code=1)
    assert changed(verdict) == [("broke", "mgmtn", "mA", None)]
    assert verdict["judgements"][0]["before"] == 0.8


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_is_not_finite(gate, tmp_path, value):
    after = with_last(tmp_path / "b", mA=value)
    verdict = gate(usual(tmp_path / "a"), after, code=1)
    assert changed(verdict) == [("broke", "mgmtn", None, 0)]
    assert "metrics.json" in verdict["judgements"][0]["reason"]


def test_one_seed_of_several_is_none(gate, tmp_path):
    after = GateStore(tmp_path / "b", rows=ROWS_BUT_ONE)
    after.cell("baseline", 0)
    after.cell("baseline", 1, accuracy=None)
    before = GateStore(tmp_path / "a", rows=ROWS_BUT_ONE)
    before.cell("baseline", 0)
    before.cell("baseline", 1)
    assert changed(gate(before, after, code=1)) == [("broke", "baseline", "accuracy", None)]


def test_a_cell_fails(gate, tmp_path):
    after = with_last(tmp_path / "b", error="loss is NaN in epoch 2")
    verdict = gate(usual(tmp_path / "a"), after, code=1)
    assert changed(verdict) == [("broke", "mgmtn", None, 0)]
    assert verdict["judgements"][0]["reason"] == "failed (loss is NaN in epoch 2)"


def test_scores_that_cannot_be_read(gate, tmp_path):
    after = with_last(tmp_path / "b")
    next(after.folder.glob("mgmtn-*/metrics.json")).write_text("{")
    verdict = gate(usual(tmp_path / "a"), after, code=1)
    assert changed(verdict) == [("broke", "mgmtn", None, 0)]
    assert verdict["judgements"][0]["reason"].startswith("unreadable (")


def test_a_failed_cell_is_mended(gate, tmp_path):
    before = with_last(tmp_path / "a", error="no memory")
    verdict = gate(before, usual(tmp_path / "b"), code=0)
    assert changed(verdict) == [("fixed", "mgmtn", None, 0)]
    verdict = gate(before, before, code=0)
    assert verdict["counts"] == {"same": 3}
    reason = "failed in the baseline, failed (no memory) now"
    assert reason in [one["reason"] for one in verdict["judgements"]]


def test_what_was_not_run_then_is_new(gate, tmp_path, farbench_cli):
    before = GateStore(tmp_path / "a")
    before.cell("baseline")
    before.planned("mgmtn")
    after = usual(tmp_path / "b")
    new = [("new", "mgmtn", None, None)]
    assert changed(gate(before, after, code=0)) == new
    words = ("check", after.folder, "--baseline", before.folder, "--format", "json")
    assert changed(json.loads(farbench_cli(*words).out)) == new


def test_an_undefined_number_is_mended(gate, tmp_path):
    before = with_last(tmp_path / "a", mA=None)
    verdict = gate(before, usual(tmp_path / "b"), code=0)
    assert changed(verdict) == [("fixed", "mgmtn", "mA", None)]
    assert gate(before, before, code=0)["counts"] == {"same": 4}


def test_a_new_row(gate, tmp_path):
    before = GateStore(tmp_path / "a", rows=ROWS_BUT_ONE)
    before.cell("baseline")
    verdict = gate(before, usual(tmp_path / "b"), code=0)
    assert changed(verdict) == [("new", "mgmtn", None, None)]


def test_another_metric_version(gate, tmp_path):
    after = with_last(tmp_path / "b", accuracy=0.1, version=METRIC_VERSION + 1)
    before = usual(tmp_path / "a")
    verdict = gate(before, after, code=0)
    assert changed(verdict) == [("not comparable", "mgmtn", None, None)]
    reason = verdict["judgements"][0]["reason"]
    assert reason == f"metric version {METRIC_VERSION} -> {METRIC_VERSION + 1}"
    gate(before, after, "--all-comparable", code=1)


def test_another_data_set(gate, tmp_path):
    other = recipe(data__manifest="beef" * 16)
    verdict = gate(usual(tmp_path / "a"), with_last(tmp_path / "b", made=other, mA=0.1), code=0)
    assert changed(verdict) == [("not comparable", "mgmtn", None, None)]
    reason = verdict["judgements"][0]["reason"]
    assert reason == "data: manifest feedfeedfeed -> beefbeefbeef"


def test_the_data_set_has_another_name(gate, tmp_path):
    after = GateStore(tmp_path / "b", datasets=("others",))
    for row in ROWS:
        after.cell(row, dataset="others")
    verdict = gate(usual(tmp_path / "a"), after, code=1)
    assert verdict["counts"] == {"vanished": 2, "new": 2}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol__batch_size": 64}, "recipe: protocol.batch_size 36 -> 64"),
        ({"method__options__hidden": 256}, "recipe: method.options.hidden 512 -> 256"),
        ({"method__options__levels": [4]}, 'recipe: method.options.levels [3, 4] -> [4]'),
        ({"protocol__augmentation": {}}, "recipe: protocol.augmentation (absent) -> {}; "
         "recipe: protocol.augmentation.flip 0.35 -> (absent)"),
        ({"protocol__new": True}, "recipe: protocol.new (absent) -> true"),
    ],
)  # fmt: skip
def test_another_option(gate, tmp_path, changes, reason):
    after = with_last(tmp_path / "b", made=recipe(**changes), accuracy=0.1)
    verdict = gate(usual(tmp_path / "a"), after, code=0)
    assert changed(verdict) == [("not comparable", "mgmtn", None, None)]
    assert verdict["judgements"][0]["reason"] == reason


def test_an_option_of_an_earlier_stage_is_told_with_its_name(gate, tmp_path):
    other = recipe()
    other["training"]["parent"]["epochs"] = 9
    verdict = gate(usual(tmp_path / "a"), with_last(tmp_path / "b", made=other), code=0)
    assert verdict["judgements"][0]["reason"] == "recipe: global.epochs 5 -> 9"


def test_code_and_machine_are_reported_and_compared(gate, tmp_path):
    code = {"modules": {"m": "2"}, "libraries": {"torch": "2.16.0"}}
    after = with_last(tmp_path / "b", code=code, processor="another CPU")
    verdict = gate(usual(tmp_path / "a"), after, code=0)
    assert changed(verdict) == []
    assert sorted(verdict["notes"]) == [
        "code: other sources or libraries in 1 of 2 results",
        "machine: processor a CPU -> another CPU",
        "machine: torch 2.15.0 -> 2.16.0",
    ]


def test_tolerances_that_are_asked_for(gate, tmp_path):
    before, after = usual(tmp_path / "a"), with_last(tmp_path / "b", accuracy=0.88)
    assert changed(gate(before, after, "--tolerance", "accuracy=2", code=0)) == []
    gate(before, after, "--tolerance", "accuracy=1.9", code=1)
    gate(before, after, "--tolerance", "mA=5", code=1)
    # sqrt(2) sqrt(0.09 / 20,000) is 0.3 points: 2 points are 6.67 of them.
    gate(before, after, "--tolerance", "attributes.accuracy=7sigma", code=0)
    gate(before, after, "--tolerance", "accuracy=6sigma", code=1)
    slightly = with_last(tmp_path / "c", accuracy=0.899)
    assert changed(gate(before, slightly, "--tolerance", "accuracy=0", code=1)) == [
        ("worse", "mgmtn", "accuracy", None)
    ]


def test_speed_is_judged_if_it_is_asked_for(gate, tmp_path):
    before, slow = usual(tmp_path / "a"), with_last(tmp_path / "b", speed=60.0)
    assert changed(gate(before, slow, code=0)) == []
    assert changed(gate(before, slow, "--speed", "1.5", code=1)) == [
        ("worse", "mgmtn", "images_per_second", None)
    ]
    assert changed(gate(before, slow, "--speed", "1.7", code=0)) == []
    assert changed(gate(slow, before, "--speed", "1.5", code=0)) == [
        ("better", "mgmtn", "images_per_second", None)
    ]
    elsewhere = with_last(tmp_path / "c", speed=60.0, processor="another CPU")
    assert changed(gate(before, elsewhere, "--speed", "1.5", code=0)) == [
        ("not comparable", "mgmtn", "images_per_second", None)
    ]


def test_tasks_of_one_training_have_one_speed(gate, tmp_path):
    store = GateStore(tmp_path / "a", rows=["r"], tasks=[FACES, AGE])
    age = {"mae": 5.0, "metric_version": 1, "images": 100}
    store.cell("r", metrics={**values(), "age": age})
    verdict = gate(store, store, "--speed", "1.5", code=0)
    speeds = [one for one in verdict["judgements"] if one["metric"] == "images_per_second"]
    assert len(speeds) == 1


def test_a_metric_that_the_table_no_longer_shows_is_still_compared(gate, tmp_path):
    before = GateStore(tmp_path / "a", rows=["r"], metrics=["f1"])
    before.cell("r", f1=0.7)
    after = GateStore(tmp_path / "b", rows=["r"])
    after.cell("r", f1=0.6)
    assert changed(gate(before, after, code=1)) == [("worse", "r", "f1", None)]


def test_a_task_is_gone(gate, tmp_path):
    store = GateStore(tmp_path / "a", rows=["r"], tasks=[FACES, AGE])
    store.cell("r", metrics={**values(), "age": {"mae": 5.0, "metric_version": 1, "images": 100}})
    after = GateStore(tmp_path / "b", rows=["r"], tasks=[FACES])
    after.cell("r")
    verdict = gate(store, after, code=1)
    assert [(one["outcome"], one["task"]) for one in verdict["judgements"][:1]] == [
        ("vanished", "age")
    ]
    verdict = gate(after, store, code=0)
    assert [(one["outcome"], one["task"]) for one in verdict["judgements"][:1]] == [("new", "age")]


def test_the_gravest_comes_first(gate, tmp_path):
    rows = ("good", "bad", "dead", "other")
    before, after = GateStore(tmp_path / "a", rows=rows), GateStore(tmp_path / "b", rows=rows)
    for row in rows:
        before.cell(row)
    after.cell("good", accuracy=0.95)
    after.cell("bad", accuracy=0.85)
    after.cell("dead", error="no memory")
    after.cell("other", made=recipe(epochs=9))
    outcomes = [outcome for outcome, *_ in changed(gate(before, after, code=1))]
    assert outcomes == ["broke", "worse", "not comparable", "better"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tolerance", "acuracy=1"), "unknown metric 'acuracy'. Did you mean 'accuracy'?"),
        (("--tolerance", "accuracy"), "expected METRIC=POINTS or METRIC=Nsigma"),
        (("--tolerance", "accuracy=-1"), "expected METRIC=POINTS or METRIC=Nsigma"),
        (("--tolerance", "accuracy=nan"), "expected METRIC=POINTS or METRIC=Nsigma"),
        (("--speed", "0.5"), "--speed: 0.5 is no ratio"),
        (("--format", "gitub"), "unknown format 'gitub'. Did you mean 'github'?"),
    ],
)
def test_mistakes_in_the_options(farbench_cli, tmp_path, arguments, message):
    store = usual(tmp_path / "a")
    outcome = farbench_cli("check", store.folder, "--baseline", store.folder, *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_mistakes_with_the_baseline(farbench_cli, tmp_path):
    store, file = usual(tmp_path / "a"), tmp_path / "base.json"

    def told():
        outcome = farbench_cli("check", store.folder, "--baseline", file)
        assert outcome.code == 2
        return outcome.err

    assert "does not exist" in told()
    file.write_text("{")
    assert "cannot be read" in told()
    file.write_text('{"a": 1}')
    assert "is no baseline of farbench" in told()
    file.write_text('{"schema": 99}')
    assert "is of another schema than 1" in told()
    farbench_cli("baseline", store.folder, "-o", file)
    held = json.loads(file.read_text())
    held["rows"]["baseline"][DATASET]["tasks"]["attributes"]["images"] = "many"
    file.write_text(json.dumps(held))
    assert "is damaged (rows.baseline.faces.tasks.attributes.images:" in told()
    other = usual(tmp_path / "b", name="other")
    farbench_cli("baseline", other.folder, "-o", file)
    assert "is of benchmark 'other'" in told()
    assert farbench_cli("baseline", tmp_path / "none", "-o", file).code == 2


def test_nothing_finished_is_no_baseline(farbench_cli, tmp_path):
    store = GateStore(tmp_path / "a")
    store.planned("baseline")
    outcome = farbench_cli("baseline", store.folder, "-o", tmp_path / "base.json")
    assert outcome.code == 2
    assert "no cell of 'bench' is finished" in outcome.err
    assert not (tmp_path / "base.json").exists()
