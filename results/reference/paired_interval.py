"""Is the difference of two predictions files more than the luck of these test images?

    python results/reference/paired_interval.py A/predictions.npz B/predictions.npz

Prints A - B in points, with the 95% interval of a paired bootstrap over images. It says nothing
of the luck of a seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image ids, decisions ``(N, A)`` and labels ``(N, A)``, ordered by id."""
    with np.load(path, allow_pickle=False) as file:
        order = np.argsort(file["image"])
        said = file["attributes.output"][order] > 0
        return file["image"][order], said, file["attributes.target"][order] > 0.5


def scores(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return accuracy and mA as percentages."""
    tpr = (said & true).sum(0) / np.maximum(true.sum(0), 1)
    tnr = (~said & ~true).sum(0) / np.maximum((~true).sum(0), 1)
    return 100 * np.array([(said == true).mean(), (tpr + tnr).mean() / 2])


def main() -> None:
    """Print one line a metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--draws", type=int, default=1000)
    args = parser.parse_args()
    images, said_a, true = read(args.a)
    images_b, said_b, true_b = read(args.b)
    if not (np.array_equal(images, images_b) and np.array_equal(true, true_b)):
        raise SystemExit("the two files are not of the same images and labels")
    rng = np.random.default_rng(0)
    draws = np.empty((args.draws, 2))
    for i in range(args.draws):
        chosen = rng.integers(0, len(images), len(images))
        t = true[chosen]
        draws[i] = scores(said_a[chosen], t) - scores(said_b[chosen], t)
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    difference = scores(said_a, true) - scores(said_b, true)
    for name, d, lo, hi in zip(("accuracy", "mA"), difference, low, high, strict=True):
        print(f"{name:<8} {d:+.2f} points, 95% [{lo:+.2f}, {hi:+.2f}]")


if __name__ == "__main__":
    main()
