"""A cell's card: what is in it, and how the history, the log and the command get there."""

import json

import pytest
from report_store import HISTORY, change_record, store

from farbench.report.cards import read_cards
from farbench.report.parts import recipe
from farbench.report.pool import Pool
from farbench.tables.results import read_results


def no_faces(cell, folder):
    return None


def cards_of(folder):
    """Return the cards by the folder's name, their parts as {title: content}."""
    pool = Pool()
    cards = read_cards(read_results(folder), pool, no_faces)
    values = json.loads(pool.json())
    return {
        card["id"].split("/")[1]: {
            **card,
            "parts": {title: values[place] for _, title, _, place in card["parts"]},
            "kinds": {title: kind for kind, title, _, _ in card["parts"]},
        }
        for card in cards
    }, values


@pytest.fixture
def made(tmp_path):
    return store(tmp_path)


def first(made, row):
    """Return the name of a row's first folder."""
    return next(cell["folder"] for cell in made.plan["cells"] if cell["row"] == row)


def test_a_finished_cell_has_scores_curves_bars_and_how_it_was_made(made):
    cards, values = cards_of(made.folder)
    card = cards[first(made, "baseline")]
    assert (card["label"], card["dataset"], card["seed"]) == ("Baseline", "Synthetic faces", 0)
    assert (card["state"], card["minutes"]) == ("finished", 3.5)
    assert card["scores"] == [("Accuracy", "90.00"), ("mA", "80.00")]
    assert ["AP", "50.00"] in card["parts"]["Scores on the test split"]["pairs"]
    curves = card["parts"]["Training"]
    assert curves["stages"] == ["global", "global", "joint"]
    assert curves["charts"] == [
        ["loss", [0.5, None, 0.3]],
        ["Accuracy, valid split", [80, 85, 90]],
        ["mA, valid split", [60, 65, 70]],
    ]
    bars = card["parts"]["Each attribute"]
    assert values[bars["names"]] == ["Bald", "Smiling", "Wearing_Hat"]
    series = {values[place]["label"]: values[place] for place in bars["series"]}
    assert series["Accuracy"]["values"] == [100, 90, 90]
    # Train prevalences are .1, .55 and .2; those of test .1, .6 and .2.
    assert series["Accuracy"]["marks"] == [90, 60, 80]
    assert "marks" not in series["mA"]
    assert series["Prevalence"]["values"] == [10, 60, 20]
    assert ["method", "baseline"] in card["parts"]["Options"]["pairs"]
    assert card["parts"]["Stages"]["rows"] == [
        ["global", "3", "400", "400"], ["joint", "5", "670", "670"],
    ]  # fmt: skip
    assert card["parts"]["End of the log"]["text"].startswith("[1/3]")


def test_a_failed_cell_has_its_reason_and_more_of_the_log(made):
    cards, _ = cards_of(made.folder)
    card = next(c for c in cards.values() if c["state"] == "failed" and "/aml-" in c["id"])
    assert card["reason"] == "loss is not finite <in> epoch 3"
    assert card["scores"] == []
    lines = card["parts"]["End of the log"]["text"].split("\n")
    assert (lines[0], lines[-1]) == ("line 60", "line 99")
    assert "Scores on the test split" not in card["parts"]


def test_a_cell_that_did_not_run_tells_how_to_run_it(made):
    cards, _ = cards_of(made.folder)
    card = cards[first(made, "late")]
    assert card["state"] == "not run"
    assert list(card["parts"]) == ["Make it again"]


def test_the_recorded_command_is_shown_and_an_absent_one_is_told_from_the_plan(made):
    made.plan["cells"][0]["command"] = "farbench run ablation --rows baseline --seeds 0"
    made.plan["benchmark"]["protocol"]["name"] = "quick (epochs 2)"
    made.save()
    cards, _ = cards_of(made.folder)
    with_command = cards[first(made, "baseline")]["parts"]["Make it again"]
    assert with_command == {
        "text": "farbench run ablation --rows baseline --seeds 0",
        "note": "",
    }
    without = cards[first(made, "late")]["parts"]["Make it again"]
    assert without["text"] == (
        "farbench run ablation --protocol quick --dataset synthetic_faces --rows late --seeds 0"
    )
    assert "not recorded" in without["note"]
    assert "quick (epochs 2)" in without["note"]


def test_what_cells_share_is_kept_once(made):
    _, values = cards_of(made.folder)
    texts = [json.dumps(value) for value in values]
    assert len(texts) == len(set(texts))
    prevalences = [v for v in values if isinstance(v, dict) and v.get("label") == "Prevalence"]
    assert len(prevalences) == 1


def test_a_cell_with_a_task_of_its_own_says_which(made):
    made.plan["benchmark"]["rows"][0]["alone"] = True
    made.plan["cells"][0]["tasks"] = ["attributes"]
    made.save()
    cards, _ = cards_of(made.folder)
    assert cards[first(made, "baseline")]["label"] == "Baseline: attributes"


def test_classes_have_bars_and_a_confusion(made):
    place = made.folder / first(made, "baseline")
    task = {"kind": "classes", "name": "mood", "classes": ["glad", "sad"]}
    change_record(place, tasks=[task])
    scores = {
        "accuracy": 0.75,
        "f1": None,
        "f1_per_class": {"glad": 0.8, "sad": None},
        "confusion": {"glad": {"glad": 3, "sad": 1}, "sad": {"glad": 0, "sad": 4}},
    }
    (place / "metrics.json").write_text(json.dumps({"mood": scores}))
    (place / "history.csv").write_text(HISTORY.replace("valid_mA", "valid_mood.f1"))
    cards, values = cards_of(made.folder)
    parts = cards[place.name]["parts"]
    assert parts["Confusion"] == {
        "head": ["is, said", "glad", "sad"],
        "rows": [["glad", 3, 1], ["sad", 0, 4]],
    }
    assert values[parts["Each class"]["series"][0]]["values"] == [80, None]
    assert parts["Training"]["charts"][2] == ["mood F1, valid split", [60, 65, 70]]
    assert ["F1", "undefined"] in parts["Scores on the test split"]["pairs"]


@pytest.mark.parametrize("history", ["", "stage,epoch\n", "\x00\xff"])
def test_a_history_without_values_is_no_part(made, history):
    place = made.folder / first(made, "baseline")
    (place / "history.csv").write_bytes(history.encode("latin-1"))
    cards, _ = cards_of(made.folder)
    assert not cards[place.name]["parts"].get("Training", {"charts": []})["charts"]


def test_nested_values_are_written_by_dotted_keys():
    record = {
        "method": {"name": "aml", "options": {"levels": [3, 4], "shared": True, "mask": None}},
        "protocol": {"masks": {"epochs": 3}, "learning_rate": 3e-4, "images": {}},
        "parameters": 1,
    }
    parts = {part.title: part.content["pairs"] for part in recipe(record)}
    assert parts["Options"] == [
        ("method", "aml"), ("levels", "[3, 4]"), ("shared", "true"), ("mask", "null"),
    ]  # fmt: skip
    assert parts["Protocol"] == [
        ("masks.epochs", "3"), ("learning_rate", "0.0003"), ("images", "{}"),
    ]  # fmt: skip
