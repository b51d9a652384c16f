"""The single-task loop that a researcher writes: age, gender, race, expression, 68 points.

One timm backbone with one linear layer, Adam, a PIL and torchvision loader. Images, labels and
splits are those of farbench's data sets, so that the numbers stand beside its tables; loading,
training and scoring share no code with it but the packaged Lite0 weights. Run it with::

    python results/reference/plain_tasks.py utkface age --data-root DIR

Points move with the image: they are trained without rotation and flip, on whole frames.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T

from farbench.benchmark.schema import Images
from farbench.data.source import Source, open_source
from farbench.plugins.manager import load_plugins
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks


class Faces(Dataset):
    """Images of one split that carry the task, and their labels."""

    def __init__(self, source: Source, task: Task, split: str, transform: T.Compose) -> None:
        self.source, self.transform = source, transform
        self.rows = list(source.index.frame.itertuples())
        self.positions = source.positions(split, (task,))
        self.labels = source.labels(task)[self.positions]
        self.points = isinstance(task, Landmarks)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        row = self.rows[self.positions[i]]
        image = Image.fromarray(self.source.dataset.read(self.source.root, row))
        size = torch.tensor(image.size, dtype=torch.float32)
        label = torch.as_tensor(self.labels[i])
        if self.points:
            label = (label + 0.5) / size
        return self.transform(image), label, size


def main() -> None:
    """Train, test, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("task")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--batch", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    dataset = load_plugins().datasets[args.dataset].value()
    task = next(task for task in dataset.tasks() if task.name == args.task)
    source = open_source(dataset, args.data_root, Images())
    points = isinstance(task, Landmarks)
    backbone = timm.create_model(args.backbone, num_classes=0)
    if args.backbone == "tf_efficientnet_lite0":
        from farbench.nn.pretrained import load_pretrained

        load_pretrained(backbone, args.backbone)
    # A linear layer of PyTorch's own: timm's classifier starts 30 times as large, and a regression
    # with it is lost in a short training (UTKFace age: 60 years off after two epochs).
    model = torch.nn.Sequential(backbone, torch.nn.Linear(backbone.num_features, task.outputs))
    norm = T.Normalize(backbone.pretrained_cfg["mean"], backbone.pretrained_cfg["std"])
    moved = [
        T.Resize((128, 128)),
        T.RandomApply([T.RandomRotation(15, T.InterpolationMode.BILINEAR)], p=0.35),
        T.RandomCrop(112),
        T.RandomHorizontalFlip(0.35),
    ]
    still = [T.Resize((112, 112))] if points else [T.Resize((128, 128)), T.CenterCrop(112)]
    train_set = Faces(source, task, "train", T.Compose([*(still if points else moved),
                                                        T.ToTensor(), norm]))  # fmt: skip
    test_set = Faces(source, task, "test", T.Compose([*still, T.ToTensor(), norm]))
    labels = torch.as_tensor(train_set.labels.astype(np.float32))
    mean, std = float(labels.mean()), float(labels.std())
    if points:
        shape = torch.stack([train_set[i][1] for i in range(len(train_set))]).mean(0)
        with torch.no_grad():
            model[1].bias.copy_(shape.flatten())
            model[1].weight.mul_(0.1)

    def loss_of(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if task.kind == "classes":
            return F.cross_entropy(outputs, target.long())
        if points:
            return F.l1_loss(outputs, target.flatten(1))
        return F.l1_loss(outputs[:, 0], (target - mean) / std)

    loader = DataLoader(
        train_set, args.batch, shuffle=True, num_workers=args.workers, drop_last=True
    )
    test_loader = DataLoader(test_set, 100, num_workers=args.workers)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    started = time.perf_counter()
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for images, target, _ in loader:
            loss = loss_of(model(images), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}", flush=True)
    rate = args.epochs * len(loader) * args.batch / (time.perf_counter() - started)
    model.eval()
    with torch.inference_mode():
        parts = [(model(images), target, size) for images, target, size in test_loader]
    outputs, target, size = (torch.cat(part) for part in zip(*parts, strict=True))
    scores: dict[str, float] = {}
    if task.kind == "classes":
        scores["accuracy"] = float((outputs.argmax(1) == target).float().mean())
    elif points:
        offset = (outputs.view(len(outputs), -1, 2) - target) * size[:, None]
        left, right = ((target[:, list(eye)].mean(1) * size) for eye in task.eyes)
        distance = (left - right).norm(dim=-1)
        scores["nme"] = float((offset.norm(dim=-1).mean(1) / distance).mean())
    else:
        scores["mae"] = float((outputs[:, 0] * std + mean - target).abs().mean())
    settings = {k: str(v) for k, v in vars(args).items() if k != "data_root"}
    print(json.dumps({**scores, "images": len(test_set), "images_per_second": rate, **settings}))


if __name__ == "__main__":
    main()
