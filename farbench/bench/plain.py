"""Training end to end: the loop that is usually written, against farbench's baseline."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image

from farbench.bench.jpegs import jpeg_files
from farbench.bench.loader import ATTRIBUTES, usual_loader
from farbench.bench.side_by_side import Ratio, ratio, time_in_turn
from farbench.bench.workload import PACKED_TO_CROP, make_ready, plan_method
from farbench.data.pack import pack
from farbench.plugins.manager import load_plugins
from farbench.store.artifacts import ArtifactStore

WORKERS = 2
"""Of the plain loop's loader; farbench reads ahead in one thread."""


def measure(
    images: int = 360,
    batch_size: int = 36,
    side: int = 112,
    backbone: str = "tf_efficientnet_lite0",
    rounds: int = 3,
    data_root: Path | None = None,
    device: str = "cpu",
) -> dict[str, Ratio]:
    """Train epochs over the same JPEG files of 178 x 218 pixels.

    The plain loop: PIL, torchvision's transforms, a DataLoader with two workers, a timm backbone
    with 40 logits, Adam, one ``.item()`` a step. farbench: its row `baseline` on the same backbone
    (which has a hidden layer more). Its first epoch has the packing in it, from nothing.

    Args:
        images: An epoch.
        batch_size: Images a step.
        side: Of the crop.
        backbone: timm's name.
        rounds: Epochs of each that count, in turn.
        data_root: Take images of CelebA from there; None draws faces.
        device: Where.

    Returns:
        ``first_epoch`` and ``later_epochs``: the plain loop's seconds divided by farbench's, so how
        many times as fast farbench is.
    """
    packed_side = round(side * PACKED_TO_CROP)
    registry = load_plugins(())
    cell = plan_method(
        "baseline",
        registry,
        image_size=side,
        batch_size=batch_size,
        steps=images // batch_size,
        sets=[f"method.backbone={backbone}"],
        device=device,
    )
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:
        folder = Path(name)
        files = jpeg_files(len(cell.source), folder / "faces", data_root)

        def packed() -> NDArray[np.uint8]:
            store = ArtifactStore(folder / "cache")
            return pack(store, "plain", len(files), lambda i: _pixels(files[i]), packed_side).pixels

        work = make_ready(cell, packed())

        def first_epoch() -> None:
            shutil.rmtree(folder / "cache")
            packed()
            work.epoch()

        plain = _plain_loop(files[:images], batch_size, side, backbone, device)
        timed = time_in_turn({"plain": plain, "first": first_epoch, "later": work.epoch}, rounds)
    return {
        "first_epoch": ratio(timed["plain"].wall, timed["first"].wall),
        "later_epochs": ratio(timed["plain"].wall, timed["later"].wall),
    }


def _plain_loop(
    files: list[Path], batch_size: int, side: int, backbone: str, device: str
) -> Callable[[], object]:
    """Return an epoch of the plain loop."""
    loader = usual_loader(files, batch_size, round(side * PACKED_TO_CROP), side, WORKERS)
    network = timm.create_model(backbone, num_classes=ATTRIBUTES).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-4)
    criterion = torch.nn.functional.binary_cross_entropy_with_logits

    def epoch() -> float:
        total = 0.0
        for images, labels in loader:
            loss = criterion(network(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()
        return total

    return epoch


def _pixels(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))
