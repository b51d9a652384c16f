"""Training images a second of farbench's rows and of the plain loop, in turn, in one run.

    python results/reference/speed.py --data-root DIR [--rounds 3] [--images 720]

Each round trains every contender on the same number of images, input included; the ratios are
taken round by round, so a machine that slows down slows all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from plain_loop import CelebA
from torch.utils.data import DataLoader, Subset
from torchvision import transforms as T

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.data.batches import Batches
from farbench.data.mask_bits import StoredMasks
from farbench.data.pack import pack
from farbench.data.targets import make_targets
from farbench.plugins.manager import load_plugins
from farbench.running.plan import PlannedCell, Planner
from farbench.store.artifacts import ArtifactStore, default_cache
from farbench.training.device import Forward
from farbench.training.optimizer import make_optimizer

Round = Callable[[], float]


def plain(root: Path, images: int, *, channels_last: bool) -> Round:
    """Return a round of the plain loop: PIL, torchvision, DataLoader, one `.item()` a step."""
    transform = T.Compose(
        [
            T.Resize((128, 128)),
            T.RandomApply([T.RandomRotation(15, T.InterpolationMode.BILINEAR)], p=0.35),
            T.RandomCrop(112),
            T.RandomHorizontalFlip(0.35),
            T.ToTensor(),
            T.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    dataset = Subset(CelebA(root, 0, transform), range(images))
    loader = DataLoader(dataset, 36, shuffle=True, num_workers=2, drop_last=True)
    model = timm.create_model("tf_efficientnet_lite0", num_classes=40).train()
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)

    def run() -> float:
        started = time.perf_counter()
        for batch, labels in loader:
            if channels_last:
                batch = batch.contiguous(memory_format=torch.channels_last)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        return len(loader) * 36 / (time.perf_counter() - started)

    return run


def row(cell: PlannedCell, images: int) -> Round:
    """Return a round of farbench's joint stage; masks are random bits (their speed is the same)."""
    source, protocol, stage = cell.source, cell.row.protocol, cell.stages[-1]
    packed = pack(
        ArtifactStore(default_cache()),
        f"speed-{source.manifest}",
        len(source),
        source.read,
        protocol.resize,
    )
    masks = None
    if cell.masks is not None:
        side, groups = cell.masks.protocol.stored_size, cell.masks.group_names
        bits = np.random.default_rng(0).integers(
            0, 256, (len(source), len(groups) * side * side // 8), dtype=np.uint8
        )
        masks = StoredMasks(bits, groups, side)
    warped = round(protocol.crop * protocol.mask_warp)
    targets = make_targets(source, cell.tasks, packed, protocol.crop)
    batches = Batches(packed.pixels, targets, masks, protocol.crop, warped, 36)
    network = cell.compute.place(stage.build()).train()
    forward = Forward(network, cell.tasks, cell.compute, stage.masked)
    loss = stage.build_loss(network)
    optimizer = make_optimizer(list(network.parameters()), protocol, 3e-4, cell.compute)
    positions = source.positions("train")[: images // 36 * 36]

    def run() -> float:
        started, total = time.perf_counter(), torch.zeros(())
        for batch in batches.train(positions, protocol.augmentation, 0, "joint", 1):
            value, _, _ = loss(forward(batch), forward.targets(batch))
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            total += value.detach()
        float(total)
        return len(positions) / (time.perf_counter() - started)

    return run


def main() -> None:
    """Time the contenders and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=720)
    args = parser.parse_args()
    torch.set_num_threads(2)
    loaded = load_benchmark("ablation", protocol="mini", rows=["baseline", "aml", "g2ff_ca"])
    registry = load_plugins()
    planner = Planner(registry, ArtifactStore(default_cache()), Path("runs"), args.data_root, "cpu")
    plan = planner.plan(resolve_benchmark(loaded, registry))
    contenders: dict[str, Round] = {
        "plain loop": plain(args.data_root / "celeba", args.images, channels_last=False),
        "plain loop, channels last": plain(
            args.data_root / "celeba", args.images, channels_last=True
        ),
        **{f"farbench {cell.row.row.id}": row(cell, args.images) for cell in plan.cells},
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run()  # warm-up
    for _ in range(args.rounds):
        for name, run in contenders.items():
            rates[name].append(run())
    base = rates["plain loop"]
    for name, values in rates.items():
        ratio = statistics.median(v / b for v, b in zip(values, base, strict=True))
        print(f"{name:<28} {statistics.median(values):6.1f} images/s   {ratio:.2f} x plain")
    print(json.dumps({name: [round(v, 1) for v in values] for name, values in rates.items()}))


if __name__ == "__main__":
    main()
