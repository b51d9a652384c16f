"""The network of `farl_head`."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import Tensor, nn

from farbench import Problem
from farbench.errors import UserError, did_you_mean
from farbench.nn.heads import TaskHeads
from farbench.nn.pretrained import load_pretrained
from farbench_methods.farl_head import FaRLHead
from farbench_methods.farl_weights import HELP, read_weights


class FaRLNetwork(nn.Module):
    """ViT -> three descriptors a layer -> their mixture -> one linear layer a task."""

    def __init__(self, problem: Problem, options: FaRLHead) -> None:
        """Build the network with the options of the method.

        Raises:
            UserError: The backbone is no ViT with a class token or has too few blocks, or weights
                are missing or do not fit.
        """
        super().__init__()
        self.layers = sorted(set(options.layers))
        self.trunk = _transformer(options.backbone, self.layers)
        self.feature_size: int = self.trunk.num_features
        config = self.trunk.pretrained_cfg
        self.pixel_mean: tuple[float, ...] = tuple(config["mean"])
        self.pixel_std: tuple[float, ...] = tuple(config["std"])
        descriptors = 3 * len(self.layers)
        self.norms = nn.ModuleList(nn.LayerNorm(self.feature_size) for _ in range(descriptors))
        self.mixture = nn.Parameter(torch.ones(descriptors))
        self.heads = TaskHeads(
            self.feature_size, problem, problem.tasks, hidden=0, dropout=options.dropout
        )
        if problem.pretrained:
            self._start(problem, options)
        # Only now: weights come with all blocks.
        self.trunk.prune_intermediate_layers(self.layers, prune_norm=True, prune_head=True)

    def _start(self, problem: Problem, options: FaRLHead) -> None:
        """Load published weights."""
        if options.weights is not None:
            read_weights(options.weights).load(self.trunk, self, problem, options.backbone)
        elif options.backbone == FaRLHead.model_fields["backbone"].default:
            raise UserError(f"farl_head starts from FaRL's weights and was given none. {HELP}")
        else:
            load_pretrained(self.trunk, options.backbone)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to one output a task, and the feature they share."""
        found = self.trunk.forward_intermediates(
            images, indices=self.layers, return_prefix_tokens=True, intermediates_only=True
        )
        parts: list[Tensor] = []
        for patches, prefix in found:
            parts += [patches.mean((2, 3)), patches.amax((2, 3)), prefix[:, 0]]
        normed = [norm(part) for norm, part in zip(self.norms, parts, strict=True)]
        features = torch.einsum("pnd,p->nd", torch.stack(normed), self.mixture.softmax(0))
        return {**self.heads(features), "features": features}


def _transformer(name: str, layers: list[int]) -> Any:
    """Create a timm ViT for images of any size (timm is untyped: what it offers is found out)."""
    if not timm.is_model(name.split(".")[0]):
        hint = did_you_mean(name, timm.list_models("vit*"))
        raise UserError(f"timm has no backbone '{name}'.{hint} See timm.list_models('vit*').")
    try:
        net: Any = timm.create_model(
            name,
            pretrained=False,
            num_classes=0,
            global_pool="",
            dynamic_img_size=True,
            dynamic_img_pad=True,
        )
    except TypeError:  # other families do not know these arguments
        net = None
    if getattr(net, "cls_token", None) is None or not hasattr(net, "forward_intermediates"):
        raise UserError(
            f"backbone '{name}' is no vision transformer with a class token; farl_head needs one, "
            "such as vit_small_patch16_224."
        )
    if layers[-1] >= len(net.blocks):
        raise UserError(
            f"farl_head.layers: backbone '{name}' has blocks 0 to {len(net.blocks) - 1}, and "
            f"{layers[-1]} was asked for."
        )
    return net
