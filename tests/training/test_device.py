"""Choosing a device, and running a network on batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tiny_parts import COLOUR_TASK, CPU, TinyNet, colour_batches
from torch import Tensor, nn

from farbench.errors import UserError
from farbench.training.device import Compute, Forward, choose_compute
from farbench.training.predict import predict


class Keep(nn.Module):
    """Remembers what it was called with."""

    def __init__(self, output: object = None) -> None:
        super().__init__()
        self.output = output
        self.seen: tuple[Tensor, ...] = ()

    def forward(self, *inputs: Tensor) -> object:
        self.seen = inputs
        if self.output is not None:
            return self.output
        return {"colours": nn.functional.pad(inputs[0].mean((2, 3)), (0, 1))}  # (N, 4)


def make_forward(network: nn.Module, compute: Compute, masked: bool) -> Forward:
    return Forward(network, (COLOUR_TASK,), compute, masked)


BATCH = next(iter(colour_batches(6, 6).evaluate(np.arange(6))))


def test_images_are_normalised_for_the_backbone() -> None:
    network = Keep()
    network.pixel_mean, network.pixel_std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)
    make_forward(network, CPU, False)(BATCH)
    expected = BATCH.images.permute(0, 3, 1, 2) / 255
    expected = (expected - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor(
        [0.1, 0.2, 0.3]
    ).view(3, 1, 1)
    (images,) = network.seen
    torch.testing.assert_close(images, expected, atol=1e-5, rtol=1e-5)
    assert images.is_contiguous(memory_format=torch.channels_last)
    make_forward(plain := Keep(), CPU, False)(BATCH)
    red = BATCH.images[..., 0] / 255
    torch.testing.assert_close(plain.seen[0][:, 0], (red - 0.485) / 0.229, atol=1e-5, rtol=1e-5)


def test_masks_are_given_where_they_are_asked_for() -> None:
    masks = torch.randint(0, 2, (6, 5, 4, 4), dtype=torch.uint8)
    batch = dataclasses.replace(BATCH, masks=masks)
    make_forward(network := Keep(), CPU, True)(batch)
    assert network.seen[1].dtype == torch.float32
    assert torch.equal(network.seen[1], masks.float())
    make_forward(network, CPU, False)(batch)
    assert len(network.seen) == 1
    with pytest.raises(ValueError, match="no masks"):
        make_forward(network, CPU, True)(BATCH)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (torch.zeros(6, 4), "dict with the entry 'colours', not Tensor"),
        ({"other": torch.zeros(6, 4)}, r"not \['other'\]"),
        ({"colours": torch.zeros(6)}, r"shape \(6, 4\) .*, not \(6,\)"),
        ({"colours": torch.zeros(5, 4)}, r"not \(5, 4\)"),
    ],
)
def test_a_network_that_breaks_the_contract_is_told(output: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make_forward(Keep(output), CPU, False)(BATCH)


def test_bfloat16_gives_float32_logits() -> None:
    compute = Compute(torch.device("cpu"), "bfloat16", 1)
    network = TinyNet(8).eval()
    inner: list[torch.dtype] = []
    network.trunk[0].register_forward_hook(lambda m, a, out: inner.append(out.dtype))
    logits = make_forward(network, compute, False)(BATCH)["colours"]
    exact = make_forward(network, CPU, False)(BATCH)["colours"]
    assert inner == [torch.bfloat16, torch.float32]
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, exact, atol=0.05, rtol=0.05)
    assert compute.numerics() == {"device": "cpu", "precision": "bfloat16", "threads": 1}


def test_predictions_do_not_depend_on_the_batch_size_and_leave_no_graph() -> None:
    torch.manual_seed(0)
    network = CPU.place(TinyNet(8)).train()
    forward, batches = make_forward(network, CPU, False), colour_batches(130, 8)
    positions = np.arange(130)
    logits = predict(forward, batches, positions)["colours"]
    assert logits.shape == (130, 4)
    assert logits.dtype == np.float32
    assert not network.training
    assert network.trunk[1].num_batches_tracked == 0
    assert not any(p.grad is not None for p in network.parameters())
    for size in (50, 64, 1):
        with torch.inference_mode():
            parts = [
                forward(batch)["colours"] for batch in batches.evaluate(positions, batch_size=size)
            ]
        assert torch.cat(parts).numpy() == pytest.approx(logits, abs=1e-6)
    turned = predict(forward, batches, positions[::-1].copy())["colours"]
    assert np.array_equal(turned, logits[::-1])
    # Training goes on after it.
    network.train()
    forward(BATCH)["colours"].sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_choosing_a_device() -> None:
    assert choose_compute("cpu", "auto", 2) == Compute(torch.device("cpu"), "float32", 2)
    assert choose_compute("cpu", "bfloat16", 1).precision == "bfloat16"
    with pytest.raises(UserError, match=r"unknown device 'gpu'\. Allowed: auto, cpu, cuda"):
        choose_compute("gpu", "auto", 1)
    with pytest.raises(UserError, match="'meta' is not supported"):
        choose_compute("meta", "auto", 1)
    count = torch.cuda.device_count()
    with pytest.raises(UserError, match=rf"{count} CUDA devices.*--device cpu"):
        choose_compute(f"cuda:{count}", "auto", 1)
    if not torch.cuda.is_available():
        assert choose_compute("auto", "auto", 1).device.type == "cpu"


def test_networks_are_placed_channels_last() -> None:
    weight = CPU.place(TinyNet(8)).trunk[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
