"""Input alone: the loader that is usually written, against packed images and one warp a sample."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from farbench.bench.jpegs import jpeg_files
from farbench.bench.side_by_side import Ratio, ratio, time_in_turn
from farbench.benchmark.schema import Augmentation
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages, pack
from farbench.data.targets import Targets
from farbench.plugins.dataset import Dataset as FaceDataset
from farbench.store.artifacts import ArtifactStore
from farbench.tasks.attributes import BinaryAttributes
from farbench.training.device import IMAGENET_MEAN, IMAGENET_STD, Compute, Forward

ATTRIBUTES = 40
PACKED = 128
CROP = 112
AUGMENTATION = Augmentation(crop="random", flip=0.35, rotation=15.0, rotation_probability=0.35)


def measure(
    images: int = 720,
    batch_size: int = 36,
    rounds: int = 5,
    data_root: Path | None = None,
) -> dict[str, Ratio]:
    """Make an epoch of normalised float32 batches ``(N, 3, 112, 112)`` with 40 labels, both ways.

    The usual way: a DataLoader, PIL, torchvision's resize to 128, rotation (35%), random crop, flip
    (35%), ToTensor and Normalize. It runs in this process, without workers, which is where it
    takes the least processor time. farbench: its own batches, the same decisions composed into one
    warp. All run on one thread, and ratios are of processor time: images a second and core.

    Args:
        images: An epoch.
        batch_size: Images a batch.
        rounds: Epochs of each that count, in turn.
        data_root: Take images of CelebA from there; None draws faces and writes them as JPEG.

    Returns:
        The usual way's processor time divided by farbench's: ``first_epoch``, which decodes and
        packs all images from nothing, ``later_epochs``, and ``ten_epochs``: one first and nine
        later ones.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="farbench-") as name:
            folder = Path(name)
            files = jpeg_files(images, folder / "faces", data_root)
            usual = usual_loader(files, batch_size, PACKED, CROP)
            later = FarbenchInput(_packed(files, folder / "later"), batch_size)

            def first() -> None:
                shutil.rmtree(folder / "first", ignore_errors=True)
                run_through(FarbenchInput(_packed(files, folder / "first"), batch_size))

            timed = time_in_turn(
                {
                    "usual": lambda: run_through(usual),
                    "first": first,
                    "later": lambda: run_through(later),
                },
                rounds,
            )
    finally:
        torch.set_num_threads(threads)
    usual_cpu, first_cpu, later_cpu = (timed[name].cpu for name in ("usual", "first", "later"))
    both = zip(first_cpu, later_cpu, strict=True)
    return {
        "first_epoch": ratio(usual_cpu, first_cpu),
        "later_epochs": ratio(usual_cpu, later_cpu),
        "ten_epochs": ratio(
            tuple(10 * one for one in usual_cpu), tuple(a + 9 * b for a, b in both)
        ),
    }


def run_through(batches: Iterable[Any]) -> None:
    """Take every batch and do nothing with it."""
    for _ in batches:
        pass


class JpegFaces(Dataset[tuple[Tensor, Tensor]]):
    """JPEG files, opened with PIL each time, with labels that nobody looks at."""

    def __init__(self, files: list[Path], transform: Any) -> None:
        """Bind the files and what makes a tensor of an image."""
        self.files, self.transform = files, transform
        self.labels = (torch.rand(len(files), ATTRIBUTES) < 0.5).float()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        """Return image and labels."""
        return self.transform(Image.open(self.files[i]).convert("RGB")), self.labels[i]


def usual_loader(
    files: list[Path], batch_size: int, packed: int, crop: int, workers: int = 0
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return the loader that is usually written.

    Args:
        files: Images.
        batch_size: Images a batch; a last one that is smaller is left out.
        packed: Side that images are resized to.
        crop: Side of the output.
        workers: Processes of the loader.
    """
    turn = transforms.RandomRotation(AUGMENTATION.rotation, transforms.InterpolationMode.BILINEAR)
    transform = transforms.Compose(
        [
            transforms.Resize((packed, packed)),
            transforms.RandomApply([turn], p=AUGMENTATION.rotation_probability),
            transforms.RandomCrop(crop),
            transforms.RandomHorizontalFlip(AUGMENTATION.flip),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    return DataLoader(
        JpegFaces(files, transform), batch_size, shuffle=True, num_workers=workers, drop_last=True
    )


class FarbenchInput:
    """Epochs of farbench's batches, normalised as its networks are fed."""

    def __init__(self, packed: PackedImages, batch_size: int) -> None:
        """Bind packed images."""
        count = len(packed.pixels)
        task = BinaryAttributes("attributes", tuple(f"a{i}" for i in range(ATTRIBUTES)))
        labels = np.random.default_rng(0).integers(0, 2, (count, ATTRIBUTES)).astype(np.int8)
        targets = Targets((task,), {}, {task.name: labels})
        self.batches = Batches(packed.pixels, targets, None, CROP, 0, batch_size)
        self.positions = np.arange(count - count % batch_size)  # as with the usual `drop_last`
        self.forward = Forward(
            nn.Identity(), (), Compute(torch.device("cpu"), "float32", 1), masked=False
        )
        self.epoch = 0

    def __iter__(self) -> Any:
        """Make another epoch."""
        self.epoch += 1
        made = self.batches.train(self.positions, AUGMENTATION, 0, "bench", self.epoch)
        return ((self.forward.images(batch), self.forward.targets(batch)) for batch in made)


def _packed(files: list[Path], cache: Path) -> PackedImages:
    """Pack files in this process alone, so that its processor time is all there is."""
    faces, root = FaceDataset(), files[0].parent  # reads as data sets of files do
    rows = [SimpleNamespace(image=file.name) for file in files]
    return pack(
        ArtifactStore(cache),
        "faces",
        len(files),
        lambda i: faces.read(root, rows[i]),
        PACKED,
        workers=1,
    )
