"""Options with junk: a line that begins with "farbench: error:", exit code 2, never a traceback."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from cases import PLUGINS, cases
from hypothesis import given
from mutations import JUNK, Choose, chooser

from farbench.cli import main

WORDS: tuple[str, ...] = (
    *("a", "1", "2", "-1", "0", ",", ",,", "1e9", "coarse", "fine", "coarse,fine", "fine,fine"),
    *("=", "a=", "=b", "a.b=1", ".=1", "..=1", "protocol=1", "protocol.=1", "protocol.epochs="),
    *("protocol.epochs=x", "protocol.epochs=1", "protocol.loss.x=1", "protocol.loss={name: bce}"),
    *("protocol.masks=1", "protocol.masks.size=64", "protocol.images.train=1e400", "rows.=1"),
    *("rows.coarse=1", "rows.coarse.cells=3", "rows.coarse.cells.x=3", "rows.coarse..=1"),
    *("rows.coarse.grid={cells: [1, 2]}", "rows.coarse.grid=1", "rows.coarse.options=1"),
    *("rows.coarse.single_task=true", "rows.coarse.label='{cells}'", "rows.coarse.label='{x}'"),
    *("method.cells=[1]", "method.=", "method.cells=7", "dataset.train=10", "dataset.name=x"),
    *("dataset.train.x=1", "dataset=1", "seeds=[1,2]", "seeds=x", "metrics=[accuracy]"),
    *("metrics=[1]", "compare=coarse", "compare=[1]", "title=*a", "title=&a b", "title=!!map x"),
    *("title={<<: 1}", "ablate.method=x", "robustness={}", "robustness=1", "join=true"),
    *("tasks=[attributes]", "tasks=x", "marks=[a]", "published=[x]", "plugins=[x]"),
    *("accuracy", "attributes.mA", "age.mae", "latency", "accuracy=0.5", "accuracy=3sigma"),
    *("accuracy=-1", "accuracy=nan", "accuracy=infsigma", "mA=", "=1", "sigma", "Bright"),
    *("Bright+Red", "Bright+", "+", "Bright,Bright", "main", "slices", "costs", "json", "html"),
    *("tex", "base.json", "runs", "runs/bench", "bench.yaml", "tiny.yaml", "tiny_method.py"),
    *("quick", "quickstart", "dots", "dots+dots", "dots,dots", "cpu", "cuda", "cuda:x", "cpu:9"),
    *("auto", "local", "mgmtn", "baseline", "celeba", "blur", "[", "{a"),
    *("faces", "faces/1.png", "faces/*.png", "exported", "out", "out.csv", "x.onnx", "x.svg"),
    *("none", "dlib68", "Bright=0.4", "0.4", "Bright=x", "1,3", "1,9", "both", "predicted"),
    *("method", "loss", "benchmark", "my_thing", "my_thing.py", "bars", "curves", "flops"),
    *("onnx", "safetensors", "python", "disk", "stats", "tiny_net", "runs/bench/fine"),
    # Not the root: some commands search where they are told, others write there.
    *(word for word in JUNK if isinstance(word, str) and word != "/"),
)

RUN = ("--set", "--set", "--set", "--rows", "--seeds", "--protocol", "--dataset", "--data-root")
TABLE = ("--kind", "--rows", "--compare", "--metrics", "--attributes", "--slices", "--grouping")
COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("run", "bench.yaml", "--dry-run"): (*RUN, "--device", "--jobs", "--plugins", "--results"),
    ("table", "runs"): (*TABLE, "--rules", "--pairs", "--format"),
    ("check", "runs"): ("--baseline", "--tolerance", "--tolerance", "--speed", "--rows"),
    ("check", "runs", "--baseline", "base.json"): ("--tolerance", "--speed", "--rows", "--format"),
    ("show",): ("", "--plugins"),
    ("list",): ("", "--plugins"),
    ("baseline",): ("",),
    ("data",): ("", "--data-root"),
    ("why",): ("", "--benchmark", "--set"),
    ("rescore",): ("",),
    ("predict", "exported", "faces", *PLUGINS): ("-o", "--batch", "--threshold", "--align"),
    ("predict", *PLUGINS): ("", "", "--device", "--results"),
    ("export", "exported", *PLUGINS): ("-o", "--format", "--tolerance", "--data-root"),
    ("export", *PLUGINS): ("", "-o", "--results"),
    ("robustness", "runs", "--images", "3", *PLUGINS): (
        *("--corruptions", "--strengths", "--images", "--masks", "--seed", "--data-root"),
        *("--device", "--plugins"),
    ),
    ("robustness", *PLUGINS): ("", "--strengths"),
    ("figure",): ("", "", "-o", "--rows"),
    ("figure", "bars", "runs"): (
        *("-o", "--rows", "--compare", "--dataset", "--metric", "--attributes", "--images"),
        *("--smooth", "--cost"),
    ),
    ("doctor", "python", "disk"): ("", "--results", "--format", "--plugins", "--method"),
    ("doctor", "datasets", "devices"): ("--data-root", "--device", "--protocol"),
    ("new",): ("", "", "--to", "--rows", "--plugins"),
    ("new", "method", "my_thing"): ("--to", "--rows", "--package"),
    ("new", "benchmark", "my_bench"): ("--to", "--rows", "--plugins"),
    ("profile", *PLUGINS): ("", "--set", "--dataset", "--protocol", "--batch"),
    ("plugins",): ("", "--plugins", "--format"),
    ("why", "runs/bench/fine", *PLUGINS): ("", "--benchmark", "--set", "--protocol", "--device"),
    ("diff",): ("", "", "--results"),
    ("report", "runs", "--no-figures"): ("-o", "--data-root"),
    ("report", "--no-figures"): ("", "-o"),
    ("data", "verify", *PLUGINS): ("", "--set", "--data-root", "--top", "--threads"),
    ("data", "stats", "dots", *PLUGINS): ("--set", "--set", "--data-root", "--top"),
}


@pytest.fixture
def place(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the benchmark and its results, which is the current one."""
    copy = tmp_path / "place"
    shutil.copytree(results.parents[1], copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("FARBENCH_CACHE", str(copy / "cache"))
    for name in ("FARBENCH_DATA", "FARBENCH_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    return copy


def try_options(capsys: pytest.CaptureFixture[str], choose: Choose) -> None:
    command = choose(tuple(COMMANDS))
    words = list(command)
    for _ in range(choose((1, 1, 2, 3))):
        words += [word for word in (choose(COMMANDS[command]), choose(WORDS)) if word]
    capsys.readouterr()
    code = main(words)
    told = capsys.readouterr().err
    assert code in (0, 1, 2)
    assert code != 2 or "farbench: error: " in told or "Usage" in told, told


@given(choose=chooser())
@cases(50)
def test_junk_in_options(place: Path, capsys: pytest.CaptureFixture[str], choose: Choose) -> None:
    try_options(capsys, choose)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(choose=chooser())
@cases(2500)
def test_thousands_of_junk_options(
    place: Path, capsys: pytest.CaptureFixture[str], choose: Choose
) -> None:
    try_options(capsys, choose)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--protocol", "~nobody-at-all/p.yaml"], "there is no such home folder"),
        (["--protocol", "x" * 400], "no file can have such a name"),
        (["--set", "rows.coarse..=1"], "--set rows.coarse..=1"),
        (
            ["--set", "rows.coarse.options=1", "--set", "rows.coarse.cells=2"],
            "rows.coarse.options: expected a mapping, got 1",
        ),
    ],
)
def test_found_on_the_command_line(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: Any
) -> None:
    assert main(["run", "bench.yaml", "--dry-run", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_number_of_processes_that_is_none(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "two")
    assert main(["run", "bench.yaml", "--dry-run"]) == 2
    assert "WORLD_SIZE is 'two', no number of processes" in capsys.readouterr().err
