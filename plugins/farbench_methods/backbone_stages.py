"""A timm backbone as a list of stages that run one after the other, so that it can be cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from farbench import UserError
from farbench.nn.trunk import Trunk

CONTAINERS = ("blocks", "stages", "features")
"""Children that hold the stages of EfficientNets and MobileNets, ConvNeXts, and DenseNets."""

CLASSIFIER = ("global_pool", "pre_logits", "head", "classifier", "fc")
"""Children from which on a network is classifier."""


def backbone_stages(
    backbone: str, trunk: Trunk, image_size: int
) -> tuple[list[nn.Sequential], list[Tensor]]:
    """Cut a trunk into stages; each begins at a part that holds a convolution.

    Args:
        backbone: Its name, for messages.
        trunk: The whole trunk; its modules are used, not copied.
        image_size: Side of the images that maps are measured with.

    Returns:
        The stages, and the map that each gives for one image, ``(1, C, h, w)``.

    Raises:
        UserError: The backbone is not a chain: its parts, run in order, do not give its output.
    """
    parts: list[nn.Module] = []
    for name, child in trunk.net.named_children():
        if name in CLASSIFIER:
            break
        parts += list(child) if name in CONTAINERS and isinstance(child, nn.Sequential) else [child]
    stages: list[nn.Sequential] = []
    for part in parts:
        if not stages or any(isinstance(module, nn.Conv2d) for module in part.modules()):
            stages.append(nn.Sequential())
        stages[-1].append(part)
    probe = torch.linspace(-1, 1, 3 * image_size**2).view(1, 3, image_size, image_size)
    maps: list[Tensor] = []
    trunk.eval()
    try:
        with torch.no_grad():
            expected: Any = trunk(probe)[0]
            for stage in stages:
                maps.append(stage(maps[-1] if maps else probe))
        is_chain = maps[-1].shape == expected.shape and torch.allclose(maps[-1], expected)
    except (RuntimeError, TypeError, AttributeError):
        is_chain = False
    trunk.train()
    if not is_chain:
        raise UserError(
            f"backbone '{backbone}' cannot be branched: its parts do not run one after the other. "
            "Choose one that does, such as mobilenetv3_large_100, tf_efficientnet_lite0 or "
            "resnet50."
        )
    return stages, maps
