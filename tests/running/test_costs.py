"""What a cell costs: counted right, measured, recorded, and no part of what the cell is."""

from __future__ import annotations

import json
import math

import pytest
import timm
import torch
from tiny_parts import COLOUR_TASK, CPU, TinyNet, colour_batches
from torch import nn

from farbench.benchmark.schema import MaskProtocol
from farbench.running.costs import (
    MOST,
    WARM_UP,
    _mask_network_costs,
    count_flops,
    image_costs,
    image_flops,
    median_latency,
    peak_memory_mb,
)
from farbench.training.device import Compute, Forward


def test_resnet50_has_the_operations_that_papers_print() -> None:
    with torch.device("meta"):
        network = timm.create_model("resnet50").eval()
        images = torch.zeros(1, 3, 224, 224)
    with torch.inference_mode():
        flops = count_flops(lambda: network(images))
    assert flops / 2 / 1e9 == pytest.approx(4.09, abs=0.005)


def test_fused_attention_is_counted_too() -> None:
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    tokens = torch.zeros(1, 5, 8)
    with torch.inference_mode():
        flops = count_flops(lambda: attention(tokens, tokens, tokens, need_weights=False))
    projections, products = 4 * 5 * 8 * 8, 2 * 5 * 5 * 8
    assert flops == 2 * (projections + products)
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_switch_is_put_back_where_the_network_fails() -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        count_flops(fail)
    assert torch.backends.mha.get_fastpath_enabled()


def test_latency_is_a_median_over_a_bounded_number_of_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = {"now": 0.0}
    calls = []

    def step() -> None:
        calls.append(None)
        clock["now"] += 0.001 if len(calls) % 5 else 0.1

    monkeypatch.setattr("farbench.running.costs.time.perf_counter", lambda: clock["now"])
    monkeypatch.setattr("farbench.running.costs.SECONDS", math.inf)
    assert median_latency(step, CPU) == pytest.approx(1)
    assert len(calls) == WARM_UP + MOST
    calls.clear()
    monkeypatch.setattr("farbench.running.costs.SECONDS", 0)
    median_latency(step, CPU)
    assert len(calls) == WARM_UP + 3


def test_an_image_costs_what_its_network_computes() -> None:
    forward = Forward(TinyNet(8).eval(), (COLOUR_TASK,), CPU, masked=False)
    batches = colour_batches(4, 2)
    (image,) = batches.evaluate(torch.arange(1).numpy())
    costs = image_costs(forward, image, None)
    side = (16 - 3) // 2 + 1
    assert image_flops(forward, image) == 2 * (3 * 3 * 3 * 8 * side * side + 8 * 8 + 8 * 4)
    assert set(costs) == {"latency_ms"}
    assert costs["latency_ms"]
    assert costs["latency_ms"] > 0


class QueryNet(nn.Module):
    """A learned token, handed to a module as a view of the parameter, attends to the image."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(1, 1, 8))
        self.tokens = nn.Conv2d(3, 8, 4, stride=4)
        self.head = nn.Linear(8, 4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        tokens = self.tokens(images).flatten(2).transpose(1, 2)
        query = self.query.expand(len(images), -1, -1)
        attended, _ = self.attention(query, tokens, tokens, need_weights=False)
        return {"colours": self.head(attended[:, 0])}


def test_operations_of_a_learned_token_are_counted() -> None:
    network = QueryNet().eval()
    forward = Forward(network, (COLOUR_TASK,), CPU, masked=False)
    (image,) = colour_batches(4, 2).evaluate(torch.arange(1).numpy())
    tokens = 16
    projections, products = (2 + 2 * tokens) * 8 * 8, 2 * tokens * 8
    layers = tokens * 3 * 4 * 4 * 8 + 8 * 4
    assert image_flops(forward, image) == 2 * (layers + projections + products)


def test_the_mask_network_costs_four_times_as_much_at_twice_the_side() -> None:
    small, large = (
        _mask_network_costs(8, MaskProtocol(encoder="tu-resnet10t", size=size), CPU)
        for size in (32, 64)
    )
    assert large["masks_flops"] == 4 * (small["masks_flops"] or 0)
    assert large["masks_parameters"] == small["masks_parameters"]
    assert small["masks_latency_ms"]


def test_a_processor_tells_no_peak_memory() -> None:
    assert peak_memory_mb(CPU) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_peak_memory_of_a_gpu() -> None:
    from farbench.running.costs import forget_peak_memory

    compute = Compute(torch.device("cuda"), "float32", 1)
    forget_peak_memory(compute)
    before = peak_memory_mb(compute)
    assert before is not None
    held = torch.empty(25_000_000, device="cuda")
    del held
    assert peak_memory_mb(compute) == pytest.approx(before + 100, abs=3)
    forget_peak_memory(compute)
    assert peak_memory_mb(compute) == pytest.approx(before, abs=3)


def test_a_run_records_costs_and_its_identity_knows_nothing_of_them(tiny) -> None:
    tiny.run()
    for row, cells in (("coarse", 2), ("fine", 4)):
        record = json.loads((tiny.cells()[row] / "cell.json").read_text())
        costs = record["costs"]
        assert costs["flops"] == 2 * 3 * cells * cells * 4
        assert costs["train_images_per_second"] == record["stages"][-1]["images_per_second"]
        assert costs["inference_images_per_second"] > 0
        assert costs["latency_ms"] > 0
        assert costs["peak_memory_mb"] is None
        assert "masks_flops" not in costs
        modules = record["identity"]["code"]["modules"]
        assert "farbench.training.stage" in modules
        assert [name for name in modules if name.startswith("farbench.running")] == []
    table = tiny.cli("table", tiny.results, "--metrics", "accuracy,flops,latency")
    assert "FLOPs (G) ↓" in table.out
    assert "a multiply-add counts as two" in table.out


def test_a_network_that_takes_no_single_image_costs_no_cell(tiny) -> None:
    method = (tiny.folder / "tiny_method.py").read_text()
    line = "                self.steps += self.training\n"
    assert line in method
    check = "                if len(images) == 1:\n                    raise ValueError('alone')\n"
    tiny.write({"tiny_method.py": method.replace(line, check + line)})
    outcome = tiny.run()
    assert "warning: costs of one image are not known: ValueError: alone" in outcome.err
    record = json.loads((tiny.cells()["fine"] / "cell.json").read_text())
    assert record["status"] == "finished"
    assert "flops" not in record["costs"]
    assert record["costs"]["inference_images_per_second"] > 0


def test_operations_that_cannot_be_counted_leave_the_latency(
    tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("no counter")

    monkeypatch.setattr("farbench.running.predictions.image_flops", fail)
    outcome = tiny.run()
    assert "warning: FLOPs of one image are not known: RuntimeError: no counter" in outcome.err
    costs = json.loads((tiny.cells()["fine"] / "cell.json").read_text())["costs"]
    assert costs["latency_ms"] > 0
    assert "flops" not in costs
