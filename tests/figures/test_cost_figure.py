"""The figure of costs: which rows are the front, what is drawn, and names that lie on nothing."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from matplotlib.transforms import Bbox

from farbench.errors import UserError
from farbench.figures.cost import draw
from farbench.figures.cost_points import Point, front
from farbench.figures.labels import place_names
from farbench.figures.request import FigureRequest
from farbench.scoring.catalogue import METRICS
from farbench.scoring.costs import COSTS

ACCURACY, MAE = METRICS["attributes"]["accuracy"], METRICS["scalar"]["mae"]
ROWS = {"cheap": (0.80, 1e8), "good": (0.90, 2e9), "beaten": (0.85, 3e9)}


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(str(number), cost, score) for number, (cost, score) in enumerate(pairs)]


def labels(found: list[Point]) -> str:
    return "".join(point.label for point in found)


def test_the_front_knows_both_directions() -> None:
    several = points((1, 80), (2, 90), (3, 85), (2, 70), (5, 95))
    assert labels(front(several, ACCURACY, COSTS["flops"])) == "014"
    assert labels(front(several, MAE, COSTS["flops"])) == "03"
    assert labels(front(several, ACCURACY, COSTS["train_speed"])) == "4"
    assert labels(front(several, MAE, COSTS["train_speed"])) == "423"


def test_rows_that_tie_are_all_on_the_front() -> None:
    tied = points((1, 80), (1, 80), (1, 79), (2, 80))
    assert labels(front(tied, ACCURACY, COSTS["flops"])) == "01"


@pytest.mark.parametrize("seed", range(5))
def test_names_lie_on_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    anchors = rng.uniform((60, 40), (440, 260), (12, 2))
    sizes = np.stack([rng.uniform(30, 110, 12), np.full(12, 11.0)], axis=1)
    frame = Bbox([[0, 0], [500, 300]])
    boxes = [place.box for place in place_names(anchors, sizes, anchors, frame, 1.0)]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box, size in zip(boxes, sizes, strict=True):
        assert (box.width, box.height) == pytest.approx(tuple(size))
        assert not any(box.contains(*anchor) for anchor in anchors)
        assert box.x0 >= 0
        assert box.x1 <= 500
        assert box.y0 >= 0
        assert box.y1 <= 300


def test_a_name_alone_stands_to_the_right_of_its_point() -> None:
    anchor = np.array([[50.0, 50.0]])
    (place,) = place_names(
        anchor, np.array([[30.0, 10.0]]), anchor, Bbox([[0, 0], [100, 100]]), 2.0
    )
    assert place.box.x0 == pytest.approx(50 + 2 * 6)
    assert (place.box.y0 + place.box.y1) / 2 == pytest.approx(50)


@pytest.fixture
def folder(tmp_path):
    """Two seeds of three rows, one of which needs masks, and a row without costs."""
    place = tmp_path / "bench"
    cells = []
    for row, (accuracy, flops) in {**ROWS, "old": (0.7, None)}.items():
        for seed in (0, 1):
            cell = place / f"{row}-faces-s{seed}-0000000{seed}"
            cell.mkdir(parents=True)
            record = {"status": "finished", "dataset": {"name": "faces", "title": "Faces"},
                      "parameters": 1_000_000}  # fmt: skip
            if flops:
                record["costs"] = {"flops": flops}
            if row == "good":
                record["costs"]["masks_flops"] = 1e9
            (cell / "cell.json").write_text(json.dumps(record))
            scores = {"attributes": {"accuracy": accuracy + 0.01 * seed, "mA": 0.5}}
            (cell / "metrics.json").write_text(json.dumps(scores))
            cells.append({"row": row, "dataset": "faces", "seed": seed, "folder": cell.name})
    rows = [{"id": row, "label": f"{row} row"} for row in (*ROWS, "old")]
    plan = {"schema": 1, "benchmark": {"name": "bench", "rows": rows}, "cells": cells, "tasks": {}}
    (place / "plan.json").write_text(json.dumps(plan))
    return place


def test_what_is_drawn(folder) -> None:
    figure = draw(FigureRequest(folder))
    (axis,) = figure.axes
    assert axis.get_ylabel() == "Accuracy (%)"
    assert axis.get_xlabel() == "FLOPs (G)\nnot measured: old row"
    assert axis.get_xscale() == "log"
    texts = [text.get_text() for text in axis.texts]
    assert sorted(text for text in texts if text) == ["beaten row", "cheap row", "good row"]
    drawn = {
        (round(float(line.get_xdata()[0]), 3), round(float(line.get_ydata()[0]), 3))
        for line in axis.lines
        if line.get_marker() == "o"
    }
    assert drawn == {(0.1, 80.5), (3.0, 90.5), (3.0, 85.5)}  # masks are in the cost
    filled = [
        line.get_markerfacecolor() != "white" for line in axis.lines if line.get_marker() == "o"
    ]
    assert filled == [True, True, False]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["Pareto front", "share of the mask network", "± std over seeds"]


def test_another_cost_and_metric(folder) -> None:
    figure = draw(FigureRequest(folder, cost="parameters", metric="mA", rows=("old", "cheap")))
    (axis,) = figure.axes
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("Parameters (M)", "mA (%)")
    assert axis.get_xscale() == "linear"


def test_mistakes(folder, farbench_cli) -> None:
    with pytest.raises(UserError, match="Did you mean 'flops'"):
        draw(FigureRequest(folder, cost="flop"))
    with pytest.raises(UserError, match="has both a metric and 'latency'"):
        draw(FigureRequest(folder, cost="latency"))
    with pytest.raises(UserError, match="has both a metric and 'flops'"):
        draw(FigureRequest(folder, rows=("old",), cost="flops"))
    outcome = farbench_cli("figure", "cost", folder, "-o", folder / "cost.svg")
    assert outcome.code == 0, outcome.err
    assert "beaten row" in (folder / "cost.svg").read_text()
    outcome = farbench_cli("figure", "weights", folder, "--cost", "flops")
    assert outcome.code == 2
    assert "does not read --cost" in outcome.err
