"""The baseline's file, and what the gate prints."""

import json
import re

import pytest
from gate_store import FACES, GateStore, recipe, usual

from farbench.gate.baseline import read_baseline
from farbench.gate.check import take
from farbench.gate.keys import flat, stage_changes, stages_of


def test_a_baseline_is_small_sorted_and_the_same_again(farbench_cli, tmp_path):
    made = recipe(data__options={"labels": str(tmp_path / "secret" / "labels.csv")})
    stores = [GateStore(tmp_path / name, rows=["b", "a"]) for name in ("one", "two")]
    for store, order in zip(stores, ("ab", "ba"), strict=True):
        for row in order:
            store.cell(row, made=made)
        store.cell("a", 1, error=f"no memory, see {tmp_path}/log.txt")
    texts = []
    for store in stores:
        file = tmp_path / f"{store.folder.parent.name}.json"
        assert farbench_cli("baseline", store.folder, "-o", file).code == 0
        texts.append(file.read_text())
    assert texts[0] == texts[1]
    assert str(tmp_path) not in texts[0]
    assert "labels.csv" in texts[0]
    held = json.loads(texts[0])
    assert texts[0] == json.dumps(held, indent=1, sort_keys=True) + "\n"
    assert held["schema"] == 1
    assert held["made"] == {
        "commits": ["abc1234"],
        "finished": "2026-01-01T00:00:00+00:00",
        "protocol": "quick",
    }
    assert list(held["rows"]) == ["a", "b"]
    assert held["rows"]["a"]["faces"]["missing"] == {"1": "failed"}
    assert held["recipes"]["common"]["protocol.batch_size"] == 36
    assert len(held["recipes"]) == 2
    assert len(texts[0]) < 4000


def test_the_common_part_of_recipes_keeps_types_apart(farbench_cli, tmp_path):
    store = GateStore(tmp_path / "s", rows=["a", "b"])
    store.cell("a", made=recipe(protocol__on=True))
    store.cell("b", made=recipe(protocol__on=1))
    file = tmp_path / "base.json"
    farbench_cli("baseline", store.folder, "-o", file)
    assert json.dumps(read_baseline(file).recipes, sort_keys=True) == json.dumps(
        take(store.folder).recipes, sort_keys=True
    )
    one, other = stages_of(recipe(protocol__on=True)), stages_of(recipe(protocol__on=1))
    assert [str(change) for change in stage_changes(one, other)] == ["protocol.on true -> 1"]


def test_seeds_share_a_recipe_and_data(tmp_path):
    taken = take(usual(tmp_path / "a", (0, 1)).folder)
    assert len(taken.recipes) == 1
    seeds = taken.rows["baseline"]["faces"].tasks["attributes"].seeds
    assert seeds[0] == seeds[1]
    assert seeds[0].data == "feedfeedfeed"


def test_tasks_that_are_trained_alone_have_recipes_of_their_own(tmp_path):
    store = GateStore(tmp_path / "s", rows=["r"], tasks=[FACES, FACES.__class__("hair", ("Bald",))])
    for task, hidden in (("attributes", 8), ("hair", 16)):
        metrics = {task: {"accuracy": 0.9, "mA": 0.8, "metric_version": 1, "images": 100}}
        store.cell("r", metrics=metrics, made=recipe(method__options__hidden=hidden))
    taken = take(store.folder)
    hidden = {
        task: taken.recipes[numbers.seeds[0].recipe]["joint"]["method.options.hidden"]
        for task, numbers in taken.rows["r"]["faces"].tasks.items()
    }
    assert hidden == {"attributes": 8, "hair": 16}


def test_flat_keys():
    value = {
        "a": {"b": {"c": 1}, "d": {}},
        "list": [1, 2],
        "long": list(range(100)),
        "named": [{"name": "x", "size": 3}, {"name": "y"}],
        "path": "/home/me/points.csv",
        "drop": "this",
        "none": None,
    }
    found = flat(value, leave_out="this")
    assert found.pop("long").startswith("#")
    assert found == {
        "a.b.c": 1,
        "a.d": "{}",
        "list": "[1, 2]",
        "named.x.size": 3,
        "named.y": "{}",
        "path": "points.csv",
        "none": None,
    }


def test_a_recipe_knows_its_stages_but_not_seed_and_data():
    one, other = recipe(0), recipe(1, data__manifest="beef" * 16)
    assert stages_of(one) == stages_of(other)
    assert list(stages_of(one)) == ["joint", "global"]
    assert stages_of(one)["joint"]["after"] == "global"
    assert stages_of({}) == {}


def test_a_stage_more():
    one, other = stages_of(recipe()), stages_of(recipe())
    del other["global"]
    assert [str(change) for change in stage_changes(one, other)] == [
        "stage global there -> (absent)"
    ]


@pytest.fixture
def planted(tmp_path):
    """A worse row, a failed one, one with another option, and one that is new."""
    rows = ("good", "bad", "dead", "other")
    before, after = (
        GateStore(tmp_path / "a", rows=rows),
        GateStore(tmp_path / "b", rows=(*rows, "n")),
    )
    for row in rows:
        before.cell(row)
    after.cell("good")
    after.cell("bad", accuracy=0.85)
    after.cell("dead", error="it says:\n100% | of memory")
    after.cell("other", made=recipe(epochs=9))
    after.cell("n")
    return "check", after.folder, "--baseline", before.folder


def test_the_terminal(farbench_cli, planted):
    outcome = farbench_cli(*planted)
    assert outcome.code == 1
    noise = "noise up to 0.59: one seed: test images"
    assert outcome.out.splitlines() == [
        "broke           dead on faces, seed 0: failed (it says: 100% | of memory)",
        f"worse           bad on faces, accuracy: 90.00 -> 85.00 (-5.00, {noise})",
        "not comparable  other on faces, attributes: recipe: epochs 5 -> 9",
        "new             n on faces: no numbers in the baseline",
        "bench: 1 broke, 1 worse, 1 not comparable, 1 new, 3 same; the gate fails. "
        "What is not comparable needs a new baseline.",
    ]


def test_github(farbench_cli, planted, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    outcome = farbench_cli(*planted, "--format", "github")
    assert outcome.code == 1
    broke, worse, other, notice = outcome.out.splitlines()
    assert broke == (
        "::error title=farbench bench%3A broke::dead on faces, seed 0: "
        "failed (it says: 100%25 | of memory)"
    )
    assert worse.startswith("::error title=farbench bench%3A worse::bad on faces, accuracy: 90.00")
    assert other.startswith("::warning title=farbench bench%3A not comparable::other on faces")
    assert notice.startswith("::notice::bench: 1 broke")
    lines = summary.read_text().splitlines()
    assert lines[:2] == ["before", "### farbench check: " + notice.removeprefix("::notice::")]
    table = [line for line in lines if line.startswith("|")]
    assert table[2] == (
        "| broke | dead on faces, seed 0 |  |  |  |  | failed (it says: 100% \\| of memory) |"
    )
    assert table[3].startswith("| worse | bad on faces | accuracy | 90.00 | 85.00 | -5.00 | noise ")
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {8}


def test_github_outside_of_a_job_prints_the_table(farbench_cli, planted, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    outcome = farbench_cli(*planted, "--format", "github")
    assert "### farbench check: bench: 1 broke" in outcome.out


def test_allowed_to_be_missing_is_a_warning(farbench_cli, tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    before, after = usual(tmp_path / "a"), GateStore(tmp_path / "b", rows=["baseline"])
    after.cell("baseline")
    words = ("check", after.folder, "--baseline", before.folder, "--format", "github")
    assert "::error title=farbench bench%3A vanished::mgmtn" in farbench_cli(*words).out
    outcome = farbench_cli(*words, "--allow-missing")
    assert (outcome.code, "::warning title=farbench bench%3A vanished" in outcome.out) == (0, True)


def test_a_gate_that_compares_nothing_says_so(farbench_cli, tmp_path):
    before, after = usual(tmp_path / "a"), usual(tmp_path / "b", version=99)
    outcome = farbench_cli("check", after.folder, "--baseline", before.folder)
    assert outcome.code == 0
    assert "No number could be compared." in outcome.out


def test_a_root_of_several_benchmarks_holds_the_baseline_s(farbench_cli, tmp_path):
    usual(tmp_path / "runs", name="other")
    store = usual(tmp_path / "runs", name="bench")
    file = tmp_path / "base.json"
    farbench_cli("baseline", store.folder, "-o", file)
    assert farbench_cli("check", tmp_path / "runs", "--baseline", file).code == 0
