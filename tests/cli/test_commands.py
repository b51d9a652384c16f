"""The command line: list, show, version, exit codes, and what start-up may import."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import time

import pytest

import farbench
from farbench.plugins.registry import KINDS

BENCH = "protocol: toy.yaml\nplugins: [toys.py]\nrows:\n  a: {method: toy}\n"
WEIGHTING = '''
from farbench import TaskWeighting


class ByHand(TaskWeighting):
    """Weighs by hand."""

    name = "by_hand"
'''


def test_version(farbench_cli):
    result = farbench_cli("--version")
    assert (result.code, result.out) == (0, f"farbench {farbench.__version__}\n")


@pytest.mark.parametrize("command", [(), ("run",), ("list",), ("show",), ("table",)])
def test_help(farbench_cli, command):
    result = farbench_cli(*command, "--help")
    assert result.code == 0
    assert result.out.startswith("Usage: farbench")


def test_list_shows_name_summary_and_provider(farbench_cli, temp_benchmark):
    temp = temp_benchmark(BENCH)
    result = farbench_cli("list", "methods", "--plugins", temp.plugins[0])
    assert result.code == 0
    heading, *lines = result.out.splitlines()
    assert heading.split() == ["methods", "summary", "provider"]
    (toy,) = [line for line in lines if line.startswith("toy ")]
    assert toy.split("  ")[-1].strip() == str(temp.plugins[0])
    assert "A toy method." in toy


def test_list_without_a_kind_shows_all_kinds(farbench_cli):
    result = farbench_cli("list")
    headings = [block.split(maxsplit=1)[0].rstrip(":") for block in result.out.split("\n\n")]
    assert headings == [*KINDS, "benchmarks", "protocols"]
    assert "MGMTN ablation (Table 3)" in result.out


def test_plugins_come_from_the_environment_too(farbench_cli, temp_benchmark, monkeypatch):
    monkeypatch.setenv("FARBENCH_PLUGINS", str(temp_benchmark(BENCH).plugins[0]))
    assert "\ntoy " in farbench_cli("list", "methods").out


def test_show_a_method(farbench_cli, temp_benchmark):
    temp = temp_benchmark(BENCH)
    out = farbench_cli("show", "toy", "--plugins", temp.plugins[0]).out
    assert out.startswith("method toy\n  A toy method.\nsource: nowhere\n")
    assert "  levels     [3, 4]      a list of 3, 4 or 5. Which levels.\n" in out
    assert "  width      8           an integer, >= 1. How wide.\n" in out
    assert f"origin: {temp.plugins[0]}:" in out


def test_every_kind_of_plugin_is_listed_and_shown(farbench_cli, temp_benchmark):
    plugins = temp_benchmark(BENCH, plugins={"w.py": WEIGHTING}).plugins
    out = farbench_cli("list", "weightings", "--plugins", plugins[0]).out
    assert re.search(r"^by_hand +Weighs by hand\. ", out, re.MULTILINE)
    out = farbench_cli("show", "by_hand", "--plugins", plugins[0]).out
    assert out.startswith("task weighting by_hand\n  Weighs by hand.\n")


LONG_VALUE = """
from pydantic import Field

from farbench import Loss


class Long(Loss):
    name = "long"
    big: dict[str, str] = Field(
        dict.fromkeys(("resnest50d", "resnet50", "resnet18"), "tf_efficientnet_lite0 in its place"),
        description="What stands in.",
    )
    size: int = Field(3, description="How large.")
"""


def test_a_long_value_has_lines_of_its_own_and_breaks_between_entries(farbench_cli, temp_benchmark):
    temp = temp_benchmark(BENCH, plugins={"long.py": LONG_VALUE})
    lines = farbench_cli("show", "long", "--plugins", temp.plugins[0]).out.splitlines()
    assert lines[2:7] == [
        '  big   {"resnest50d": "tf_efficientnet_lite0 in its place",',
        '         "resnet50": "tf_efficientnet_lite0 in its place",',
        '         "resnet18": "tf_efficientnet_lite0 in its place"}',
        " " * 34 + "a mapping. What stands in.",
        "  size  3" + " " * 25 + "an integer. How large.",
    ]


def test_no_line_of_a_protocol_is_too_long(farbench_cli):
    lines = farbench_cli("show", "mini").out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("origin")) <= 103


def test_a_beginning_of_several_names_lists_them_all(farbench_cli):
    result = farbench_cli("show", "G2FF")
    assert result.code == 2
    assert result.err == (
        "farbench: error: unknown name 'G2FF'. Names that begin with it: "
        "g2ff_ca, g2ff_ca_sa, g2ff_sa. `farbench list` has all.\n"
    )
    assert farbench_cli("show", "zzzz").err == (
        "farbench: error: unknown name 'zzzz'. `farbench list` has all. Is it yours? Give its file "
        "with --plugins FILE (or `plugins:` in the benchmark), or pip install its package.\n"
    )


@pytest.mark.parametrize("command", ["show", "test-plugin"])
def test_a_name_that_a_file_here_has_is_told_with_the_file(
    farbench_cli, tmp_path, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from typing import ClassVar\n\nfrom farbench import Loss\n\n\nclass Own(Loss):\n"
        '    name: ClassVar[str] = "own_loss"\n'
    )
    for name in ("mine", "own_loss"):
        result = farbench_cli(command, name)
        assert result.code == 2
        assert " mine.py is here: give it with --plugins mine.py (or `plugins:`" in result.err
    told = farbench_cli(command, "own_los").err
    assert "Is it yours? Give its file with --plugins FILE" in told
    assert len(told) < 300  # all names would be too many to help


def test_show_a_data_set_says_what_to_cite_and_how_to_get_it(farbench_cli, temp_benchmark):
    out = farbench_cli("show", "toy_faces", "--plugins", temp_benchmark(BENCH).plugins[0]).out
    assert "citation: nobody, 2026\n" in out
    assert "how to get it:\n  Draw them.\n" in out


def test_show_a_benchmark_and_a_protocol(farbench_cli):
    assert (
        "aml                 + AG + AML: aml, levels [3, 4]" in farbench_cli("show", "ablation").out
    )
    out = farbench_cli("show", "paper").out
    assert "learning_rate                      0.0001" in out
    assert "masks.size                         224" in out


def test_show_a_plugin_without_words_and_with_a_made_default(farbench_cli, temp_benchmark):
    text = (
        "from pydantic import Field\nfrom farbench import Loss\n\n\nclass Bare(Loss):\n"
        "    name = 'bare'\n    sizes: list[int] = Field(default_factory=lambda: [1, 2])\n"
    )
    temp = temp_benchmark(BENCH, plugins={"bare.py": text})
    out = farbench_cli("show", "bare", "--plugins", temp.plugins[0]).out
    assert out.startswith(
        "loss bare\noptions (name, default, type and meaning):\n"
        "  sizes  [1, 2]  a list of integers.\nprovided by: "
    )


def test_show_an_ambiguous_name_shows_all(farbench_cli, temp_benchmark):
    plugin = (
        "from farbench import Method\n\n\nclass Quick(Method):\n"
        '    """Also quick."""\n\n    name = "quick"\n'
    )
    temp = temp_benchmark(BENCH, plugins={"q.py": plugin})
    out = farbench_cli("show", "quick", "--plugins", temp.plugins[0]).out
    assert out.startswith("method quick\n")
    assert "\n\nprotocol quick\n" in out


def test_a_broken_plugin_is_explained_once(farbench_cli, temp_benchmark):
    bad = "from farbench import Method\n\n\nclass Toy(Method):\n    name = 'toy'\n    width = 3\n"
    temp = temp_benchmark(BENCH, plugins={"toys.py": bad})
    result = farbench_cli("run", temp.file)
    assert result.code == 2
    warning, error = result.err.splitlines()
    assert warning.startswith(f"farbench: warning: plugin 'toys' ({temp.plugins[0]}) is left out: ")
    assert "unknown method 'toy'" in error
    assert error.endswith("could not be loaded: 'toys' (see the warning above).")
    assert result.err.count("non-annotated attribute") == 1


def test_a_broken_plugin_is_one_warning_and_strict_makes_it_fatal(farbench_cli, temp_benchmark):
    temp = temp_benchmark(BENCH, plugins={"bad.py": "1 / 0\n"})
    result = farbench_cli("list", "protocols", "--plugins", temp.plugins[0])
    assert result.code == 0
    (warning,) = result.err.splitlines()
    assert warning.startswith(
        f"farbench: warning: plugin 'bad' ({temp.plugins[0]}) is left out: Zero"
    )
    strict = farbench_cli("list", "protocols", "--plugins", temp.plugins[0], "--strict")
    assert strict.code == 2
    assert "ZeroDivisionError" in strict.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "method"), "unknown kind 'method'. Did you mean 'methods'?"),
        (("show", "ablatoin"), "unknown name 'ablatoin'. Did you mean 'ablation'?"),
        (("run", "ablatoin"), "unknown benchmark 'ablatoin'. Did you mean 'ablation'?"),
        (("run", "quickstart", "--seeds", "0,x"), "--seeds: expected integers"),
        (("run", "quickstart", "--seeds", ""), "--seeds: no seed given"),
        (("run", "quickstart", "--rows", "basline"), "--rows: no row 'basline'"),
        (("run", "quickstart", "--set", "protocol.epoch=1"), "Did you mean 'epochs'?"),
        (("run",), "Missing argument 'FILE|NAME'"),
        (("rum",), "No such command 'rum'"),
        (("list", "--nonsense"), "No such option: --nonsense"),
        (("list", "--nonsense"), ". Type `farbench list --help`."),
        (("run", "plain.py"), "'plain.py' is a Python file; a benchmark is a YAML file. A plugin "),
        (
            ("run", "quickstart", "--dry-run", "--seeds", "0," + 30 * "9"),
            "--seeds: a seed has at most 18",
        ),
        (("run", "quickstart", "--dry-run", "--seeds", "٣"), "--seeds: expected integers"),
        (("run", "quickstart", "--dataset", " ,"), "--dataset: datasets: expected a list"),
        (("run", "quickstart", "--set", "seeds=[" + 5000 * "9"), "--set seeds=[999"),
        (("run", 300 * "a"), "no file can have such a name"),
        (("table", 300 * "a"), "File name too long: aaa"),
        (("list", "--plugins", 300 * "a"), "File name too long: "),
        (("list", "--plugins", "/nowhere/x.py"), "plugin path /nowhere/x.py does not exist"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(farbench_cli, arguments, message):
    result = farbench_cli(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("farbench: error: ")
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert len(result.err) < 700


def test_no_command_is_answered_with_the_help(farbench_cli):
    result = farbench_cli()
    assert result.code == 2
    assert result.err.startswith("Usage: farbench ")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 2, "Permission denied: x"),
        (MemoryError("Unable to allocate 7 TiB"), 1, "not enough memory. Unable to allocate 7 TiB"),
    ],
)
def test_what_the_machine_refuses_is_told_in_one_line(
    farbench_cli, monkeypatch, error, code, message
):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr("farbench.cli.catalogue.items", refused)
    result = farbench_cli("list")
    assert (result.code, result.err) == (code, f"farbench: error: {message}\n")


def test_data_sets_may_have_blanks_between_them(farbench_cli, temp_benchmark):
    result = farbench_cli("run", temp_benchmark(BENCH).file, "--dataset", "toy_faces, nope")
    assert "unknown dataset 'nope'" in result.err


def test_run_names_file_and_line_and_writes_nothing(farbench_cli, temp_benchmark, monkeypatch):
    temp = temp_benchmark(BENCH.replace("method: toy", "method: tyo"))
    monkeypatch.chdir(temp.folder)
    before = sorted(path for path in temp.folder.rglob("*.*") if path.suffix != ".pyc")
    result = farbench_cli("run", "bench.yaml", "--results", "out")
    assert result.code == 2
    assert result.err.startswith(
        "farbench: error: bench.yaml:4: unknown method 'tyo'. Did you mean 'toy'?"
    )
    assert sorted(path for path in temp.folder.rglob("*.*") if path.suffix != ".pyc") == before
    assert not (temp.folder / "out").exists()


def test_run_refuses_an_unknown_device(farbench_cli, temp_benchmark):
    result = farbench_cli("run", temp_benchmark(BENCH).file, "--device", "gpu")
    assert result.code == 2
    assert "--device: expected auto, cpu, cuda or cuda:1, got 'gpu'." in result.err


def test_an_interrupt_exits_130(farbench_cli, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("farbench.cli.catalogue.items", interrupted)
    result = farbench_cli("list")
    assert result.code == 130
    assert "interrupted" in result.err


def test_a_reader_that_is_gone_is_no_error():
    command = [sys.executable, "-u", "-m", "farbench", "show", "paper"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_defect_is_not_dressed_up_as_a_mistake(farbench_cli, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a defect")

    monkeypatch.setattr("farbench.cli.catalogue.items", broken)
    with pytest.raises(RuntimeError, match="a defect"):
        farbench_cli("list")


def modules_after(code: str) -> set[str]:
    """Run Python code in a new process and return the modules it loaded."""
    script = (
        f"import io, sys, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n    {code}\n"
    )
    script += "print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_help_loads_next_to_nothing_and_list_no_torch():
    heavy = {"torch", "timm", "pandas", "cv2", "sklearn", "numpy", "rich"}
    after_help = modules_after("from farbench.cli import main; main(['--help'])")
    assert not after_help & (heavy | {"pydantic", "yaml", "pluggy"})
    after_list = modules_after("from farbench.cli import main; main(['list'])")
    assert not after_list & heavy


def test_help_is_fast():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "farbench", "--help"], check=True, capture_output=True
        )
        times.append(time.perf_counter() - start)
    assert min(times) < 1.0  # 0.1 s on an idle machine; the limit is for a busy one
