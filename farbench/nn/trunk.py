"""A timm backbone as a trunk: its final map and the maps of its levels in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from farbench.errors import UserError, did_you_mean
from farbench.nn.pretrained import load_pretrained

LEVELS = {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
"""Level -> stride of its map relative to the image."""


class Trunk(nn.Module):
    """Any timm backbone that can give intermediate maps.

    A backbone's depths are *levels*, named by their stride: 3, 4 and 5 are strides 8, 16 and 32
    (MGMTN's F_3, F_4, F_5). The final map is what timm's ``forward_features`` returns: level 5,
    after the last convolution of networks that have one (EfficientNet's ``conv_head``).

    Layers that neither the final map nor a level needs are taken out, so that they cost nothing
    and every parameter gets a gradient. The names of the others stay, so weights can be handed on
    between trunks that keep more and less.

    Attributes:
        pixel_mean: What the backbone's weights expect, for pixels in [0, 1].
        pixel_std: Likewise.
        channels: Channels of each level asked for.
        final_channels: Channels of the final map; 0 without one.
    """

    def __init__(
        self, name: str, *, pretrained: bool, levels: Sequence[int] = (), final: bool = True
    ) -> None:
        """Create a backbone without its classifier.

        Args:
            name: A timm model name, such as ``resnest50d``.
            pretrained: Start from ImageNet weights.
            levels: Levels whose maps :meth:`forward` returns beside the final one.
            final: Whether the final map is wanted; without it the trunk ends at its highest level.

        Raises:
            UserError: timm has no such model, it gives no maps of several strides, it has no such
                level, nothing is asked of it, or weights are not to be had.
        """
        super().__init__()
        if not timm.is_model(name.split(".")[0]):
            hint = did_you_mean(name, timm.list_models())
            raise UserError(f"timm has no backbone '{name}'.{hint} See timm.list_models().")
        if not final and not levels:
            raise UserError("a trunk without its final map needs at least one level.")
        if len(set(levels)) < len(levels):
            raise UserError(f"levels {list(levels)} name one level twice; name each once.")
        try:
            # timm is untyped: what a backbone offers is found out below.
            net: Any = timm.create_model(name, pretrained=False, num_classes=0, global_pool="")
        except RuntimeError as error:
            raise UserError(f"timm cannot make backbone '{name}': {error}") from error
        strides = [info["reduction"] for info in getattr(net, "feature_info", ())]
        convolutional = len(set(strides)) > 1 and getattr(net, "output_fmt", "NCHW") == "NCHW"
        if not convolutional or not hasattr(net, "forward_intermediates"):
            raise UserError(
                f"backbone '{name}' gives no maps (N, C, H, W) of several strides; choose a "
                "convolutional one, such as resnet50."
            )
        config = net.pretrained_cfg
        self.net = net
        self.pixel_mean: tuple[float, ...] = tuple(config["mean"])
        self.pixel_std: tuple[float, ...] = tuple(config["std"])
        self.levels, self.final = tuple(levels), final
        self._indices = []
        self.channels: dict[int, int] = {}
        for level in self.levels:
            if LEVELS.get(level) not in strides:
                raise UserError(f"backbone '{name}' has no level {level}; strides: {strides}.")
            # The deepest map of a stride is the level: later blocks have seen more.
            index = len(strides) - 1 - strides[::-1].index(LEVELS[level])
            self._indices.append(index)
            self.channels[level] = net.feature_info[index]["num_chs"]
        if pretrained:
            load_pretrained(net, name)
        self.final_channels: int = net.num_features if final else 0
        if not final:
            net.prune_intermediate_layers([max(self._indices)], prune_head=True)
        elif net.num_features == net.feature_info[-1]["num_chs"]:
            # The final map is the last level's: what follows is classifier (MobileNetV3's
            # conv_head). Elsewhere the last convolution belongs to the final map and stays.
            net.prune_intermediate_layers([len(strides) - 1], prune_head=True)

    def forward(self, images: Tensor) -> tuple[Tensor | None, dict[int, Tensor]]:
        """Return the final map ``(N, C, h, w)``, if wanted, and a map a level asked for."""
        if not self.levels:
            return self.net.forward_features(images), {}
        if self.final:
            final, maps = self.net.forward_intermediates(images, indices=self._indices)
        else:
            final = None
            maps = self.net.forward_intermediates(
                images, indices=self._indices, intermediates_only=True, stop_early=True
            )
        order = sorted(range(len(self.levels)), key=lambda i: self._indices[i])
        return final, {self.levels[i]: map_ for i, map_ in zip(order, maps, strict=True)}


def global_pool(maps: Tensor, kind: str) -> Tensor:
    """Pool ``(N, C, h, w)`` to ``(N, C)`` by "max" or "avg"."""
    return torch.amax(maps, (2, 3)) if kind == "max" else maps.mean((2, 3))
