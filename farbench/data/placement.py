"""Where packed images are read from: a memory map, pinned host memory, or the device's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farbench.errors import UserError

Place = Literal["mmap", "pinned", "resident"]

SHARE = 0.5
"""Images take at most this share of the memory that is free; the rest is for the network, for
other cells on the same device, and for the system's page cache. This project's choice."""

_ROWS = 1024
"""Images that are copied at once, so that loading needs no second copy of all."""


@dataclass(frozen=True)
class PlacedImages:
    """Packed images where batches are made from them.

    Attributes:
        place: "mmap", "pinned" or "resident".
        reason: Why it is that, for people.
        pixels: uint8 ``(N, R, R, 3)``: the memory map, or a tensor in host memory or on the device.
    """

    place: Place
    reason: str
    pixels: NDArray[np.uint8] | Tensor

    def take(self, chosen: NDArray[np.int64], pin: bool) -> Tensor:
        """Return some images in host memory, uint8 ``(n, R, R, 3)``; not of resident ones.

        Args:
            chosen: ``(n,)`` positions.
            pin: Put them where a GPU reads them without the processor.
        """
        held = self.pixels.numpy() if isinstance(self.pixels, Tensor) else self.pixels
        out = torch.empty((len(chosen), *held.shape[1:]), dtype=torch.uint8, pin_memory=pin)
        # With "clip" numpy writes to `out` directly; positions come from the index itself.
        np.take(held, chosen, axis=0, out=out.numpy(), mode="clip")
        return out


def place_images(
    pixels: NDArray[np.uint8],
    asked: Place | Literal["auto"],
    device: torch.device,
    sharers: int = 1,
) -> PlacedImages:
    """Put packed images where they are read fastest and fit.

    ``auto`` is resident where all images take at most half of the device's free memory, else
    pinned where they take at most half of the host's available memory, else the memory map; on a
    processor it is the memory map, whose pages the system keeps in memory as long as it can. The
    place changes no bit of a batch.

    Args:
        pixels: The memory map, uint8 ``(N, R, R, 3)``.
        asked: ``protocol.input``.
        device: Where the network runs.
        sharers: Processes that may do the same on this machine at the same time.

    Raises:
        UserError: What was asked for does not fit.
    """
    place, reason = choose_place(pixels.nbytes, asked, device, sharers)
    if place == "mmap":
        return PlacedImages(place, reason, pixels)
    on = device if place == "resident" else torch.device("cpu")
    pin = place == "pinned" and device.type == "cuda"
    held = torch.empty(pixels.shape, dtype=torch.uint8, device=on, pin_memory=pin)
    for start in range(0, len(pixels), _ROWS):
        # A copy of these rows, for torch takes no array that cannot be written.
        held[start : start + _ROWS] = torch.from_numpy(np.array(pixels[start : start + _ROWS]))
    return PlacedImages(place, reason, held)


def choose_place(
    needed: int, asked: Place | Literal["auto"], device: torch.device, sharers: int = 1
) -> tuple[Place, str]:
    """Return where images of so many bytes are read from, and why; see :func:`place_images`.

    Raises:
        UserError: They are asked to lie where there is less memory free than they take.
    """
    free: dict[Place, int | None] = {
        "resident": free_memory(device),
        "pinned": free_memory(torch.device("cpu")),
    }
    if asked != "auto":
        room = free.get(asked)
        if room is not None and needed > room:
            raise UserError(
                f"protocol.input: {asked} needs {_gb(needed)} for the packed images, and "
                f"{_gb(room)} are free. Allowed: auto, {', '.join(get_args(Place))}. Type "
                "`--set protocol.input=auto`, which takes what fits."
            )
        return asked, f"{_gb(needed)}, as asked"
    if device.type != "cuda":
        return "mmap", f"{_gb(needed)}; the network runs on a processor"
    # torch takes pinned memory in powers of two.
    taken: dict[Place, int] = {"resident": needed, "pinned": 1 << max(needed - 1, 0).bit_length()}
    for place, room in free.items():
        if room is not None and taken[place] * sharers <= SHARE * room:
            return place, f"{_gb(needed)} of {_gb(room)} free"
    return "mmap", f"{_gb(needed)} are more than half of what is free on the device and the host"


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free on a GPU, or available on the host; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    known = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(known[0]) * 1024 if known else None


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
