"""The order in which items are given out."""

from __future__ import annotations

import pytest

from farbench.executors.contract import Executor, Outcome, WorkItem
from farbench.executors.dispatch import dispatch
from farbench.executors.memory import CONTEXT, GpuMemory, choose_gpu


class Recorder(Executor):
    """Keeps the order; the item that was submitted last ends first."""

    at_once = 2

    def __init__(self):
        self.order, self.working = [], []

    def start(self, job, hear):
        pass

    def has_room(self):
        return len(self.working) < self.at_once

    def submit(self, item):
        self.order.append(item.key)
        self.working.append(item)

    def wait(self):
        self.order.append("|")
        return Outcome(self.working.pop(), "failed")

    def stop(self):
        pass


def item(key, *after):
    return WorkItem(key, key, None, frozenset(after))


def order(*items):
    executor = Recorder()
    ended = [outcome.item.key for outcome in dispatch(executor, items)]
    assert sorted(ended) == sorted(one.key for one in items)
    return " ".join(executor.order)


def test_an_item_waits_for_those_before_it_and_others_pass():
    assert order(item("stage"), item("a", "stage"), item("b"), item("c", "stage")) == (
        "stage b | | a c | |"
    )


def test_what_is_not_in_the_list_is_taken_to_be_there():
    assert order(item("a", "made long ago"), item("b")) == "a b | |"


def test_items_that_wait_for_one_another_are_a_defect():
    with pytest.raises(ValueError, match="wait for one another: a, b"):
        order(item("a", "b"), item("b", "a"))


def test_a_gpu_is_shared_when_all_its_items_are_measured_and_the_largest_fits():
    busy = GpuMemory({"a": 5_000_000_000}, free=2_000_000_000)
    unknown = GpuMemory({"b": None}, free=50_000_000_000)
    assert choose_gpu([busy, unknown]) is None
    assert choose_gpu([busy, unknown, GpuMemory()]) == 2
    unknown.measured("b", 1_000_000_000, 40_000_000_000)
    assert choose_gpu([busy, unknown]) == 1
    busy.end("a")
    assert busy.free == 7_000_000_000
    assert choose_gpu([busy, unknown]) == 0


def test_the_largest_item_on_any_gpu_is_what_must_fit():
    large, small = GpuMemory({"a": 5_000_000_000}), GpuMemory({"b": 1_000_000_000})
    small.free = 5_000_000_000
    assert choose_gpu([large, small]) is None
    small.free = 5_500_000_000 + CONTEXT
    assert choose_gpu([large, small]) == 1
