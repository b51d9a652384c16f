"""Executors by name or file, and their options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from farbench.errors import UserError
from farbench.executors import choose
from farbench.executors.options import RayOptions, SlurmOptions, read_options, split_options


def make(tmp_path, asked, *pairs, jobs=None, device="cuda=NVIDIA T4"):
    return choose.make_executor(asked, pairs, jobs, device, 3, tmp_path / "results", (tmp_path,))


def test_the_machine_itself_is_the_default(tmp_path):
    assert make(tmp_path, "local", device="cpu").at_once == 1
    several = make(tmp_path, "local", jobs=3, device="cpu")
    assert (several.at_once, several.on_one_machine) == (3, 3)


def test_options_come_from_a_file_and_the_command_line_goes_before(tmp_path):
    pytest.importorskip("submitit")
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "executor: slurm\npartition: gpu\ntime: 1:30:00\nmemory: 32G\naccount: 1234\nqos: on\n"
    )
    made = make(tmp_path, str(file), "partition=debug", "gpus=2", "setup=module load cuda")
    assert made._parameters() == {
        "time": 90,
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": 3,
        "partition": "debug",
        "mem": "32G",
        "account": "1234",
        "qos": "on",
        "setup": ["module load cuda"],
        "gpus_per_node": 2,
    }


@pytest.mark.parametrize(
    ("text", "minutes"), [("90", 90), ("0:00:30", 1), ("2:10:00", 130), ("1-00:00:00", 1440)]
)
def test_time_is_minutes_or_as_slurm_writes_it(text, minutes):
    assert SlurmOptions(time=text).minutes == minutes


@pytest.mark.parametrize(
    ("asked", "pairs", "said"),
    [
        ("slrum", (), "unknown executor 'slrum'. Did you mean 'slurm'?"),
        ("slurm", ("partitoin=gpu",), "unknown option of the slurm executor 'partitoin'. Did you"),
        ("slurm", ("gpus=many",), "--executor-option gpus=many: input should be a valid integer"),
        ("slurm", ("time=1h",), "--executor-option time=1h: .*Of one job: minutes, H:MM:SS"),
        ("slurm", ("gpus",), "--executor-option: expected KEY=VALUE, got 'gpus'"),
        ("ray", ("partition=gpu",), "unknown option of the ray executor 'partition'"),
        ("local", ("cpus=2",), "--executor-option is for --executor ray and slurm"),
        ("nowhere.yaml", (), "no file nowhere.yaml"),
    ],
)
def test_mistakes_are_told(tmp_path, asked, pairs, said):
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        make(tmp_path, asked, *pairs)


def test_gpus_are_asked_for_where_cells_are_planned_for_them(tmp_path):
    pytest.importorskip("submitit")
    assert make(tmp_path, "slurm")._parameters()["gpus_per_node"] == 1
    assert "gpus_per_node" not in make(tmp_path, "slurm", device="cpu")._parameters()
    with pytest.raises(UserError, match="gpus=2: with --device cpu cells are planned for a proc"):
        make(tmp_path, "slurm", "gpus=2", device="cpu")


def test_a_file_must_name_its_executor(tmp_path):
    (tmp_path / "cluster.yaml").write_text("partition: gpu\n")
    with pytest.raises(UserError, match="expected a line `executor: slurm`"):
        make(tmp_path, str(tmp_path / "cluster.yaml"))


def test_an_extra_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'farbench\[ray\]'"):
        make(tmp_path, "ray")


def test_a_value_may_hold_an_equals_sign():
    given = split_options(["setup=export A=1"])
    assert read_options(SlurmOptions, "slurm", given).setup == "export A=1"


@pytest.mark.parametrize(("heading", "options"), [("Slurm", SlurmOptions), ("Ray", RayOptions)])
def test_the_page_has_every_option_and_no_other(heading, options):
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(documented) == sorted(options.model_fields)
