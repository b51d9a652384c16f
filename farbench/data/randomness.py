"""Random numbers that belong to a sample: (seed, stage, epoch, sample id, draw) and nothing else.

So batch size, number of workers, device and a resume change no augmentation.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def stream_key(*parts: object) -> int:
    """Return a 63-bit key for a stream named by ``parts`` (a seed, a stage, an epoch...)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def uniform(key: int, samples: NDArray[np.int64], draws: int) -> NDArray[np.float64]:
    """Return uniform numbers in [0, 1) of shape ``(len(samples), draws)``.

    Each number is the splitmix64 hash (Steele, Lea and Flood, OOPSLA 2014) of its own
    (key, sample, draw), so any subset in any order gives the same values.
    """
    counter = samples.astype(np.uint64)[:, None] * np.uint64(draws) + np.arange(
        draws, dtype=np.uint64
    )
    z: NDArray[np.uint64]
    with np.errstate(over="ignore"):
        z = np.uint64(key) + (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)  # type: ignore[assignment]
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    numbers: NDArray[np.float64] = (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return numbers


def permutation(key: int, size: int) -> NDArray[np.int64]:
    """Return a permutation of ``range(size)`` that depends on the key alone."""
    return np.random.Generator(np.random.Philox(key)).permutation(size)
