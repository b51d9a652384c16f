"""A linear probe on frozen ImageNet features: what a fine-tuned network must beat.

python results/reference/frozen_probe.py --data-root DIR
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import timm
import torch
from plain_loop import CelebA, scores
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader
from torchvision import transforms as T

from farbench.nn.pretrained import load_pretrained


@torch.inference_mode()
def features(model: torch.nn.Module, dataset: CelebA) -> tuple[np.ndarray, np.ndarray]:
    """Return pooled features ``(N, D)`` and labels ``(N, 40)``."""
    pairs = [(model(images).numpy(), labels.numpy()) for images, labels in DataLoader(dataset, 100)]
    values, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return values, labels


def main() -> None:
    """Fit one logistic regression an attribute, choose its strength on valid, print the test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True, help="the folder with celeba/")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    args = parser.parse_args()
    torch.set_num_threads(2)
    model = timm.create_model(args.backbone, num_classes=0)
    load_pretrained(model, args.backbone)
    model.eval()
    config = model.pretrained_cfg
    transform = T.Compose(
        [
            T.Resize((128, 128)),
            T.CenterCrop(112),
            T.ToTensor(),
            T.Normalize(config["mean"], config["std"]),
        ]
    )
    root = args.data_root / "celeba"
    (x, y), (xv, yv), (xt, yt) = (features(model, CelebA(root, s, transform)) for s in (0, 1, 2))
    scale = StandardScaler().fit(x)
    x, xv, xt = scale.transform(x), scale.transform(xv), scale.transform(xt)
    found = {}
    for strength in (1e-4, 1e-3, 1e-2):
        fits = [LogisticRegression(C=strength, max_iter=300).fit(x, y[:, j]) for j in range(40)]
        valid = scores(np.stack([fit.decision_function(xv) for fit in fits], 1), yv)
        test = scores(np.stack([fit.decision_function(xt) for fit in fits], 1), yt)
        found[strength] = (valid["accuracy"], test)
    best = max(found, key=lambda strength: found[strength][0])
    print(json.dumps({"C": best, "train_images": len(x), **found[best][1]}))


if __name__ == "__main__":
    main()
