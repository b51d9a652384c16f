"""Results and baselines, spoiled: tables, checks and reports show them as damaged, or refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import PLUGINS, cases
from hypothesis import given
from mutations import Choose, at, chooser, put, spoiled, spoiled_binary, spoiled_text
from mutations_of_arrays import spoiled_arrays, spoiled_weights
from safetensors.numpy import load, save

from farbench.cli import main
from farbench.errors import UserError
from farbench.store.shapes import CELL, PLAN, check_scores, misfit
from farbench.tables.comparisons.evidence import read_evidence
from farbench.tables.from_store import KINDS

Words = Callable[[Path, Choose], list[str]]

COMMANDS: dict[str, Words] = {
    "table": lambda folder, choose: ["--kind", choose(tuple(KINDS))],
    "check": lambda folder, choose: ["--baseline", str(folder.parents[1] / "base.json")],
    "baseline": lambda folder, choose: ["-o", str(folder.parents[1] / "again.json")],
    "report": lambda folder, choose: ["--no-figures", "-o", str(folder.parents[1] / "r.html")],
}

OF_A_CELL: dict[str, Words] = {
    "predict": lambda cell, choose: ["faces", *PLUGINS],
    "export": lambda cell, choose: ["-o", "out", *PLUGINS],
    "rescore": lambda cell, choose: [],
    "why": lambda cell, choose: PLUGINS,
    "diff": lambda cell, choose: [str(min(cell.parent.glob("fine-dots-s1-*")))],
    "robustness": lambda cell, choose: [
        "--images=6",
        "--corruptions=blur",
        f"--strengths={choose('12')}",
        *PLUGINS,
    ],
}
"""What is typed after the command and the cell."""


def spoiled_file(path: Path, choose: Choose) -> bytes:
    """Return a file's bytes with changes of what it says, or of its text or bytes."""
    held = path.read_bytes()
    if path.suffix == ".npz" and choose((True, True, False)):
        return spoiled_arrays(held, choose)
    if path.suffix == ".safetensors" and choose((True, True, False)):
        return save(spoiled_weights(load(held), choose))
    if path.suffix in (".npz", ".safetensors"):
        return spoiled_binary(held, choose)
    if path.suffix == ".json" and choose((True, True, True, False)):
        return json.dumps(spoiled(json.loads(held), choose)).encode()
    return spoiled_text(held, choose)


def try_a_folder(results: Path, capsys: pytest.CaptureFixture[str], choose: Choose) -> None:
    files = sorted(
        path
        for path in results.rglob("*")
        if path.suffix in (".json", ".npz", ".csv") and path.parent.name != "tables"
    )
    path = choose((results / "plan.json", results.parents[1] / "base.json", *files))
    command = "check" if path.name == "base.json" else choose(tuple(COMMANDS))
    kept = {one: one.read_bytes() for one in {path, results / "evidence.json"}}
    path.write_bytes(spoiled_file(path, choose))
    try:
        code = main([command, str(results), *COMMANDS[command](results, choose)])
    finally:
        for one, held in kept.items():
            one.write_bytes(held)
    told = capsys.readouterr().err
    assert code in (0, 1, 2)
    assert code != 2 or told.startswith("farbench: error: ")
    assert code != 2 or str(results.parents[1]) in told or "has no table of" in told, told


def check_told(code: int, told: str, place: str) -> None:
    """Check that a command that was given a spoiled file told what and where."""
    assert code in (0, 1, 2)
    assert "Traceback" not in told
    assert code != 2 or "farbench: error: " in told, told
    assert code != 2 or place in told, told


def try_a_cell(results: Path, capsys: pytest.CaptureFixture[str], choose: Choose) -> None:
    """Spoil one file of a trained or exported cell, or its plan, and do something with the cell."""
    exported = choose((True, False, False))
    cell = Path("exported") if exported else min(results.glob("fine-dots-s0-*"))
    names = ("farbench.json", "model.safetensors") if exported else (
        *("cell.json", "cell.json", "cell.json", "metrics.json", "robustness.json"),
        *("predictions.npz", "predictions.npz", "model.safetensors", "../plan.json"),
    )  # fmt: skip
    path = cell / choose(names)
    command = choose(("predict", "export") if exported else tuple(OF_A_CELL))
    kept = {one: one.read_bytes() for one in (*results.rglob("*"), path) if one.is_file()}
    path.write_bytes(spoiled_file(path, choose))
    capsys.readouterr()
    try:
        code = main([command, str(cell), *OF_A_CELL[command](cell, choose)])
    finally:
        for one, held in kept.items():
            one.write_bytes(held)
    told = capsys.readouterr().err
    check_told(code, told, "exported" if exported else str(results))


@given(choose=chooser())
@cases(20)
def test_spoiled_cells(results: Path, capsys: pytest.CaptureFixture[str], choose: Choose) -> None:
    try_a_cell(results, capsys, choose)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(choose=chooser())
@cases(1500)
def test_a_thousand_spoiled_cells(
    results: Path, capsys: pytest.CaptureFixture[str], choose: Choose
) -> None:
    try_a_cell(results, capsys, choose)


@given(choose=chooser())
@cases(50)
def test_spoiled_bench_files(
    results: Path, capsys: pytest.CaptureFixture[str], choose: Choose
) -> None:
    path = results.parents[1] / "spoiled.json"
    path.write_bytes(spoiled_file(results.parents[1] / "bench.json", choose))
    words = [str(path), "--baseline", "bench.json"]
    code = main(["check", *(words if choose((True, False)) else [words[2], words[1], words[0]])])
    check_told(code, capsys.readouterr().err, str(path))


@given(choose=chooser())
@cases(40)
def test_spoiled_results(results: Path, capsys: pytest.CaptureFixture[str], choose: Choose) -> None:
    try_a_folder(results, capsys, choose)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(choose=chooser())
@cases(800)
def test_hundreds_of_spoiled_results(
    results: Path, capsys: pytest.CaptureFixture[str], choose: Choose
) -> None:
    try_a_folder(results, capsys, choose)


# What was found --------------------------------------------------------------------------------

IN_PLAN = [
    (("cells", 0, "seed"), "many", "cells[0].seed is 'many', not a whole number"),
    (("cells", 0, "seed"), 10**400, "cells[0].seed is 1000"),
    (("cells", 1, "row"), ["fine"], "cells[1].row is a list, not text"),
    (("cells", 1, "row"), "fin", "cells[1].row: unknown row 'fin'. Did you mean 'fine'"),
    (("cells", 0, "folder"), "../elsewhere", "cells[0].folder is '../elsewhere', not a folder's"),
    (("cells", 0, "folder"), "x" * 300, "cells[0].folder is 'xxx"),
    (("cells", 0, "folder"), "a\0b", "cells[0].folder is 'a\\x00b', not a folder's name"),
    (("benchmark", "metrics"), [{"accuracy": 1}], "benchmark.metrics[0] is a mapping, not text"),
    (("benchmark", "protocol", "substitute"), 3, "protocol.substitute is 3, not a mapping"),
    (("benchmark", "rows", 0, "id"), None, "benchmark.rows[0].id is missing"),
    (("tasks", "dots", 0, "kind"), "smell", "is no plan of farbench: KeyError('smell')"),
    (("notes",), "a note", "notes is 'a note', not a list"),
]


@pytest.fixture
def changed(results: Path) -> Any:
    """Return a function that changes one key of a file; the files are put back afterwards."""
    kept: dict[Path, bytes] = {results / "evidence.json": (results / "evidence.json").read_bytes()}

    def change(path: Path, key: tuple[Any, ...], value: Any) -> None:
        kept.setdefault(path, path.read_bytes())
        held = json.loads(path.read_text())
        put(held, key, value)
        path.write_text(json.dumps(held))

    yield change
    for path, held in kept.items():
        path.write_bytes(held)


@pytest.mark.parametrize(("key", "value", "message"), IN_PLAN)
def test_found_in_plans(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    key: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    changed(results / "plan.json", key, value)
    assert main(["table", str(results)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"farbench: error: {results / 'plan.json'}")
    assert message in told


IN_CELLS = [
    ("metrics.json", ("attributes", "accuracy"), "high", "accuracy is 'high', not a number"),
    ("metrics.json", ("attributes", "accuracy"), float("nan"), "NaN is no number of JSON"),
    ("metrics.json", ("attributes", "mA_per_attribute", "Red"), [1], "Red is a list, not a number"),
    ("metrics.json", ("attributes",), 0.5, "attributes is 0.5, not a mapping"),
    ("cell.json", ("attributes", "attributes"), [{}, 1], "attributes[0] is a mapping, not text"),
    ("cell.json", ("attributes", "attributes", 0), 7, "attributes[0] is 7, not text"),
    ("cell.json", ("identity", "key"), 7, "identity.key is 7, not text"),
    ("cell.json", ("stages",), {"joint": 1}, "stages is a mapping, not a list"),
    ("cell.json", ("minutes",), "ten", "minutes is 'ten', not a number"),
    ("cell.json", ("costs",), [1], "costs is a list, not a mapping"),
    ("cell.json", ("train_prevalence", "attributes"), [None], "attributes[0] is missing"),
    ("cell.json", ("finished",), "\ud800", "surrogates not allowed"),
    ("cell.json", ("tasks", 0, "attributes"), ["Bright"], "is another one than that of plan.json"),
    (
        "cell.json",
        ("identity", "recipe", "training", "data", "manifest"),
        {},
        "recipe.training.data.manifest is a mapping, not text",
    ),
]


@pytest.mark.parametrize(("file", "key", "value", "message"), IN_CELLS)
def test_found_in_cells(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    file: str,
    key: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    cell = min(results.glob("fine-dots-s0-*"))
    changed(cell / file, key, value)
    assert main(["table", str(results)]) == 0  # of the other seed, and of the other row
    told = " ".join(capsys.readouterr().out.split())
    assert "unreadable" in told
    assert message in told
    assert main(["baseline", str(results), "-o", str(results.parents[1] / "again.json")]) == 0


def test_a_baseline_whose_recipe_is_gone(
    results: Path, changed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results.parents[1] / "base.json"
    recipes = json.loads(path.read_text())["recipes"]
    changed(path, ("recipes",), {"common": recipes["common"]})
    assert main(["check", str(results), "--baseline", str(path)]) == 2
    assert f"{path} is damaged (it has no recipe '" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("comparisons", 0, "seeds"), ["x", 0]),
        (("comparisons", 0, "whole", 0), "0.5"),
        (("comparisons", 0, "whole", 2), None),
        (("comparisons", 0, "details"), []),
        (("predictions",), 3),
    ],
)
def test_evidence_of_another_shape_is_computed_again(
    results: Path, changed: Any, key: tuple[Any, ...], value: Any
) -> None:
    assert read_evidence(results).findings
    changed(results / "evidence.json", key, value)
    assert not read_evidence(results).findings


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("entries", 0, "scores", "attributes"), "good", "entries[0].scores.attributes is 'good'"),
        (("entries", 0, "scores", "attributes", "mA"), [], "entries[0].scores.attributes.mA is a"),
        (("settings", "strengths"), 1, "settings.strengths is 1, not a list"),
    ],
)
def test_found_in_robustness(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    key: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    path = min(results.glob("fine-dots-s0-*")) / "robustness.json"
    changed(path, key, value)
    assert main(["table", str(results), "--kind", "robustness"]) == 2
    told = capsys.readouterr().err
    assert f"{path}: {message}" in told
    assert "Delete it to have the cell evaluated again." in told


IN_A_TRAINED_CELL = [
    ("cell.json", ("tasks", 0, "kind"), "smell", "tasks[0] is no task that this version"),
    ("cell.json", ("tasks", 0), {"kind": "attributes", "name": "a"}, "tasks[0] is no task that"),
    ("cell.json", ("tasks",), [], "the method works on binary attributes, and the tasks are"),
    ("cell.json", ("statistics", "attributes"), "many", "statistics.attributes is 'many', not a"),
    ("cell.json", ("statistics", "attributes"), None, "statistics.attributes is missing"),
    ("cell.json", ("method", "options"), [], "method.options is a list, not a mapping"),
    ("cell.json", ("seed",), None, "seed is missing. Run the cell again."),
    ("cell.json", ("protocol", "epochs"), -1, "protocol.epochs: must be at least 1, got -1"),
    ("cell.json", ("selection",), None, "selection is missing. Run the cell again."),
    ("metrics.json", ("attributes", "mA"), {"of": 1}, "attributes.mA is a mapping, not a number"),
    ("metrics.json", ("attributes",), None, "attributes is missing"),
]


@pytest.mark.parametrize(("file", "key", "value", "message"), IN_A_TRAINED_CELL)
def test_found_in_exporting(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    file: str,
    key: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    cell = min(results.glob("fine-dots-s0-*"))
    changed(cell / file, key, value)
    assert main(["export", str(cell), "-o", "out", *PLUGINS]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"farbench: error: {cell}")
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("cell", "seed"), None, "cell.seed is missing"),
        (("cell", "tasks", 0, "attributes"), [1], "cell.tasks[0].attributes[0] is 1, not text"),
        (("dataset", "licence"), None, "dataset.licence is missing"),
        (("dataset", "framing"), {"size": [1], "five": []}, "dataset.framing is no size and five"),
        (("metrics", "attributes", "mA"), "0.5", "metrics.attributes.mA is '0.5', not a number"),
    ],
)
def test_found_in_exported_cells(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    key: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    changed(Path("exported/farbench.json"), key, value)
    assert main(["export", "exported", "-o", "out", *PLUGINS]) == 2
    assert f"farbench: error: exported/farbench.json: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (("identity", "recipe"), "identity.recipe is missing"),
        (("identity", "code", "parent"), "identity.code.parent is a mapping, not text"),
    ],
)
def test_found_in_comparing_cells(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    key: tuple[Any, ...],
    message: str,
) -> None:
    one, other = sorted(results.glob("fine-dots-s*"))
    changed(one / "cell.json", key, {"a": 1} if key[-1] == "parent" else None)
    for words in (["diff", str(one), str(other)], ["why", str(one), *PLUGINS]):
        assert main(words) == 2
        assert f"farbench: error: {one / 'cell.json'}: {message}" in capsys.readouterr().err


def test_a_data_set_without_entries_is_read_by_its_options(results: Path, changed: Any) -> None:
    changed(Path("exported/farbench.json"), ("cell", "dataset", "entries"), [])
    assert main(["predict", "exported", "faces", *PLUGINS]) == 0


def test_a_name_in_a_recipe_that_is_no_name_is_told_as_a_change(
    results: Path, changed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = sorted(results.glob("fine-dots-s*"))
    changed(one / "cell.json", ("identity", "recipe", "training", "tasks", 0, "name"), ["a"])
    assert main(["diff", str(one), str(other)]) == 0
    assert "tasks" in capsys.readouterr().out


def test_weights_that_are_no_numbers(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("exported/model.safetensors")
    held = path.read_bytes()
    path.write_bytes(save({name: value * np.nan for name, value in load(held).items()}))
    try:
        assert main(["predict", "exported", "faces", *PLUGINS]) == 2
    finally:
        path.write_bytes(held)
    told = capsys.readouterr().err
    assert "exported: what its network predicts for 'attributes' is not finite" in told


@pytest.mark.parametrize(
    ("key", "value"),
    [(("cells", 0, "seed"), "x"), (("cells",), 3), (("benchmark", "datasets"), 7)],
)
def test_a_plan_of_another_shape_is_written_anew(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    key: tuple[Any, ...],
    value: Any,
) -> None:
    path = results / "plan.json"
    changed(path, key, value)
    assert main(["run", "bench.yaml", "--results", "runs"]) == 0
    told = capsys.readouterr().err
    assert "is a" in told or "is 3" in told or "is 7" in told or "is 'x'" in told
    assert "It is written again" in told
    assert misfit(json.loads(path.read_text()), PLAN) == ""


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (("machine",), None, "machine is missing"),
        (("benches", "overhead"), None, "benches.overhead is missing"),
        (("benches", "overhead", "figures"), [], "benches.overhead.figures is a list"),
        (("benches", "overhead", "figures", "ratio", "low"), "1", "figures.ratio.low is '1', not"),
    ],
)
def test_found_in_bench_files(
    results: Path,
    changed: Any,
    capsys: pytest.CaptureFixture[str],
    key: tuple[Any, ...],
    value: Any,
    message: str,
) -> None:
    Path("other.json").write_bytes(Path("bench.json").read_bytes())
    changed(Path("other.json"), key, value)
    assert main(["check", "bench.json", "--baseline", "other.json"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("farbench: error: other.json: ")
    assert message in told


def test_a_bench_that_failed_in_the_baseline_alone_is_mended(
    results: Path, changed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.json").write_bytes(Path("bench.json").read_bytes())
    overhead = json.loads(Path("bench.json").read_text())["benches"]["overhead"]
    changed(Path("other.json"), ("benches", "masks"), overhead)
    assert main(["check", "other.json", "--baseline", "bench.json"]) == 0
    assert "fixed" in capsys.readouterr().out
    assert main(["check", "other.json", "--baseline", "bench.json", "--speed", "nan"]) == 2
    assert "--speed: nan is no ratio" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["joint,,0.5", "joint,0,1"])
def test_a_history_that_does_not_count(
    results: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    path = min(results.glob("fine-dots-s0-*")) / "history.csv"
    held = path.read_text()
    path.write_text(f"stage,epoch,loss\n{line}\n")
    try:
        assert main(["figure", "curves", str(results), "-o", "c.svg"]) == 2
    finally:
        path.write_text(held)
    assert f"{path} cannot be read: the columns stage and epoch" in capsys.readouterr().err


def test_a_history_with_more_fields_than_columns_is_drawn_as_far_as_it_goes(
    results: Path, tmp_path: Path
) -> None:
    path = min(results.glob("fine-dots-s0-*")) / "history.csv"
    held = path.read_text()
    path.write_text("\n".join(f"{line},1,2" if n else line for n, line in enumerate(held.split())))
    try:
        words = ["report", str(results), "--no-figures", "-o", str(tmp_path / "report.html")]
        assert main(words) == 0
    finally:
        path.write_text(held)


# The shapes themselves ---------------------------------------------------------------------------


def test_files_that_were_written_fit_their_shapes(results: Path) -> None:
    plan = json.loads((results / "plan.json").read_text())
    assert misfit(plan, PLAN) == ""
    for entry in plan["cells"]:
        cell = results / entry["folder"]
        assert misfit(json.loads((cell / "cell.json").read_text()), CELL) == ""
        check_scores(cell / "metrics.json", json.loads((cell / "metrics.json").read_text()))
        assert at(plan, ("benchmark", "name")) == "bench"


@pytest.mark.parametrize(
    ("value", "shape", "told"),
    [
        ({"a": 1}, {"a": int, "b": str}, ""),
        ({"a": None, "more": []}, {"a": int}, ""),
        ({"a": True}, {"a": int}, "a is true, not a whole number"),
        ({"a": 1}, {"a": bool}, "a is 1, not true or false"),
        ({"a": 2**63}, {"a": int}, "a is 9223372036854775808, not a whole number"),
        ({"a": 10**400}, {"a": float}, "not a number"),
        ({"a": float("inf")}, {"a": float}, "a is inf, not a number"),
        ({}, {"a!": int}, "a is missing"),
        ([1], {"a": int}, "the whole is a list, not a mapping"),
        ({"a": {"b": [1, "x"]}}, {"a": {...: [int]}}, "a.b[1] is 'x', not a whole number"),
        ({"a": [None]}, {"a": [float]}, "a[0] is missing"),
        ({"a": {"b": None}}, {"a": {...: float}}, ""),
    ],
)
def test_what_fits(value: Any, shape: Any, told: str) -> None:
    assert misfit(value, shape).endswith(told)
    assert bool(misfit(value, shape)) == bool(told)


def test_scores_are_told_by_task_and_metric() -> None:
    with pytest.raises(UserError, match=r"m.json: age.mae is 'x', not a number. Mend it."):
        check_scores(Path("m.json"), {"age": {"images": 3, "mae": "x"}}, "Mend it.")
