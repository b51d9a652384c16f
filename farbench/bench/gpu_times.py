"""Images a second, MFU and memory of a row at a batch size, or at the largest that fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from farbench.bench.profile import Profile, profile
from farbench.bench.workload import make_ready, plan_method
from farbench.plugins.manager import load_plugins
from farbench.training.memory import is_out_of_memory

STEP_PARTS = ("forward", "loss", "backward", "optimizer")


def step_rate(
    device: str,
    quick: bool,
    backbone: str,
    method: str,
    sizes: Sequence[int],
    sets: Sequence[str] = (),
) -> dict[str, Any]:
    """Profile a row; of several batch sizes keep the quickest.

    Args:
        device: Where.
        quick: A tiny backbone at 32 px, two steps.
        backbone: timm's name.
        method: The row's method.
        sizes: Batch sizes, from small to large; the first that does not fit is the last.
        sets: More of the protocol.

    Returns:
        ``state``, ``said``, ``profile``, and ``tried``: batch size to images a second.
    """
    if quick:
        backbone, sizes, sets = "resnet10t", (4, 8)[: len(sizes)], ()
    best: Profile | None = None
    tried: dict[int, float] = {}
    for size in sizes:
        steps = 2 if quick else max(4, 720 // size)
        try:
            one = _profile(device, quick, backbone, method, size, steps, sets)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            break
        tried[size] = one.images_per_second
        if best is None or one.images_per_second > best.images_per_second:
            best = one
    if best is None:
        return {"state": "failed", "said": f"a batch of {sizes[0]} does not fit"}
    step = sum(best.parts_ms[name] for name in STEP_PARTS)
    alone = 1000 * best.batch_size / step
    memory = "" if best.memory.peak is None else f", {best.memory.peak / 1000:.1f} GB"
    fits = f", fits {max(tried)}" if len(sizes) > 1 else ""
    return {
        "state": "measured",
        "said": f"batch {best.batch_size}{fits}: {best.images_per_second:,.0f} images/s "
        f"(step alone {alone:,.0f}), MFU {100 * best.mfu:.1f} %{memory}",
        "profile": best.as_dict(),
        "tried": tried,
    }


def _profile(
    device: str,
    quick: bool,
    backbone: str,
    method: str,
    size: int,
    steps: int,
    sets: Sequence[str],
) -> Profile:
    own = [f"method.backbone={backbone}"] + (["protocol.threads=1"] if quick else [])
    cell = plan_method(
        method,
        load_plugins(()),
        image_size=32 if quick else 224,
        batch_size=size,
        steps=steps,
        sets=[*own, *sets],
        device=device,
    )
    return profile(make_ready(cell), rounds=1 if quick else 3)
