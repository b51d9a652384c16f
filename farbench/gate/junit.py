"""A verdict as JUnit XML: what CI servers and merge requests show as test results."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from farbench.gate.outcome import Judgement, Outcome, Verdict
from farbench.gate.report import metric_of, said, summary
from farbench.tables.files import write_text

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to hold; a terminal's colours begin with one."""


def write_junit(path: Path, verdict: Verdict) -> None:
    """Write a verdict as a suite of tests: one a number, and one a row, task or seed that changed.

    What the gate closes on is a failure; what cannot be compared, or may be missing, is skipped.
    So the file says of no test that it passed of which nothing is known. The elements are those of
    Jenkins' schema, which GitLab, Azure and others read as well.

    Raises:
        UserError: The file cannot be written.
    """
    suite = ET.Element("testsuite", name=f"farbench {verdict.benchmark}", time="0")
    if verdict.notes:
        properties = ET.SubElement(suite, "properties")
        for note in verdict.notes:
            ET.SubElement(properties, "property", name="note", value=_clean(note))
    skipped = 0
    for one in verdict.judgements:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_clean(f"{verdict.benchmark}.{one.row}.{one.dataset}"),
            name=_clean(_name(one)),
            time="0",
        )
        text = _clean(said(one))
        if verdict.fails(one):
            failure = ET.SubElement(case, "failure", type=one.outcome.value, message=text)
            failure.text = text
        elif one.outcome in (Outcome.NOT_COMPARABLE, Outcome.VANISHED):
            skipped += 1
            ET.SubElement(case, "skipped", message=f"{one.outcome.value}: {text}")
        else:
            ET.SubElement(case, "system-out").text = f"{one.outcome.value}: {text}"
    counts = {
        "tests": len(verdict.judgements),
        "failures": len(verdict.failing()),
        "errors": 0,
        "skipped": skipped,
    }
    for name, count in counts.items():
        suite.set(name, str(count))
    ET.SubElement(suite, "system-out").text = _clean(summary(verdict))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    declared = '<?xml version="1.0" encoding="UTF-8"?>\n'
    write_text(path, declared + ET.tostring(suites, encoding="unicode") + "\n")


def _name(one: Judgement) -> str:
    what = metric_of(one) or one.task or "row"
    return what if one.seed is None else f"{what}, seed {one.seed}"


def _clean(text: str) -> str:
    return NOT_XML.sub("", text)
