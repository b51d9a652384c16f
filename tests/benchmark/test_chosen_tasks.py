"""What a benchmark predicts: chosen tasks, tasks trained alone, losses and metrics that fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import ResolvedBenchmark, resolve_benchmark
from farbench.errors import UserError
from farbench.plugins.manager import load_plugins

PLUGIN = '''
from typing import ClassVar

from farbench import BinaryAttributes, Classes, Dataset, DatasetInfo, Loss, Method, Scalar
from farbench import TaskWeighting


class Toy(Method):
    """Any tasks."""

    name: ClassVar[str] = "toy"
    width: int = 3


class Attributes(Method):
    """Attributes alone."""

    name: ClassVar[str] = "only_attributes"
    task_kinds: ClassVar[tuple[str, ...]] = ("attributes",)


class Faces(Dataset):
    """Three tasks."""

    name: ClassVar[str] = "toy_faces"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="Toy faces", citation="nobody", licence="none")
    needs_root: ClassVar[bool] = False

    def tasks(self):
        return (
            BinaryAttributes("attributes", ("Bald", "Smiling")),
            Scalar("age", "years", 0, 100),
            Classes("race", ("A", "B")),
        )


class Others(Faces):
    """Other names of the same."""

    name: ClassVar[str] = "toy_others"
    default_tasks: ClassVar[tuple[str, ...]] = ("skin",)

    def tasks(self):
        return (Classes("skin", ("light", "dark")),)


class ToyLoss(Loss):
    """For attributes."""

    name: ClassVar[str] = "toy_loss"


class Distance(Loss):
    """For numbers."""

    name: ClassVar[str] = "distance"
    tasks: ClassVar[tuple[str, ...]] = ("scalar", "landmarks")
    power: float = 1.0


class Sum(TaskWeighting):
    """A weighting of its own."""

    name: ClassVar[str] = "plain_sum"
    factor: float = 1.0
'''
HEAD = "protocol: toy.yaml\ntasks: [age, race]\n"


@pytest.fixture
def resolve(temp_benchmark: Callable[..., Any]) -> Callable[..., ResolvedBenchmark]:
    def resolve(text: str, **given: Any) -> ResolvedBenchmark:
        bench = temp_benchmark(text, plugins={"toys.py": PLUGIN})
        registry = load_plugins(bench.plugins)
        if "bce" not in registry.losses:
            pytest.skip("farbench is not installed, so its own plugins are not found")
        return resolve_benchmark(load_benchmark(bench.file, **given), registry)

    return resolve


def tasks_of(benchmark: ResolvedBenchmark, row: int = 0, dataset: int = 0) -> list[str]:
    chosen = benchmark.tasks(benchmark.rows[row].row, benchmark.datasets[dataset])
    return [task.name for task in chosen]


def test_the_row_before_the_benchmark_before_the_data_set(resolve: Any) -> None:
    plain = "protocol: toy.yaml\nrows: {a: {method: toy}}\n"
    assert tasks_of(resolve(plain)) == ["attributes", "age", "race"]
    assert tasks_of(resolve(plain, dataset="toy_others")) == ["skin"]
    chosen = resolve(HEAD + "rows: {a: {method: toy}, b: {method: toy, tasks: [race]}}\n")
    assert tasks_of(chosen, 0) == ["age", "race"]
    assert tasks_of(chosen, 1) == ["race"]


def test_alternatives_serve_data_sets_that_label_different_things(resolve: Any) -> None:
    text = (
        "protocol: toy.yaml\ndatasets: [toy_faces, toy_others]\n"
        "tasks: [race|skin, age|none]\nrows: {a: {method: toy}}\n"
    )
    benchmark = resolve(text)
    assert tasks_of(benchmark, dataset=0) == ["race", "age"]
    assert tasks_of(benchmark, dataset=1) == ["skin"]


def test_joined_data_sets_are_one(resolve: Any) -> None:
    rows = "rows: {a: {method: toy}}\n"
    head = "protocol: toy.yaml\ndatasets: [toy_faces, toy_others]\njoin: true\n"
    benchmark = resolve(head + rows)
    assert [dataset.name for dataset in benchmark.datasets] == ["toy_faces+toy_others"]
    assert tasks_of(benchmark) == ["attributes", "age", "race", "skin"]
    (dataset,) = resolve(
        HEAD + "rows: {a: {method: toy}}\n", dataset="toy_faces+toy_others"
    ).datasets
    assert dataset.name == "toy_faces+toy_others"


def test_single_task_adds_a_twin(resolve: Any) -> None:
    rows = (
        "rows:\n  a: {method: toy, single_task: true}\n"
        "  b: {method: toy, grid: {width: [1, 2]}, single_task: true}\n"
    )
    benchmark = resolve(HEAD + rows)
    assert [row.row.id for row in benchmark.rows] == [
        "a", "a-single", "b-1", "b-1-single", "b-2", "b-2-single",
    ]  # fmt: skip
    assert [row.row.alone for row in benchmark.rows] == [False, True] * 3
    assert benchmark.rows[5].method.width == 2  # type: ignore[attr-defined]
    assert benchmark.rows[1].row.label == "a, each task alone"


def test_losses_by_task_and_by_kind(resolve: Any) -> None:
    text = (
        "protocol: {extends: toy.yaml, losses: {scalar: {name: distance, power: 2}}, "
        "weighting: {name: plain_sum, factor: 3}}\ntasks: [attributes, age, race]\n"
        "rows: {a: {method: toy}, b: {method: toy, protocol: {losses: {age: distance}}}}\n"
    )
    first, second = resolve(text).rows
    tasks = {task.name: task for task in resolve(text).datasets[0].tasks()}
    assert first.loss_of(tasks["attributes"]).name == "toy_loss"
    assert first.loss_of(tasks["age"]).power == 2  # type: ignore[attr-defined]
    assert first.loss_of(tasks["race"]).name == "cross_entropy"  # the usual one
    assert second.loss_of(tasks["age"]).power == 1  # type: ignore[attr-defined]
    assert first.weighting.factor == 3  # type: ignore[attr-defined]


def test_components_of_an_ablation_may_change_the_protocol(resolve: Any) -> None:
    text = HEAD + (
        "ablate:\n  method: toy\n  components:\n"
        "    W: {on: {protocol.weighting: plain_sum}, off: {protocol.epochs: 2}}\n"
    )
    none, with_it = resolve(text).rows
    assert (none.weighting.name, none.protocol.epochs) == ("equal", 2)
    assert with_it.weighting.name == "plain_sum"
    assert with_it.row.marks == ("W",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("age", "aeg") + "rows: {a: {method: toy}}\n",
         r"bench\.yaml:2: data set 'toy_faces' has no task 'aeg'\. Did you mean 'age'"),
        ("protocol: toy.yaml\ntasks: [skin|none]\nrows: {a: {method: toy}}\n",
         r"bench\.yaml:2: data set 'toy_faces' has none of the tasks skin\|none"),
        (HEAD + "rows: {a: {method: only_attributes}}\n",
         r"method 'only_attributes' predicts attributes, not age \(scalar\), race \(classes\)"),
        (HEAD + "rows: {a: {method: toy, protocol: {losses: {age: toy_loss}}}}\n",
         r"row 'a': loss 'toy_loss' is for attributes, and task 'age' is scalar"),
        (HEAD + "rows: {a: {method: toy, protocol: {losses: {age: distanc}}}}\n",
         r"unknown loss 'distanc'\. Did you mean 'distance'"),
        (HEAD + "rows: {a: {method: toy, protocol: {weighting: plain_sun}}}\n",
         r"unknown task weighting 'plain_sun'\. Did you mean 'plain_sum'"),
        (HEAD + "metrics: [age.accuracy]\nrows: {a: {method: toy}}\n",
         r"bench\.yaml:3: unknown metric of age 'accuracy'"),
        (HEAD + "metrics: [gender.accuracy]\nrows: {a: {method: toy}}\n",
         r"unknown task 'gender'"),
        (HEAD + "metrics: [mA]\nrows: {a: {method: toy}}\n", r"unknown metric 'mA'"),
        (HEAD + "join: true\nrows: {a: {method: toy}}\n", r"bench\.yaml:3: join: there is one"),
        (HEAD + "rows: {a: {method: toy, single_task: maybe}}\n",
         r"rows\.a\.single_task: expected true or false, got 'maybe'"),
    ],
)  # fmt: skip
def test_mistakes(resolve: Any, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        resolve(text)
