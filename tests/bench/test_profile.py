"""`farbench profile`: the parts of a step, what it computes and holds, and wrong questions."""

from __future__ import annotations

import json

import pytest
import torch

from farbench.bench import peak
from farbench.bench import profile as measuring
from farbench.bench.peak import known_peak, peak_of
from farbench.bench.profile import PARTS, profile
from farbench.bench.workload import make_ready, plan_method
from farbench.plugins.manager import load_plugins
from farbench.running.costs import count_flops
from farbench.training.device import Compute

TINY = ("--image-size", "32", "--batch", "4", "--steps", "1", "--rounds", "1", "--device", "cpu")
SMALL = ("--backbone", "resnet10t", "--set", "protocol.threads=1")


@pytest.fixture(autouse=True)
def small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure a processor's peak by little, which tells as much to these tests."""
    monkeypatch.setattr(peak, "SIDES", (128,))
    monkeypatch.setattr(peak, "CONVOLUTIONS", ((2, 32, 14, 3),))


def test_a_profile_has_every_part_and_fits_itself(farbench_cli):
    done = farbench_cli("profile", "g2ff_ca", *TINY, *SMALL, "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert tuple(found["parts_ms"]) == PARTS
    assert all(taken > 0 for name, taken in found["parts_ms"].items() if name != "masks")
    assert found["parts_sum_ms"] == pytest.approx(sum(found["parts_ms"].values()))
    assert found["images_per_second"] == pytest.approx(4 / found["step_ms"] * 1000)
    rate = found["flops_per_image"] * found["images_per_second"]
    assert found["mfu"] == pytest.approx(rate / found["peak"]["flops"])
    memory = found["memory"]
    assert memory["gradients"] <= memory["parameters"]
    assert memory["optimizer"] == pytest.approx(2 * memory["gradients"], rel=0.01)
    assert memory["activations"] > 0
    assert memory["peak"] is None


def test_it_is_printed_in_lines_of_100_columns(farbench_cli):
    done = farbench_cli("profile", "baseline", *TINY, *SMALL)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("baseline (backbone resnet10t")
    assert [line.split()[0] for line in lines if " %" in line][:6] == list(PARTS)
    assert max(map(len, lines[:14])) <= 100


def test_no_image_is_read_and_masks_are_there(monkeypatch):
    registry = load_plugins(())
    dataset = registry.datasets["synthetic_faces"].value
    monkeypatch.setattr(dataset, "read", lambda *_: pytest.fail("an image was read"))
    sets = ["method.backbone=resnet10t", "protocol.threads=1"]
    cell = plan_method("g2ff_ca", registry, image_size=32, batch_size=4, steps=2, sets=sets)
    work = make_ready(cell)
    batches = list(work.batches())
    assert len(batches) == work.steps == 2
    assert batches[0].masks is not None
    assert batches[0].masks.shape[:2] == (4, 8)
    assert next(work.batches(masks=False)).masks is None


def test_images_that_are_warped_on_the_device_are_profiled_too(farbench_cli):
    words = (*TINY, *SMALL, "--set", "protocol.warp=device", "--format", "json")
    done = farbench_cli("profile", "g2ff_ca", *words)
    assert done.code == 0, done.err
    assert json.loads(done.out)["parts_ms"]["input"] > 0


def test_operations_are_those_of_forward_and_backward():
    sets = ["method.backbone=resnet10t", "protocol.threads=1"]
    registry = load_plugins(())
    cell = plan_method("linear_head", registry, image_size=32, batch_size=4, steps=1, sets=sets)
    work = make_ready(cell)
    batch = next(work.batches())
    forward = count_flops(lambda: work.forward(batch)) / 4
    assert 2.5 * forward < profile(work, 1).flops_per_image < 3.01 * forward


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.4e12),
        ("NVIDIA H100 PCIe", "bfloat16", 756e12),
        ("NVIDIA A100-SXM4-80GB", "float32", 156e12),
        ("NVIDIA A10", "bfloat16", 125e12),
        ("Some other GPU", "bfloat16", None),
    ],
)
def test_makers_figures_are_found_by_name(name, precision, peak):
    assert known_peak(name, precision) == peak


def test_a_processor_is_measured():
    found = peak_of(Compute(torch.device("cpu"), "float32", 1))
    assert found.flops > 1e8
    assert found.source == "measured: products and convolutions, 1 threads"


def test_the_peak_is_the_best_of_products_and_convolutions(monkeypatch):
    rates = iter((3e9, 5e9))
    monkeypatch.setattr(peak, "_rate", lambda *_: next(rates))
    assert peak_of(Compute(torch.device("cpu"), "float32", 1)).flops == 5e9
    assert next(rates, None) is None


def test_a_peak_that_is_measured_too_low_gives_no_share_above_one(farbench_cli, monkeypatch):
    peaks = iter((peak.Peak(2e3, "early"), peak.Peak(1e3, "late")))
    monkeypatch.setattr(measuring, "peak_of", lambda _: next(peaks))
    done = farbench_cli("profile", "baseline", *TINY, *SMALL)
    told = " ".join(done.out.split())
    assert "MFU at least 100 %: the peak was measured too low, at 0.00 TFLOP/s (early)" in told


def test_it_says_before_what_it_measures_and_what_is_quicker(farbench_cli):
    done = farbench_cli("profile", "mcnn_aux", *TINY, "--set", "protocol.threads=1")
    told = done.err.splitlines()[0]
    assert told.startswith("mcnn_aux, a network of its own, 32 px, batch 4, on cpu.")
    assert "--protocol quick" in told
    again = farbench_cli("profile", "baseline", *TINY, *SMALL)
    assert again.err.splitlines()[0] == "baseline, resnet10t, 32 px, batch 4, on cpu."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("baselin",), "unknown method 'baselin'. Did you mean 'baseline'?"),
        (("baseline", "--format", "yaml"), "--format"),
        (("baseline", "--set", "method.backbon=resnet18"), "backbon"),
        (("mcnn_aux", "--backbone", "resnet18"), "has no option 'backbone'"),
    ],
)
def test_mistakes_are_told(farbench_cli, words, message):
    done = farbench_cli("profile", *words)
    assert done.code == 2
    assert message in done.err
