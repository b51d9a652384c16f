"""What ``--dry-run`` says of sharing: each artifact once, and the same cells one by one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from farbench.running.parts import EVALUATION_SPEED, MASK_SPEED, planned_parts
from farbench.running.plan_text import describe_plan
from farbench.running.rates import Rates
from farbench.store.artifacts import ArtifactStore

TRAIN, VALID, TEST = 600, 90, 30
RATE = 10.0


def stage(name: str, key: str, epochs: int = 1, seed: int = 0, **recipe: Any) -> Any:
    return SimpleNamespace(
        stage=SimpleNamespace(name=name),
        seed=seed,
        epochs=epochs,
        identity=SimpleNamespace(key=key, recipe=recipe),
    )


def cell(row: str, *stages: Any, masked: bool = True, seed: int = 0) -> Any:
    sizes = {"train": TRAIN, "valid": VALID, "test": TEST}
    masks = SimpleNamespace(
        keypoints=SimpleNamespace(name="exact"),
        network=SimpleNamespace(key="m"),
        protocol=SimpleNamespace(images=None, epochs=2),
    )

    class Source:
        dataset = SimpleNamespace(name="dots")

        def positions(self, split: str, tasks: object) -> np.ndarray:
            return np.arange(sizes[split])

        def __len__(self) -> int:
            return sum(sizes.values())

    return SimpleNamespace(
        row=SimpleNamespace(row=SimpleNamespace(id=row)),
        name=row,
        source=Source(),
        tasks=(),
        seed=seed,
        stages=stages,
        masks=masks if masked else None,
        status="new",
        folder=f"{row}-dots-s{seed}",
    )


def plan(*cells: Any) -> Any:
    return SimpleNamespace(
        cells=cells,
        to_run=lambda: list(cells),
        folder=Path("runs/b"),
        notes=(),
        benchmark=SimpleNamespace(
            loaded=SimpleNamespace(benchmark=SimpleNamespace(title="B")), robustness=None
        ),
    )


def three_rows() -> Any:
    shared = stage("global", "g", epochs=2)
    return plan(
        cell("one", shared, stage("joint", "j1"), masked=False),
        cell("two", shared, stage("joint", "j2")),
        cell("three", shared, stage("joint", "j3")),
    )


GLOBAL = 2 * (TRAIN + VALID / EVALUATION_SPEED) / RATE
JOINT = GLOBAL / 2
MASKS = (2 * TRAIN + (TRAIN + VALID + TEST) / EVALUATION_SPEED) / (RATE * MASK_SPEED)


def rate(run: Any, cell: Any) -> float:
    return RATE


def test_what_rows_share_is_made_once_and_without_sharing_once_a_cell(tmp_path: Path) -> None:
    parts = {part.key: part for part in planned_parts(three_rows(), ArtifactStore(tmp_path), rate)}
    assert [(key, part.rows, part.cells) for key, part in parts.items()] == [
        ("g", ("one", "two", "three"), 3),
        ("j1", ("one",), 1),
        ("m", ("two", "three"), 2),
        ("j2", ("two",), 1),
        ("j3", ("three",), 1),
    ]
    assert sum(part.left for part in parts.values()) == pytest.approx(GLOBAL + MASKS + 3 * JOINT)
    alone = 3 * GLOBAL + 2 * MASKS + 3 * JOINT
    assert sum(part.alone for part in parts.values()) == pytest.approx(alone)


def test_seeds_share_the_mask_network(tmp_path: Path) -> None:
    seeds = [cell("two", stage("joint", f"j{n}", seed=n), seed=n) for n in range(3)]
    (masks, *_) = planned_parts(plan(*seeds), ArtifactStore(tmp_path), rate)
    assert (masks.rows, masks.cells) == (("two",), 3)
    assert masks.alone == pytest.approx(3 * MASKS)
    text = describe_plan(plan(*seeds), ArtifactStore(tmp_path), rate)
    assert "shared by 3 cells of two" in text


def test_what_is_there_costs_nothing_now_and_what_it_took_without(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.get("stages", "g", lambda folder: {"minutes": 10})

    def must_not_guess(run: Any, cell: Any) -> float:
        assert run.identity.key != "g"
        return RATE

    parts = {part.key: part for part in planned_parts(three_rows(), store, must_not_guess)}
    assert (parts["g"].left, parts["g"].alone) == (0, 1800)
    text = describe_plan(three_rows(), store, rate)
    assert "there already" in text
    assert "Of the 5 parts 1 need not be made again." in text


def test_the_plan_says_both_times(tmp_path: Path) -> None:
    text = describe_plan(three_rows(), ArtifactStore(tmp_path), rate)
    assert f"{GLOBAL:.0f}" == "126"
    assert "stage  global, seed 0        about 2 min 06 s      shared by 3 rows" in text
    assert "masks  mask network (exact)  about 6 min 00 s      shared by 2 rows" in text
    assert (
        "3 cells: 0 finished, 3 to run, about 11 min 15 s with sharing, about 21 min 27 s without."
    ) in text
    assert "again" not in text


def test_stages_of_one_name_are_told_apart(tmp_path: Path) -> None:
    bce = {"attributes": {"name": "bce", "options": {}}}
    focal = {"attributes": {"name": "focal", "options": {"gamma": 2.0}}}
    parent = {"data": {"manifest": "abc", "dataset": "dots"}, "parent": {"epochs": 1}}
    method = {"name": "baseline", "options": {"hidden": 512}}
    first = stage("global", "g1", losses=bce, method=method, tasks=[{"name": "attributes"}])
    other = stage("global", "g2", losses=focal, method=method, tasks=[{"name": "attributes"}])
    rows = [cell(name, first) for name in "ab"] + [cell(name, other) for name in "cd"]
    alone = cell("e", stage("global", "g3", losses=bce, method=method, **parent))
    lines = describe_plan(plan(*rows, alone), ArtifactStore(tmp_path), rate).splitlines()
    users = [line.split("  ")[-1] for line in lines if line.startswith("  stage")]
    assert users == [
        "shared by 2 rows: loss bce",
        "shared by 2 rows: loss focal",
        "e",
    ]
    one, two = (stage("joint", name, losses=bce, tasks=[{"name": name}]) for name in ("age", "sex"))
    text = describe_plan(plan(cell("x", one), cell("x", two)), ArtifactStore(tmp_path), rate)
    assert "  x: tasks age\n" in text
    assert "  x: tasks sex\n" in text
    steep = {"attributes": {"name": "focal", "options": {"gamma": 4.0}}}
    third = stage("global", "g4", losses=steep, method=method, tasks=[{"name": "attributes"}])
    rows = [cell(name, other) for name in "cd"] + [cell(name, third) for name in "fg"]
    text = describe_plan(plan(*rows), ArtifactStore(tmp_path), rate)
    assert "shared by 2 rows: loss.gamma 2.0\n" in text
    assert "shared by 2 rows: loss.gamma 4.0\n" in text


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    text = describe_plan(three_rows(), ArtifactStore(tmp_path), lambda run, cell: math.nan)
    assert "unknown time with sharing, unknown time without" in text


def test_a_record_of_a_stage_that_says_nothing_of_its_rate(tmp_path: Path) -> None:
    recipe = {"method": {"name": "m", "options": {}}, "frozen": [], "protocol": {}}
    recipe["protocol"] = {"crop": 32, "batch_size": 8}
    identity = {"recipe": recipe, "numerics": {}}
    for name, said in (
        ("a", "[]"),
        ("b", '{"identity": 5}'),
        ("c", json.dumps({"identity": identity})),
        ("d", json.dumps({"identity": identity, "images_per_second": RATE})),
    ):
        folder = tmp_path / "stages" / name
        folder.mkdir(parents=True)
        (folder / "artifact.json").write_text(said)
    run = SimpleNamespace(identity=SimpleNamespace(**identity))
    assert Rates(ArtifactStore(tmp_path))(run, None) == RATE  # type: ignore[arg-type]
