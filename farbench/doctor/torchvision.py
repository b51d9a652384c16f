"""Do torch and torchvision work together?"""

from __future__ import annotations

from collections.abc import Iterator

from farbench.plugins.health import Diagnosis, Machine


def check_torchvision(machine: Machine) -> Iterator[Diagnosis]:
    """Import both and call an operator of torchvision's: builds that do not match fail here.

    Version numbers may fit all the same: one of them built for CUDA, the other for processors.
    """
    try:
        import torch
        import torchvision

        torchvision.ops.nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    except Exception as error:
        text = str(error).strip().split("\n")[0]
        yield Diagnosis(
            "torchvision",
            "problem",
            f"it does not work with this torch: {type(error).__name__}: {text}",
            "pip install --force-reinstall torch torchvision (both from the same index)",
        )
        return
    yield Diagnosis(
        "torchvision", "ok", f"{torchvision.__version__} works with torch {torch.__version__}"
    )
