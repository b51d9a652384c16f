"""Which devices can train, and does torch fit the driver?"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from farbench.data.workers import usable_cores
from farbench.plugins.health import Diagnosis, Machine, State

DRIVER = Path("/proc/driver/nvidia/version")
"""It is there where NVIDIA's driver is loaded."""
GET_TORCH = "Install torch for your driver: https://pytorch.org/get-started/locally/"


def check_devices(machine: Machine) -> Iterator[Diagnosis]:
    """Tell the processor and every GPU, on which a product of matrices is tried."""
    import torch

    told = f"{usable_cores()} cores, {torch.get_num_threads()} threads in torch"
    yield Diagnosis("processor", "ok", told)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch warns of is told below
        usable = torch.cuda.is_available()
    if usable:
        for index in range(torch.cuda.device_count()):
            yield _gpu(index)
        yield from _asked(machine.device, torch.cuda.device_count())
        return
    yield _no_gpu(machine.device)


def _gpu(index: int) -> Diagnosis:
    """Try one GPU."""
    import torch

    about, name = f"cuda:{index}", torch.cuda.get_device_name(index)
    try:
        ones = torch.ones(64, 64, device=about)
        worked = bool(((ones @ ones) == 64).all())
    except Exception as error:
        major, minor = torch.cuda.get_device_capability(index)
        text = str(error).strip().split("\n")[0]
        return Diagnosis(
            about,
            "problem",
            f"{name} (compute capability {major}.{minor}) does not compute with torch "
            f"{torch.__version__}: {text}",
            GET_TORCH,
        )
    if not worked:
        return Diagnosis(about, "problem", f"{name} computes wrong numbers", "Try another GPU.")
    if torch.cuda.get_device_capability(index)[0] < 8:
        return Diagnosis(
            about,
            "warning",
            f"{name} has no bfloat16 of its own, which `precision: auto` takes on a GPU: slow",
            "farbench run ... --set protocol.precision=float32",
        )
    return Diagnosis(about, "ok", f"{name}, CUDA {torch.version.cuda}")


def _asked(device: str, count: int) -> Iterator[Diagnosis]:
    """Tell if the device that is asked for is none of those there are."""
    _, _, index = device.partition(":")
    if index.isdecimal() and int(index) >= count:
        yield Diagnosis(
            device,
            "problem",
            f"not there: {count} GPUs are visible",
            f"--device cuda:0 to cuda:{count - 1}",
        )


def _no_gpu(device: str) -> Diagnosis:
    """Say why there is no GPU."""
    import torch

    built = torch.version.cuda
    state: State = "problem" if device.startswith("cuda") else "warning"
    if DRIVER.exists() and os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return Diagnosis("GPU", state, "CUDA_VISIBLE_DEVICES hides it", "unset it")
    if DRIVER.exists() and built is None:
        return Diagnosis(
            "GPU",
            state,
            f"NVIDIA's driver is there, but torch {torch.__version__} is built without CUDA",
            GET_TORCH,
        )
    if DRIVER.exists():
        known = _driver_version()
        says = f"the driver knows CUDA {known}" if known else "the driver does not answer"
        return Diagnosis(
            "GPU",
            "problem",
            f"torch {torch.__version__} is built for CUDA {built}, and {says}",
            f"Update the driver. Or: {GET_TORCH[0].lower()}{GET_TORCH[1:]}",
        )
    if device.startswith("cuda"):
        return Diagnosis("GPU", "problem", "there is no NVIDIA driver here", "--device cpu")
    return Diagnosis("GPU", "ok", "none; networks are trained on the processor")


def _driver_version() -> str | None:
    """Return the newest CUDA that the driver knows ("12.4")."""
    import torch

    try:
        number = int(torch._C._cuda_getDriverVersion())  # type: ignore[attr-defined]
    except Exception:  # a torch without CUDA does not have it
        return None
    return f"{number // 1000}.{number % 1000 // 10}" if number else None
