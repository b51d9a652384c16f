"""What is said of a word or file that is no benchmark."""

from __future__ import annotations

import pytest

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.locate import find
from farbench.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with things that are no benchmark."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("rows: {a: {method: toy}}\n")
    (tmp_path / "short.yml").write_text("rows: {a: {method: toy}}\n")
    (tmp_path / "notes.txt").write_text("rows: {a: {method: toy}}\n")
    (tmp_path / "runs").mkdir()
    (tmp_path / "plain.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("plain.py", "'plain.py' is a Python file; .* A plugin file is given with --plugins plain"),
        ("./gone.py", "'./gone.py' is a Python file; a benchmark is a YAML file"),
        ("mine", r"no benchmark 'mine' is shipped .* Did you mean the file 'mine\.yaml'\?"),
        ("short", r"no benchmark 'short' .* Did you mean the file 'short\.yml'\?"),
        ("notes.txt", r"file 'notes\.txt' is no benchmark: a benchmark file ends in \.yaml"),
        ("runs", "folder 'runs' is no benchmark"),
        ("ablatoin", "unknown benchmark 'ablatoin'. Did you mean 'ablation'"),
        ("mine.yam", r"unknown benchmark 'mine\.yam'.* Did you mean the file 'mine\.yaml'\?$"),
        ("mien.yaml", r"benchmark file mien\.yaml .* Did you mean the file 'mine\.yaml'\?$"),
        (
            "./ablation.yaml",
            r"benchmark file ablation\.yaml does not exist\. A benchmark 'ablation'",
        ),
        ("zzz.yaml", r"benchmark file zzz\.yaml does not exist\.$"),
        ("", "unknown benchmark ''"),
        ("~nobody_here/x.yaml", "'~nobody_here/x.yaml': there is no such home folder"),
    ],
)
def test_a_word_that_is_no_benchmark(folder, word, message):
    with pytest.raises(UserError, match=f"^{message}"):
        find("benchmark", word)


@pytest.mark.parametrize("name", ["...yaml", ".yaml", "a\nb.yaml", ".hidden.yaml"])
def test_a_file_that_cannot_name_a_folder(folder, name):
    (folder / name).write_text("rows: {a: {method: toy}}\n")
    with pytest.raises(UserError, match="the results are named for the file") as caught:
        load_benchmark(name)
    assert "\n" not in str(caught.value)


def test_a_protocol_that_is_none_says_where_it_was_asked_for(folder):
    with pytest.raises(
        UserError, match=r"^b\.yaml:3: 'p\.py' is a Python file; a protocol is a YA"
    ):
        find("protocol", "p.py", where="b.yaml:3")
    with pytest.raises(UserError, match=r"^b\.yaml:3: no protocol 'mine' is shipped"):
        find("protocol", "mine", where="b.yaml:3")


def test_a_protocol_file_is_told_to_be_one(folder):
    (folder / "p.yaml").write_text("extends: quick\nepochs: 3\ncrop: 48\n")
    with pytest.raises(UserError) as caught:
        load_benchmark("p.yaml")
    assert str(caught.value).startswith(
        "p.yaml: this is a protocol, not a benchmark: it says epochs, crop. "
        "Give it with --protocol p.yaml"
    )


def test_a_key_of_a_protocol_is_told_its_place(folder):
    (folder / "b.yaml").write_text("epochs: 3\nrowz: {}\nrows: {a: {method: toy}}\n")
    with pytest.raises(UserError) as caught:
        load_benchmark("b.yaml")
    first, second = str(caught.value).split("\n")
    assert first == (
        "b.yaml:1: unknown key 'epochs'. It is a protocol's: write `protocol: {epochs: ...}`."
    )
    assert second.startswith("b.yaml:2: unknown key 'rowz'. Did you mean 'rows'? Known: title, ")


def test_a_home_folder_that_is_not_there_has_its_line(folder):
    (folder / "b.yaml").write_text("rows: {a: {method: toy}}\nplugins: ['~nobody_here/x.py']\n")
    with pytest.raises(UserError, match=r"^b\.yaml:2: '~nobody_here/x\.py': there is no such home"):
        load_benchmark("b.yaml")
