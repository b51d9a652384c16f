"""YAML with lines: what is read, where it says values stand, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from farbench.benchmark.yaml_lines import parse_value, read_yaml
from farbench.errors import UserError


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def write_and_read(text: str):
        (tmp_path / "a.yaml").write_text(text)
        return read_yaml(tmp_path / "a.yaml")

    return write_and_read


def test_every_value_knows_its_line(read):
    document = read("title: x\nrows:\n  a:\n    levels:\n      - 3\n      - 4\n")
    assert document.data == {"title": "x", "rows": {"a": {"levels": [3, 4]}}}
    assert document.places.at(("rows", "a", "levels", 1)) == "a.yaml:6"
    assert document.places.at(("rows", "a")) == "a.yaml:3"
    assert document.places.at(("rows", "a", "unheard", "of")) == "a.yaml:3"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("010", 10),
        ("-.5", -0.5),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("~", None),
        ("", None),
        ("[3, 4]", [3, 4]),
        ("'3'", "3"),
        (".inf", float("inf")),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_plain_words_follow_yaml_1_2(text, value):
    result = parse_value(text, "--set x")
    assert result == value
    assert type(result) is type(value)


def test_keys_stay_text(read):
    assert read("on: 1\n64: 2\ntrue: 3\n").data == {"on": 1, "64": 2, "true": 3}


def test_a_repeated_key_is_refused_with_both_lines(read):
    with pytest.raises(UserError, match=r"a\.yaml:3: key 'x' is given twice \(first on line 1\)"):
        read("x: 1\ny: 2\nx: 3\n")


def test_anchors_and_merge_keys(read):
    document = read("base: &b {p: 1, q: 2}\nuse:\n  <<: *b\n  q: 3\nagain: *b\n")
    assert document.data["use"] == {"p": 1, "q": 3}
    assert document.data["again"] == {"p": 1, "q": 2}
    assert document.places.at(("use", "q")) == "a.yaml:4"


def test_an_alias_of_a_merging_mapping_is_not_a_repeated_key(read):
    document = read("b: &b {p: 1}\nm: &m\n  <<: *b\n  p: 2\nuse: *m\n")
    assert document.data["use"] == {"p": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: [1\ny: 2\n", r"a\.yaml:2: not valid YAML"),
        ("x: &a [*a]\n", r"a\.yaml:1: an alias must not point at what contains it"),
        ("- 1\n", r"a\.yaml: expected keys and values"),
        ("", r"a\.yaml: expected keys and values .* is empty"),
        ("[a]: 1\n", r"a\.yaml:1: a key must be a plain word"),
        ("x: !!python/object:os.system {}\n", r"a\.yaml:1: not valid YAML"),
        ("x: \x07\n", r"a\.yaml: not valid YAML"),
        ("- 1\n- 2\n", r"but the file holds a list\.$"),
        ("some text\n", r"but the file holds none\.$"),
        ("x:\n\ty: 1\n", r"a\.yaml:2: not valid YAML: there is a tab; use spaces\.$"),
        ("x: 1\n---\ny: 1\n", r"a\.yaml:2: not valid YAML: a second document begins here"),
        ("x: " + 5000 * "9", r"a\.yaml:1: '9{57}\.\.\.' is no integer of at most 64 bits\.$"),
        ("x: 9223372036854775808\n", r"a\.yaml:1: .* is no integer of at most 64 bits"),
        ("x: !!int y\n", r"a\.yaml:1: 'y' is no integer"),
        ("x: " + 3000 * "[" + 3000 * "]", r"a\.yaml: too many levels"),
    ],
)
def test_what_is_refused(read, text, message):
    with pytest.raises(UserError, match=message):
        read(text)


def test_a_missing_file_a_folder_and_a_binary_file(tmp_path):
    with pytest.raises(UserError, match="no file"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="cannot read"):
        read_yaml(tmp_path)
    (tmp_path / "b.yaml").write_bytes(b"x: 1\ny: \xff\xfe\x00")
    with pytest.raises(UserError, match=r"b\.yaml:2: not UTF-8 text"):
        read_yaml(tmp_path / "b.yaml")
