"""JUnit XML: what CI servers read of a verdict; and the choice of rows."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from gate_store import GateStore, recipe, usual

ALLOWED = {
    "testsuites": set(),
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "skipped": {"message"},
    "properties": set(),
    "property": {"name", "value"},
    "system-out": set(),
}
"""Elements and attributes of Jenkins' junit-10.xsd that are used here."""


@pytest.fixture
def planted(tmp_path):
    """A worse row, a failed one, one with another option, one that is gone, and one that is new."""
    rows = ("good", "bad", "dead", "other", "gone")
    before = GateStore(tmp_path / "a", rows=rows)
    after = GateStore(tmp_path / "b", rows=(*rows[:-1], "n"))
    for row in rows:
        before.cell(row)
    after.cell("good", processor="another <CPU>")
    after.cell("bad", accuracy=0.85)
    after.cell("dead", error="\x1b[31mno memory & no hope\x1b[0m")
    after.cell("other", made=recipe(epochs=9))
    after.cell("n")
    return "check", after.folder, "--baseline", before.folder


def test_a_suite_of_tests(farbench_cli, planted, tmp_path):
    file = tmp_path / "reports" / "gate.xml"
    outcome = farbench_cli(*planted, "--junit", file)
    assert outcome.code == 1
    root = ET.parse(file).getroot()
    assert {e.tag for e in root.iter()} == set(ALLOWED)
    for element in root.iter():
        assert set(element.attrib) <= ALLOWED[element.tag]
    (suite,) = root
    assert suite.attrib == {
        "name": "farbench bench", "time": "0",
        "tests": "8", "failures": "3", "errors": "0", "skipped": "1",
    }  # fmt: skip
    cases = {(c.get("classname"), c.get("name")): c for c in suite.iter("testcase")}
    assert len(cases) == 8
    worse = cases["bench.bad.faces", "accuracy"].find("failure")
    assert worse.get("type") == "worse"
    assert worse.get("message").startswith("90.00 -> 85.00 (-5.00, noise up to 0.59")
    dead = cases["bench.dead.faces", "row, seed 0"].find("failure")
    assert dead.get("message") == "failed ([31mno memory & no hope[0m)"
    assert cases["bench.gone.faces", "row"].find("failure").get("type") == "vanished"
    other = cases["bench.other.faces", "attributes"].find("skipped")
    assert other.get("message") == "not comparable: recipe: epochs 5 -> 9"
    same = cases["bench.good.faces", "mA"]
    assert [child.tag for child in same] == ["system-out"]
    assert same.find("system-out").text.startswith("same: 80.00 -> 80.00")
    (note,) = suite.iter("property")
    assert note.get("value") == "machine: processor a CPU -> another <CPU>"
    assert "the gate fails" in suite.find("system-out").text
    # What is printed is what would be without it.
    assert outcome.out == farbench_cli(*planted).out


def test_what_the_options_let_pass_or_not(farbench_cli, planted, tmp_path):
    file = tmp_path / "gate.xml"
    words = (*planted, "--junit", file, "--allow-missing", "--all-comparable")
    assert farbench_cli(*words).code == 1
    (suite,) = ET.parse(file).getroot()
    found = {c.get("classname"): [child.tag for child in c] for c in suite.iter("testcase")}
    assert found["bench.gone.faces"] == ["skipped"]
    assert found["bench.other.faces"] == ["failure"]
    assert (suite.get("failures"), suite.get("skipped")) == ("3", "1")


def test_a_file_that_cannot_be_written(farbench_cli, planted, tmp_path):
    (tmp_path / "taken").write_text("")
    outcome = farbench_cli(*planted, "--junit", tmp_path / "taken" / "gate.xml")
    assert outcome.code == 2
    assert "cannot write" in outcome.err


def test_rows_are_judged_alone(farbench_cli, planted):
    outcome = farbench_cli(*planted, "--rows", "good,n")
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "bench: 1 new, 2 same; the gate holds."
    outcome = farbench_cli(*planted, "--rows", "good,gone")
    assert outcome.code == 1
    outcome = farbench_cli(*planted, "--rows", "god")
    assert outcome.code == 2
    assert "--rows: unknown row 'god'. Did you mean 'good'?" in outcome.err


def test_nothing_to_tell_is_a_suite_that_holds(farbench_cli, tmp_path):
    store, file = usual(tmp_path / "a"), tmp_path / "gate.xml"
    assert (
        farbench_cli("check", store.folder, "--baseline", store.folder, "--junit", file).code == 0
    )
    (suite,) = ET.parse(file).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "0", "0")
    assert suite.find("properties") is None
