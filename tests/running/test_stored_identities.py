"""Who is on the test images is stored beside the predictions, so that rows compare by person."""

from __future__ import annotations

import json

from tiny_benchmark import DATASET

from farbench.scoring.predictions import load_predictions
from farbench.store.cells import PREDICTIONS
from farbench.tasks.attributes import BinaryAttributes

DOTS = BinaryAttributes("attributes", ("Bright", "Red", "Left", "Top"))

UNKNOWN = 'pd.array([pd.NA] * count, dtype="string")'
KNOWN = """pd.array(
            [pd.NA if i % 12 == 5 else f"person{(i + 1) // 3}" for i in range(count)],
            dtype="string",
        )"""


def test_identities_are_stored_where_the_index_has_them(tiny):
    assert UNKNOWN in DATASET
    tiny.write({"tiny_dataset.py": DATASET.replace(UNKNOWN, KNOWN)})
    tiny.run("--set", "protocol.epochs=1")
    for folder in tiny.cells().values():
        held = load_predictions(folder / PREDICTIONS["test"], DOTS)
        first = 40 + 12  # train and valid come before
        people = [(first + i + 1) // 3 for i in range(12)]
        unknown = [(first + i) % 12 == 5 for i in range(12)]
        assert held.identity.dtype == "int64"
        assert [number < 0 for number in held.identity] == unknown
        for i in range(12):
            for j in range(12):
                if not (unknown[i] or unknown[j]):
                    alike = held.identity[i] == held.identity[j]
                    assert alike == (people[i] == people[j])


def test_nobody_known_stores_nothing_and_a_run_keeps_what_it_compared(tiny):
    text = (tiny.folder / "tiny_bench.yaml").read_text()
    tiny.write({"tiny_bench.yaml": f"compare: coarse\n{text}"})
    tiny.run("--set", "protocol.epochs=1")
    cells = tiny.cells()
    assert load_predictions(cells["fine"] / PREDICTIONS["test"], DOTS).identity is None
    kept = json.loads((tiny.results / "tiny_bench" / "evidence.json").read_text())
    assert {one["row"] for one in kept["comparisons"]} == {"fine"}
    assert {name.split()[0] for name in kept["predictions"]} == {
        folder.name for folder in cells.values()
    }
