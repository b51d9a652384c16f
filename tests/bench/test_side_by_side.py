"""Ratios of contenders that are timed in turn."""

from __future__ import annotations

import time

import torch

from farbench.bench.overhead import bare_loop, drawn_batch, farbench_loop, measure, stage_of
from farbench.bench.side_by_side import ratio, time_in_turn
from farbench.training.device import Compute


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    called: list[str] = []
    timed = time_in_turn({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 2)
    assert called == ["a", "b", "b", "a", "a", "b"]
    assert len(timed["a"].wall) == len(timed["b"].cpu) == 2


def test_a_ratio_is_taken_round_by_round() -> None:
    found = ratio((2.0, 9.0, 4.0), (1.0, 3.0, 4.0))
    assert (found.median, found.low, found.high, found.rounds) == (2.0, 1.0, 3.0, 3)
    assert str(found) == "2.000 (1.000 to 3.000, 3 rounds)"


def test_sleep_takes_time_and_no_processor() -> None:
    timed = time_in_turn({"sleep": lambda: time.sleep(0.05)}, 1)["sleep"]
    assert timed.wall[0] >= 0.05
    assert timed.cpu[0] < 0.04


def test_both_loops_train_the_same_network_to_the_same_weights() -> None:
    run, compute = stage_of("resnet10t", 32), Compute(torch.device("cpu"), "float32", 1)
    batches = [drawn_batch(8, 32, number) for number in range(3)]
    one, two = (compute.place(run.build()) for _ in range(2))
    farbench_loop(run, one, batches, compute)()
    bare_loop(two, batches, compute)()
    for (name, left), right in zip(one.named_parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5, msg=name)


def test_the_measure_says_wall_and_processor_time() -> None:
    found = measure(side=32, batch_size=4, steps=2, rounds=1)
    assert set(found) == {"wall", "cpu"}
    assert all(0.1 < one.median < 10 for one in found.values())
