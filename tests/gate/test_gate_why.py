"""`farbench why` and `farbench diff`: which part of an identity changed."""

import json

import pytest
from gate_store import GateStore, recipe

from farbench.gate.cells import compare, find_cell


def identity(seed=0, modules=None, masks=None, torch="2.15.0", device="cpu", **changes):
    code = {"modules": modules or {"a.b": "1", "a.c": "2"}, "libraries": {"torch": torch}}
    if masks:
        code["masks"] = {"modules": masks, "libraries": {"torch": torch}}
    return {"recipe": recipe(seed, **changes), "code": code, "numerics": {"device": device}}


def said(part):
    return [str(change) for change in part]


def test_the_same_is_no_difference():
    assert not compare(identity(), identity())


def test_each_part_is_told():
    found = compare(
        identity(),
        identity(1, {"a.b": "9", "a.d": "3"}, torch="2.16.0", device="H100", epochs=9),
    )
    assert said(found.recipe) == ["seed 0 -> 1", "epochs 5 -> 9"]
    assert said(found.code) == ["a.b changed", "a.d new", "torch 2.15.0 -> 2.16.0", "a.c gone"]
    assert said(found.numerics) == ["device cpu -> H100"]


def test_a_plugin_file_is_named_as_a_file():
    before, after = (identity(modules={"farbench_plugin_two_pools": d}) for d in "12")
    assert said(compare(before, after).code) == ["two_pools.py changed"]


def test_other_data():
    found = compare(identity(), identity(data__manifest="beef" * 16))
    assert said(found.recipe) == ["data.manifest changed"]


def test_what_masks_share_is_told_once():
    before = identity(modules={"a": "1"}, masks={"a": "1", "m": "1"})
    after = identity(modules={"a": "2"}, masks={"a": "2", "m": "2"}, torch="2.16.0")
    found = compare(before, after)
    assert said(found.code) == ["a changed", "torch 2.15.0 -> 2.16.0", "masks: m changed"]


def test_a_cell_is_found_by_folder_or_hash(tmp_path):
    store = GateStore(tmp_path / "runs")
    first, second = store.cell("baseline"), store.cell("mgmtn")
    root = tmp_path / "runs"
    assert find_cell(str(first), root) == first
    assert find_cell("00000001", root) == second
    assert find_cell("00000001", store.folder) == second


def test_a_cell_is_found_by_its_row(farbench_cli, tiny):
    tiny.run()
    cells = tiny.cells()
    folder = tiny.results / "tiny_bench"
    assert find_cell(f"{folder}/fine", tiny.results) == cells["fine"]
    wrong = farbench_cli("diff", f"{folder}/fin", cells["fine"])
    assert wrong.code == 2
    assert "unknown row 'fin'. Did you mean 'fine'? Known: coarse, fine." in wrong.err
    assert "Say which row of the benchmark" in farbench_cli("diff", folder, cells["fine"]).err


def test_a_row_that_the_plan_leaves_out_has_its_folders_named(farbench_cli, tmp_path):
    store = GateStore(tmp_path / "runs")
    kept, gone = store.cell("baseline"), store.cell("mgmtn")
    store.plan["cells"].pop()
    store.save()
    outcome = farbench_cli("diff", store.folder / "mgmtn", kept)
    assert outcome.code == 2
    assert f"row 'mgmtn' is not in the current plan of {store.folder}: " in outcome.err
    assert outcome.err.endswith(f"Give the folder of one: {gone}.\n")
    assert "unknown row 'mgmt'" in farbench_cli("diff", store.folder / "mgmt", kept).err


def test_a_row_with_several_cells_is_no_cell(farbench_cli, tiny):
    tiny.run("--seeds", "0,1")
    folder = tiny.results / "tiny_bench"
    outcome = farbench_cli("diff", f"{folder}/fine", tiny.cells()["coarse"])
    assert outcome.code == 2
    assert "row 'fine' has several cells" in outcome.err


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("0000", "several cells have a hash that begins with '0000': "),
        ("ffff", "no cell 'ffff' in "),
        ("000", "at least the first 4 characters of its hash"),
        ("", "no cell '' in "),
        (".", ". is no folder of a cell"),
    ],
)
def test_a_cell_that_is_not_there(farbench_cli, tmp_path, cell, message):
    store = GateStore(tmp_path / "runs")
    store.cell("baseline")
    store.cell("mgmtn")
    outcome = farbench_cli("diff", cell, "00000001", "--results", tmp_path / "runs")
    assert outcome.code == 2
    assert message in outcome.err


def test_a_longer_hash_is_that_of_the_key(farbench_cli, tmp_path):
    store = GateStore(tmp_path / "runs")
    place = store.cell("baseline")
    path = place / "cell.json"
    record = json.loads(path.read_text())
    record["identity"]["key"] = "00000000abcdef"
    path.write_text(json.dumps(record))
    assert find_cell("00000000abc", tmp_path) == place
    assert farbench_cli("diff", "00000000abd", place, "--results", tmp_path).code == 2


def test_diff(farbench_cli, tmp_path):
    store = GateStore(tmp_path / "runs")
    first = store.cell("baseline")
    second = store.cell("mgmtn", made=recipe(method__options__hidden=256))
    outcome = farbench_cli("diff", first, "00000001", "--results", tmp_path / "runs")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        f"{first.name} -> {second.name}",
        "recipe: 1 change",
        "  method.options.hidden 512 -> 256",
        "code: no changes",
        "numerics: no changes",
    ]
    assert farbench_cli("why", first, second).out == outcome.out
    assert farbench_cli("diff", first, first).out.endswith("The same training.\n")


def test_why_needs_to_know_the_benchmark(farbench_cli, tmp_path):
    store = GateStore(tmp_path / "runs")
    place = store.cell("baseline")
    outcome = farbench_cli("why", place)
    assert outcome.code == 2
    assert "is not of this version of farbench. Say which benchmark it is of" in outcome.err
    assert farbench_cli("why", place, "--set", "seeds=[1]").code == 2
    (store.folder / "plan.json").unlink()
    assert "plan.json does not exist" in farbench_cli("why", place).err
