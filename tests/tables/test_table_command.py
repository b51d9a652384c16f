"""`farbench table` from the shell's side."""

import json

import pytest
from fake_store import FakeStore, ablation

from farbench.cli import main


def run(capsys, *words):
    code = main(["table", *map(str, words)])
    return code, *capsys.readouterr()


def test_prints_the_table(tmp_path, capsys):
    store = ablation(tmp_path)
    for folder in (tmp_path, store.folder):
        code, out, _ = run(capsys, folder)
        assert code == 0
        assert "92.30*" in out
        assert "\x1b" not in out


@pytest.mark.parametrize(
    ("format", "part"),
    [("markdown", "**92.30**"), ("latex", r"\textbf{92.30}"), ("csv", "0.923"), ("json", "0.923")],
)
def test_formats(tmp_path, capsys, format, part):
    code, out, _ = run(capsys, ablation(tmp_path).folder, "--format", format)
    assert code == 0
    assert part in out


def test_writes_a_file_by_its_suffix(tmp_path, capsys):
    target = tmp_path / "out.json"
    folder = ablation(tmp_path).folder
    code, out, _ = run(capsys, folder, "-o", target, "--kind", "masks")
    assert code == 0
    assert str(target) in out
    assert json.loads(target.read_text())["tables"][0]["name"] == "ablation-masks"
    assert run(capsys, folder, "-o", target, "--format", "csv")[0] == 0
    assert target.read_text().startswith("table,block")


def test_differences_can_be_left_out(tmp_path, capsys):
    folder = ablation(tmp_path, compare="baseline").folder
    assert "Δ mA" in run(capsys, folder)[1]
    assert "Δ" not in run(capsys, folder, "--no-differences")[1]


def test_mistakes_are_exit_two_and_one_line(tmp_path, capsys):
    FakeStore(tmp_path, "one")
    two = FakeStore(tmp_path, "two")
    for words, part in (
        ([tmp_path], "one, two"),
        ([tmp_path / "none"], "is no folder"),
        ([two.folder, "--kind", "masks"], "no finished row used predicted masks"),
        ([two.folder, "-o", tmp_path / "x.docx"], "names no format"),
        ([two.folder, "--format", "html"], "html"),
    ):
        code, out, err = run(capsys, *words)
        assert code == 2, words
        assert part in err
        assert out == ""
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x.docx").exists()
