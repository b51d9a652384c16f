"""Is the difference of two predictions files more than the luck of these test images?

    python results/reference/paired_interval.py A/predictions.npz B/predictions.npz

Prints A - B in points, with the 95% interval and the p of a paired bootstrap over images. It says
nothing of the luck of a seed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from farbench.scoring.paired import paired_bootstrap
from farbench.scoring.per_image import PAIRED, per_image
from farbench.scoring.predictions import load_predictions
from farbench.tasks.attributes import BinaryAttributes


def main() -> None:
    """Print one line a metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--draws", type=int, default=10_000)
    args = parser.parse_args()
    a, b = load_predictions(args.a), load_predictions(args.b)
    order_a, order_b = np.argsort(a.image), np.argsort(b.image)
    target = a.target[order_a]
    if not (
        np.array_equal(a.image[order_a], b.image[order_b])
        and np.array_equal(target, b.target[order_b])
    ):
        raise SystemExit("the two files are not of the same images and labels")
    task = BinaryAttributes("attributes", tuple(map(str, range(target.shape[1]))))
    for metric in PAIRED["attributes"]:
        said = [held.output[order] for held, order in ((a, order_a), (b, order_b))]
        one, other = (per_image(task, logits, target, metric) for logits in said)
        found = paired_bootstrap(one, other, resamples=args.draws).mean
        if found is None:
            raise SystemExit(f"{metric} is undefined on these images")
        value, low, high = (100 * v for v in (found.value, found.low, found.high))
        print(f"{metric:<8} {value:+.2f} points, 95% [{low:+.2f}, {high:+.2f}], p {found.p:.4f}")


if __name__ == "__main__":
    main()
