"""The loop that a researcher writes without farbench: what `baseline` must not fall behind.

One timm backbone with 40 logits, BCE, Adam, a PIL and torchvision loader. It reads the official
CelebA files by itself and shares no code with farbench but the packaged Lite0 weights, so that its
numbers are an independent check. Run it with::

    python results/reference/plain_loop.py --data-root DIR
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
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T


class CelebA(Dataset):
    """Aligned CelebA: images below ``img_align_celeba/``, 40 attributes, the official split."""

    def __init__(self, root: Path, split: int, transform: T.Compose) -> None:
        partition = dict(
            line.split() for line in (root / "list_eval_partition.txt").read_text().splitlines()
        )
        lines = (root / "list_attr_celeba.txt").read_text().splitlines()[2:]
        rows = [line.split() for line in lines]
        rows = [row for row in rows if partition[row[0]] == str(split)]
        self.names = [row[0] for row in rows]
        self.labels = torch.tensor([[value == "1" for value in row[1:]] for row in rows]).float()
        self.folder, self.transform = root / "img_align_celeba", transform

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = Image.open(self.folder / self.names[i]).convert("RGB")
        return self.transform(image), self.labels[i]


def scores(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return mean accuracy and mA over the attributes."""
    said, true = logits > 0, labels > 0.5
    tpr = (said & true).sum(0) / true.sum(0)
    tnr = (~said & ~true).sum(0) / (~true).sum(0)
    return {"accuracy": float((said == true).mean()), "mA": float((tpr + tnr).mean() / 2)}


def main() -> None:
    """Train, test, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True, help="the folder with celeba/")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--epochs", type=int, default=8, help="global + joint epochs of `mini`")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--batch", type=int, default=36)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prior", action="store_true", help="start at the train log-odds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, help="store test predictions as farbench does")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    model = timm.create_model(args.backbone, num_classes=40)
    if args.backbone == "tf_efficientnet_lite0":
        from farbench.nn.pretrained import load_pretrained

        source = timm.create_model(args.backbone, num_classes=0)
        load_pretrained(source, args.backbone)  # the packaged weights; the classifier stays new
        model.load_state_dict(source.state_dict(), strict=False)
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    to_tensor = [T.ToTensor(), T.Normalize(mean, std)]
    train_transform = T.Compose(
        [
            T.Resize((128, 128)),
            T.RandomApply([T.RandomRotation(15, T.InterpolationMode.BILINEAR)], p=0.35),
            T.RandomCrop(112),
            T.RandomHorizontalFlip(0.35),
            *to_tensor,
        ]
    )
    test_transform = T.Compose([T.Resize((128, 128)), T.CenterCrop(112), *to_tensor])
    root = args.data_root / "celeba"
    train_set = CelebA(root, 0, train_transform)
    if args.prior:
        rate = train_set.labels.mean(0)
        with torch.no_grad():
            model.get_classifier().bias.copy_(torch.log(rate / (1 - rate)))
            model.get_classifier().weight.mul_(0.1)
    loader = DataLoader(
        train_set, args.batch, shuffle=True, num_workers=args.workers, drop_last=True
    )
    test_loader = DataLoader(CelebA(root, 2, test_transform), 100, num_workers=args.workers)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    rates = []
    for epoch in range(args.epochs):
        model.train()
        started, total = time.perf_counter(), 0.0
        for images, labels in loader:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        rates.append(len(loader) * args.batch / (time.perf_counter() - started))
        print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}, {rates[-1]:.0f} images/s")
    model.eval()
    with torch.inference_mode():
        pairs = [(model(images).numpy(), labels.numpy()) for images, labels in test_loader]
    logits, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    result = {
        **scores(logits, labels),
        "images_per_second": float(np.median(rates)),
        "first_epoch_images_per_second": rates[0],
        **{k: str(v) for k, v in vars(args).items() if k not in ("data_root", "output")},
    }
    if args.output:
        images = np.array(test_loader.dataset.names)
        values = {"image": images, "attributes.output": logits, "attributes.target": labels}
        np.savez_compressed(args.output, **values)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
