"""`farbench new`: what is written keeps to its contract and runs, mistakes are told."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import KINDS
from farbench.templates.plugin_file import PROVIDED
from farbench.testing.catalogue import checks_of, outcomes, subject_of
from farbench.testing.checks import run_check

TINY = (
    "protocol.dataset={name: synthetic_faces, train: 24, valid: 8, test: 8}",
    "protocol.images={train: 24, valid: 8, test: 8}",
    "protocol.batch_size=12",
    "protocol.epochs=1",
    "protocol.stage_epochs={global: 1, groups: 1}",
    "protocol.resize=40",
    "protocol.crop=32",
    "protocol.threads=1",
    "protocol.masks={epochs: 1, size: 32, stored_size: 16}",
)
METHOD_LINES = ("documented", "stages", "outputs", "task_kinds", "weights_are_handed_on")
"""What the fast tests hold of the method, in the order of the contract; the slow ones hold all."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a cache of its own."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FARBENCH_PLUGINS", raising=False)
    monkeypatch.delenv("FARBENCH_DATA", raising=False)
    return work


def subjects(file: Path, data_root: Path | None = None):
    """Return the kind and the subject of all that a file provides."""
    registry = load_plugins([file])
    assert registry.broken == []
    return {
        kind: subject_of(kind, entry.value, registry, {}, data_root)
        for kind in KINDS
        for entry in getattr(registry, kind).values()
        if entry.provider == str(file.resolve())
    }


def tiny_tree(folder: Path) -> Path:
    """Write two images a split as the template of a data set reads them."""
    import cv2
    import numpy as np

    (folder / "shop_faces/images").mkdir(parents=True)
    lines = ["image,split,person,smiling,eyeglasses,gender,age"]
    for number in range(6):
        image = f"images/{number}.png"
        cv2.imwrite(str(folder / "shop_faces" / image), np.full((32, 32, 3), 40 * number, np.uint8))
        lines.append(f"{image},{('train', 'valid', 'test')[number // 2]},{number},1,,male,{number}")
    lines.append("images/gone.png,test,7,1,,male,30")
    (folder / "shop_faces/labels.csv").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("kind", [kind for kind in PROVIDED if kind != "method"])
def test_what_is_written_keeps_to_its_contract(folder, farbench_cli, kind):
    done = farbench_cli("new", kind, "shop_faces")
    assert (done.code, done.err) == (0, "")
    assert "wrote shop_faces.py\nnext:\n  farbench test-plugin shop_faces.py" in done.out
    found = subjects(folder / "shop_faces.py", tiny_tree(folder / "data"))
    assert list(found) == [PROVIDED[kind][0][0]]
    for plural, subject in found.items():
        results = list(outcomes(plural, subject))
        assert {one.check.name: one.seen for one in results if one.status == "failed"} == {}
        skipped = {one.check.name for one in results if one.status == "skipped"}
        assert skipped <= {"moves_to_the_device", "own_parameters_learn", "counts", "points"}


def hold(file: Path, lines: tuple[str, ...] = ()) -> None:
    """Hold the written method, and its loss, against some or all lines of their contracts."""
    found = subjects(file)
    assert list(found) == ["methods", "losses"]
    for kind, subject in found.items():
        checks = [c for c in checks_of(kind) if not lines or kind != "methods" or c.name in lines]
        results = [run_check(check, subject) for check in checks]
        assert {one.check.name: one.seen for one in results if one.status == "failed"} == {}
        skipped = {one.check.name for one in results if one.status == "skipped"}
        assert skipped <= {"moves_to_the_device", "masks", "other_groups"}


def test_the_method_and_its_loss_keep_to_theirs(folder, farbench_cli):
    assert farbench_cli("new", "method", "gate_net").code == 0
    hold(folder / "gate_net.py", ("stages", "builds", *METHOD_LINES))


@pytest.mark.slow
def test_the_method_keeps_to_every_line(folder, farbench_cli):
    assert farbench_cli("new", "method", "gate_net").code == 0
    hold(folder / "gate_net.py")


@pytest.mark.parametrize("kind", PROVIDED)
def test_nothing_of_the_template_s_own_name_is_left(folder, farbench_cli, kind):
    farbench_cli("new", kind, "gate_net", "--to", "plugins/")
    text = (folder / "plugins/gate_net.py").read_text()
    ast.parse(text)
    assert f"my_{kind}" not in text.lower()
    assert f"my{kind}" not in text.lower()
    assert ("GATE_NET = Grouping(" if kind == "grouping" else "class GateNet(") in text
    assert max(map(len, text.split("\n"))) <= 100


def test_the_page_has_every_kind():
    page = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+) NAME` \|", page, re.MULTILINE)
    assert sorted(named) == sorted((*PROVIDED, "benchmark"))


def test_a_benchmark_compares_what_a_file_provides_with_the_baseline(folder, farbench_cli):
    farbench_cli("new", "method", "gate_net", "--to", "mine/gate_net.py")
    done = farbench_cli(
        "new", "benchmark", "gates", "--plugins", "mine/gate_net.py", "--to", "tables"
    )
    assert done.code == 0, done.err
    text = (folder / "tables/gates.yaml").read_text()
    assert "plugins: [../mine/gate_net.py]" in text
    # Without the signs of a comment the example is a row like others.
    (folder / "tables/gates.yaml").write_text(
        text.replace("\n  # ", "\n  ").replace("\n  One", "\n  # One")
    )
    planned = farbench_cli("run", "tables/gates.yaml", "--dry-run")
    assert planned.code == 0, planned.err
    rows = [line.split()[0] for line in planned.out.split("\n") if "seed 0  to run" in line]
    assert rows == [
        "baseline",
        "gate_net",
        "baseline+gate_net_loss",
        "gate_net+gate_net_loss",
        "gate_net-reduction-16",
    ]
    # They train as long as the baseline, and share with it what they have in common.
    assert re.findall(r"global, seed 0 .*(shared by \d rows)", planned.out) == [
        "shared by 3 rows",
        "shared by 2 rows",
    ]


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("loss", {"baseline", "baseline+mine"}),
        ("weighting", {"baseline", "baseline+mine"}),
        ("dataset", {"baseline", "linear_head"}),
        ("keypoints", {"baseline", "g2ff_ca", "g2ff_ca+mine"}),
        ("grouping", {"baseline", "attribute_grouping", "attribute_grouping+mine"}),
        ("corruption", {"baseline", "g2ff_ca"}),
        ("", {"baseline", "g2ff_ca"}),
    ],
)
def test_a_benchmark_of_any_other_kind(folder, farbench_cli, kind, rows):
    from farbench.benchmark.loading import load_benchmark
    from farbench.benchmark.resolve import resolve_benchmark

    if kind:
        farbench_cli("new", kind, "mine")
    plugins = ("--plugins", "mine.py") if kind else ()
    assert farbench_cli("new", "benchmark", "compared", *plugins).code == 0
    loaded = load_benchmark("compared.yaml")
    resolved = resolve_benchmark(loaded, load_plugins(loaded.benchmark.plugins))
    assert {one.row.id for one in resolved.rows} == rows


def test_a_corruption_is_evaluated_on_cells_that_are_finished(folder, farbench_cli):
    from farbench.benchmark.loading import load_benchmark

    farbench_cli("new", "corruption", "mine")
    done = farbench_cli("new", "benchmark", "compared", "--plugins", "mine.py", "--rows", "blur")
    assert "farbench table runs/compared --kind robustness  # what rows lose" in done.out
    asked = load_benchmark("compared.yaml").benchmark.robustness
    assert asked is not None
    assert list(asked.corruptions) == ["mine", "blur"]


def test_a_benchmark_of_what_is_installed(folder, farbench_cli):
    farbench_cli("new", "loss", "mine")
    words = ("--rows", "moon, dwa,mine", "--plugins", "mine.py")
    assert farbench_cli("new", "benchmark", "compared", *words).code == 0
    rows = re.findall(r"^  ([a-z+]+): \{", (folder / "compared.yaml").read_text(), re.MULTILINE)
    beside = ["baseline", "moon"]  # a method, and a loss of the same name
    changes = [f"{method}+{what}" for what in ("mine", "moon", "dwa") for method in beside]
    assert rows == [*beside, *changes]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["method", "weighting", "keypoints", "corruption", ""])
def test_the_benchmark_runs(folder, farbench_cli, kind):
    if kind:
        farbench_cli("new", kind, "mine")
    plugins = ("--plugins", "mine.py") if kind else ()
    farbench_cli("new", "benchmark", "compared", *plugins)
    sets = [word for value in TINY for word in ("--set", value)]
    done = farbench_cli("run", "compared.yaml", "--device", "cpu", *sets)
    assert done.code == 0, done.err
    assert "TO FILL IN, what the table shows" in done.out
    table = farbench_cli("table", "runs/compared", "--format", "latex")
    assert table.code == 0
    assert "\\begin{tabular}" in table.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["metod", "x"], "unknown kind 'metod'. Did you mean 'method'?"),
        (["method", "GateNet"], "'GateNet' cannot be a name"),
        (["method", "GateNet"], "Try: farbench new method gate_net"),
        (["loss", "my-loss"], "Try: farbench new loss my_loss"),
        (["loss", "été"], "'été' cannot be a name"),
        (["method", "class"], "'class' is a word of Python"),
        (["method", "random"], "Try: farbench new method my_random"),
        (["method", "torch"], "'torch' is a module of Python's"),
        (["method", "baseline"], "there is a method 'baseline' already, provided by farbench"),
        (["benchmark", "ablation"], "there is a benchmark 'ablation' already, shipped"),
        (["benchmark", "mine", "--package"], "a benchmark is one file: leave --package out"),
        (["benchmark", "mine", "--plugins", "gone.py"], "plugin path gone.py does not exist"),
        (
            ["benchmark", "mine", "--rows", "moo"],
            "--rows: unknown plugin 'moo'. Did you mean 'moon'?",
        ),
        (["method", "mine", "--rows", "moon"], "a new method has no rows"),
        (["benchmark", "mine", "--to", "x.py"], "--to x.py: give a folder, or a file that ends in"),
        (["loss", "mine", "--to", "in_the_way/deep"], "what should be a folder is a file"),
        (["loss", "mine", "--to", "in_the_way"], "in_the_way is there already"),
        (["loss", "mine", "--package", "--to", "in_the_way"], "in_the_way is there already"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(folder, farbench_cli, words, told):
    (folder / "in_the_way").write_text("mine")
    done = farbench_cli("new", *words)
    assert done.code == 2
    assert told in done.err
    assert done.err.count("\n") == 1
    assert [path.name for path in folder.rglob("*")] == ["in_the_way"]


def test_nothing_is_overwritten(folder, farbench_cli):
    farbench_cli("new", "loss", "mine")
    (folder / "mine.py").write_text("my work")
    done = farbench_cli("new", "loss", "mine")
    assert (done.code, "nothing is overwritten" in done.err) == (2, True)
    assert (folder / "mine.py").read_text() == "my work"


def test_the_method_s_loss_must_be_free_too(folder, farbench_cli):
    farbench_cli("new", "loss", "mine_loss")
    done = farbench_cli("new", "method", "mine", "--plugins", "mine_loss.py")
    assert (done.code, "there is a loss 'mine_loss' already" in done.err) == (2, True)
