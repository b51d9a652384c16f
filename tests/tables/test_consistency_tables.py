"""Tables of impossible combinations and of pairs, against counts by hand and numpy."""

import numpy as np
import pytest
from predicted_store import TWO, PredictedStore, answered, attributes, printed, remarks

from farbench.errors import UserError
from farbench.tables.from_store import build
from farbench.tables.kinds.consistency_rules import load_rules
from farbench.tables.options import TableOptions
from farbench.tasks.attributes import CELEBA_ATTRIBUTES

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Bald", "Bangs")


def hair_store(tmp_path, seeds=(0,)):
    labels = np.array(
        [[1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [0, 0, -1, 0, 0, 0]]
    )
    store = PredictedStore(tmp_path, [attributes(*HAIR)], seeds=seeds)
    good = np.array(
        [[1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0]]
    )
    bad = good.copy()
    bad[1] = [1, 1, 1, 0, 1, 1]
    for seed in seeds:
        second = good if seed else bad
        store.predicted("baseline", {"attributes": answered(good)}, {"attributes": labels}, seed)
        store.predicted("aml", {"attributes": answered(second)}, {"attributes": labels}, seed)
    return store


def test_shares_of_broken_rules_by_hand(tmp_path):
    (table,) = build(hair_store(tmp_path).folder, "consistency")
    assert [c.title for c in table.columns[1:]] == [
        "Bald + Bangs", "two hair colours", "any of them"
    ]  # fmt: skip
    rows = printed(table)
    values = {row: [cells[c.key].value for c in table.columns[1:]] for row, cells in rows.items()}
    # The last image has a colour of unknown label: it counts for Bald + Bangs alone.
    assert values["baseline"] == [0, 0, 0]
    assert values["aml"] == [pytest.approx(1 / 4), pytest.approx(1 / 3), pytest.approx(1 / 4)]
    assert rows["baseline"]["any"].best
    labels = printed(table, "reference")["labels"]
    assert [labels[c.key].value for c in table.columns[1:]] == [0, pytest.approx(1 / 3), 0.25]


def test_shares_are_means_over_seeds(tmp_path):
    (table,) = build(hair_store(tmp_path, seeds=(0, 1)).folder, "consistency")
    cell = printed(table)["aml"]["any"]
    assert (cell.value, cell.n) == (pytest.approx(1 / 8), 2)
    assert cell.std == pytest.approx(np.std([0.25, 0], ddof=1))


def test_rules_of_ones_own(tmp_path):
    store = hair_store(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: My rules\nrules:\n  - {name: mine, at_most_one: [Black_Hair, Bangs], source: me}\n"
    )
    (table,) = build(store.folder, "consistency", TableOptions(rules=str(path)))
    assert printed(table)["baseline"]["rule/0"].value == pytest.approx(1 / 4)
    assert table.caption[0].startswith("My rules:")
    assert "mine: me." in remarks(table)
    path.write_text("title: t\nrules:\n  - {name: x, at_most_one: [Black_Hair, Bang]}\n")
    with pytest.raises(UserError, match=r"mine\.yaml: unknown attribute 'Bang'\. Did you mean"):
        build(store.folder, "consistency", TableOptions(rules=str(path)))
    path.write_text("title: t\nrules:\n  - {name: x, at_most_one: [Black_Hair]}\n")
    with pytest.raises(UserError, match=r"mine\.yaml:3: rules\[0\]\.at_most_one"):
        load_rules(path)


def test_shipped_rules_name_attributes_of_celeba():
    rules = load_rules("celeba").rules
    assert {name for rule in rules for name in rule.at_most_one} <= set(CELEBA_ATTRIBUTES)
    assert len({rule.name for rule in rules}) == len(rules) == 5


def test_no_rule_is_about_these_attributes(tmp_path):
    store = PredictedStore(tmp_path, [attributes("Male", "Smiling")])
    labels = np.array([[1, 0], [0, 1]])
    store.predicted("baseline", {"attributes": answered(labels)}, {"attributes": labels})
    assert build(store.folder, "consistency") == []


NAMES = ("A", "B_b", "C", "D")


def pair_store(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 4)) < 0.4).astype(int)
    labels[:, 1] = np.where(
        rng.random(300) < 0.7, labels[:, 0], labels[:, 1]
    )  # A and B go together
    labels[rng.random((300, 4)) < 0.1] = -1
    close, far = np.maximum(labels, 0), np.maximum(labels, 0)
    far[:, 1] = far[:, 0]
    far[:, 3] = 0  # D is never said
    store = PredictedStore(tmp_path, [attributes(*NAMES)])
    store.predicted("baseline", {"attributes": answered(far)}, {"attributes": labels})
    store.predicted("aml", {"attributes": answered(close)}, {"attributes": labels})
    return store, labels, far


def phi(values, labels, i, j):
    known = (labels[:, i] >= 0) & (labels[:, j] >= 0)
    return np.corrcoef(values[known, i], values[known, j])[0, 1]


def test_pairs_by_how_far_answers_are_from_labels(tmp_path):
    store, labels, far = pair_store(tmp_path)
    (table,) = build(store.folder, "cooccurrence")
    rows = printed(table)
    first = next(iter(rows))
    assert (first, rows[first]["label"].text) == ("A+B_b", "A + B b")
    assert rows[first]["labels"].value == pytest.approx(phi(labels, labels, 0, 1))
    assert rows[first]["row/baseline"].value == pytest.approx(phi(far, labels, 0, 1))
    assert rows[first]["row/aml"].value == pytest.approx(rows[first]["labels"].value)
    assert rows["A+D"]["row/baseline"].missing == "–"
    assert "Answered alike for every image, in at least one seed: Baseline: D." in remarks(table)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    gaps = []
    for i, j in pairs:
        said = 0.0 if 3 in (i, j) else phi(far, labels, i, j)
        gaps.append((said - phi(labels, labels, i, j), phi(labels, labels, i, j)))
    summary = printed(table, "mean")
    distance = summary["distance"]
    assert distance["row/baseline"].value == pytest.approx(np.mean([abs(g) for g, _ in gaps]))
    assert distance["row/aml"].value == pytest.approx(0, abs=1e-12)
    assert (distance["row/aml"].best, distance["row/baseline"].second) == (True, True)
    expected = np.mean([g * np.sign(own) for g, own in gaps])
    assert summary["exaggeration"]["row/baseline"].value == pytest.approx(expected)


def test_the_number_of_pairs_and_their_attributes(tmp_path):
    store, _, _ = pair_store(tmp_path)
    (table,) = build(store.folder, "cooccurrence", TableOptions(pairs=2))
    assert len(printed(table)) == 2
    assert "the 2 of 6 pairs" in table.caption[0]
    (table,) = build(store.folder, "cooccurrence", TableOptions(attributes=("A", "C", "D")))
    assert set(printed(table)) == {"A+C", "A+D", "C+D"}
    assert build(store.folder, "cooccurrence", TableOptions(attributes=("A",))) == []


def test_there_is_no_table_of_pairs_that_do_not_vary(tmp_path):
    store = PredictedStore(tmp_path, [attributes("A", "B")])
    labels = np.array([[1, 0], [1, 1]])
    store.predicted("baseline", {"attributes": answered(labels)}, {"attributes": labels})
    assert build(store.folder, "cooccurrence") == []


def test_rows_without_predictions_are_told(tmp_path):
    store, _, _ = pair_store(tmp_path)
    for row in ("baseline",):
        next(store.folder.glob(f"{row}-*/predictions.npz")).unlink()
    (table,) = build(store.folder, "cooccurrence")
    assert {row["row/baseline"].missing for row in printed(table).values()} == {"no predictions"}
    assert [id for id, _, _ in TWO] == ["baseline", "aml"]
