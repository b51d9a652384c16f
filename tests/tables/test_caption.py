"""The sentences of a caption where a benchmark says something unusual, or nothing."""

from __future__ import annotations

import json

from fake_store import ablation

from farbench.tables.caption import caption, listed
from farbench.tables.results import read_results


def sentences(store):
    return caption(read_results(store.folder))


def test_a_question_keeps_its_mark(tmp_path):
    assert "Is it the masks?" in sentences(ablation(tmp_path, caption="Is it the masks?"))
    assert "It is." in sentences(ablation(tmp_path, name="two", caption="It is"))


def test_a_plan_without_a_rule_of_selection_says_nothing_of_it(tmp_path):
    store = ablation(tmp_path)
    assert any("weights of the last epoch" in sentence for sentence in sentences(store))
    store.plan["cells"].clear()
    del store.plan["benchmark"]["protocol"]["selection"]
    store.save()
    assert not any("weights" in sentence for sentence in sentences(store))


def test_batches_in_parts_are_told(tmp_path):
    store = ablation(tmp_path)
    assert not any("in parts" in sentence for sentence in sentences(store))
    for path in store.folder.glob("*/cell.json"):
        record = json.loads(path.read_text())
        record["identity"]["recipe"] = {"training": {"micro_batch": 18}, "seed": 0}
        path.write_text(json.dumps(record))
    told = [sentence for sentence in sentences(store) if "in parts" in sentence]
    assert told == [
        "Batches passed in parts of at most 18 images, all that BatchNorm sees at once."
    ]


def test_stand_ins_are_those_of_the_rows_that_were_run(tmp_path):
    store = ablation(tmp_path)
    store.plan["benchmark"]["protocol"]["substitute"] = {"resnest50d": "tiny", "vgg16": "tiny"}
    store.save()
    for path in store.folder.glob("*/cell.json"):
        record = json.loads(path.read_text()) | {"substituted": {"resnest50d": "tiny"}}
        path.write_text(json.dumps(record))
    store.planned("aml", seed=1)
    store.save()
    told = [sentence for sentence in sentences(store) if "stands in" in sentence]
    assert told == ["tiny stands in for resnest50d."]


def test_names_are_listed_as_in_a_sentence():
    assert [listed("abc"[:count]) for count in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
