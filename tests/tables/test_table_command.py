"""`farbench table` from the shell's side."""

import json

import pytest
from fake_store import ABLATION, FakeStore, ablation

from farbench.cli import main
from farbench.tables.from_store import KINDS
from farbench.tables.writers import WRITERS


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


def test_a_format_by_its_suffix_is_told_its_name(tmp_path, capsys):
    folder = ablation(tmp_path).folder
    for word, name in (
        ("tex", "latex"),
        ("md", "markdown"),
        (".TXT", "terminal"),
        ("lates", "latex"),
    ):
        code, out, err = run(capsys, folder, "--format", word)
        assert (code, out) == (2, "")
        assert err == (
            f"farbench: error: --format: unknown format '{word}'. Did you mean '{name}'? Known: "
            "terminal, markdown, latex, csv, json, html.\n"
        )
    assert (
        "unknown kind of table 'mask'. Did you mean 'masks'?"
        in run(capsys, folder, "--kind", "mask")[2]
    )


def test_the_help_names_every_format_and_kind(capsys):
    out = run(capsys, "--help")[1]
    assert "|".join(WRITERS) in out
    words = " ".join(out.split())
    assert all(f"{kind}:" in words or f" {kind};" in words for kind in KINDS)


def test_a_table_without_a_number_is_printed_and_exits_one(tmp_path, capsys):
    store = FakeStore(tmp_path, rows=ABLATION[:2])
    store.cell("baseline", error="out of luck")
    store.planned("attribute_grouping")
    for words in ((), ("--kind", "attributes"), ("--format", "csv")):
        code, out, err = run(capsys, store.folder, *words)
        assert code == 1
        assert "out of luck" in out
        assert err.startswith("farbench: error: nothing in this table is measured")
    target = tmp_path / "t.md"
    assert run(capsys, store.folder, "-o", target)[0] == 1
    assert "out of luck" in target.read_text()
    store.cell("attribute_grouping", 0.9, 0.8, seed=1)
    assert run(capsys, store.folder)[0] == 0


def test_mistakes_are_exit_two_and_one_line(tmp_path, capsys):
    FakeStore(tmp_path, "one")
    two = FakeStore(tmp_path, "two")
    for words, part in (
        ([tmp_path], "one, two"),
        ([tmp_path / "none"], "is no folder"),
        ([two.folder, "--kind", "masks"], "no finished row used predicted masks"),
        ([two.folder, "-o", tmp_path / "x.docx"], "names no format"),
        ([two.folder, "--format", "docx"], "latex"),
    ):
        code, out, err = run(capsys, *words)
        assert code == 2, words
        assert part in err
        assert out == ""
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x.docx").exists()
