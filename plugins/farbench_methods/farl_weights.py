"""Published FaRL weights: read without running code, renamed for timm, loaded where they fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from farbench import CELEBA_ATTRIBUTES, BinaryAttributes, Problem
from farbench.errors import UserError

if TYPE_CHECKING:
    from farbench_methods.farl_head_network import FaRLNetwork

HELP = (
    "On a machine with a network get "
    "https://github.com/FacePerceiver/FaRL/releases/download/pretrained_weights/"
    "FaRL-Base-Patch16-LAIONFace20M-ep64.pth, or facer's model, which has learned CelebA: "
    "https://github.com/FacePerceiver/facer/releases/download/models-v1/"
    "face_attribute.farl.celeba.pt; copy it here and give its path: --set method.weights=FILE. "
    "Or train from scratch with --set protocol.pretrained=false"
)

_RENAMED = (
    (r"^class_embedding$", "cls_token"),
    (r"^positional_embedding$", "pos_embed"),
    (r"^conv1\.", "patch_embed.proj."),
    (r"^ln_pre\.", "norm_pre."),
    (r"^ln_post\.", "norm."),
    (r"^transformer\.resblocks\.", "blocks."),
    (r"\.attn\.in_proj_", ".attn.qkv."),
    (r"\.attn\.out_proj\.", ".attn.proj."),
    (r"\.ln_(\d)\.", r".norm\1."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)
"""Names in CLIP's code, as FaRL has them, and in timm's."""


@dataclass(frozen=True)
class FaRLWeights:
    """What a file holds.

    Attributes:
        path: The file.
        backbone: The transformer, under timm's names.
        head: facer's head under its own names; empty where the file is a backbone's.
    """

    path: Path
    backbone: Mapping[str, Tensor]
    head: Mapping[str, Tensor]

    def load(self, trunk: nn.Module, network: FaRLNetwork, problem: Problem, name: str) -> None:
        """Copy the weights into a network.

        The head's rows go to the attributes that it knows; others, and other tasks, keep theirs.

        Args:
            trunk: The timm transformer, with all blocks that are used.
            network: Its descriptors' norms and mixture, and its heads.
            problem: Gives the attributes' names.
            name: The backbone, for messages.

        Raises:
            UserError: Something that the network needs is missing or has another shape.
        """
        used = {
            key: value
            for key, value in trunk.state_dict().items()
            if not key.startswith(("norm.", "fc_norm.", "head."))
            and _block(key) <= max(network.layers)
        }
        self._check(used, self.backbone, f"backbone '{name}'")
        trunk.load_state_dict({key: self.backbone[key] for key in used}, strict=False)
        if not self.head:
            return
        wanted = {"weights": network.mixture[None, :, None]}
        for number, norm in enumerate(network.norms):
            wanted |= {f"norm_{number}.{key}": value for key, value in norm.state_dict().items()}
        wanted["final_fc.weight"] = torch.empty(len(CELEBA_ATTRIBUTES), network.feature_size)
        wanted["final_fc.bias"] = torch.empty(len(CELEBA_ATTRIBUTES))
        self._check(wanted, self.head, f"farl_head with layers {network.layers}")
        with torch.no_grad():
            network.mixture.copy_(self.head["weights"].flatten())
            for number, norm in enumerate(network.norms):
                norm.load_state_dict(
                    {key: self.head[f"norm_{number}.{key}"] for key in norm.state_dict()}
                )
            for task in problem.tasks:
                if isinstance(task, BinaryAttributes):
                    last: Any = network.heads[task.name]
                    self._copy_rows(last[-1], task.attributes)

    def _copy_rows(self, last: nn.Linear, attributes: tuple[str, ...]) -> None:
        """Copy the rows of the attributes that the published head knows."""
        for row, attribute in enumerate(attributes):
            if attribute in CELEBA_ATTRIBUTES:
                number = CELEBA_ATTRIBUTES.index(attribute)
                last.weight[row] = self.head["final_fc.weight"][number]
                last.bias[row] = self.head["final_fc.bias"][number]

    def _check(self, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], what: str) -> None:
        for key, value in wanted.items():
            if key not in given:
                raise UserError(f"{self.path} does not fit {what}: it has no {key}. {HELP}")
            if given[key].shape != value.shape:
                raise UserError(
                    f"{self.path} does not fit {what}: {key} measures {tuple(given[key].shape)} "
                    f"and should measure {tuple(value.shape)}. {HELP}"
                )


def read_weights(file: str) -> FaRLWeights:
    """Read a checkpoint of a FaRL backbone or facer's attribute model.

    Raises:
        UserError: There is no such file, or it is neither of the two.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"farl_head.weights: there is no file {path}. {HELP}")
    try:
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a file that is something else, almost anything
        reason = str(error).split("\n")[0]
        raise UserError(
            f"farl_head.weights: {path} cannot be read as weights ({reason}). {HELP}"
        ) from error
    if isinstance(loaded, Mapping):
        loaded = loaded.get("state_dict", loaded)
        for prefix in ("visual.", "backbone."):
            backbone = _below(loaded, prefix)
            if "positional_embedding" in backbone:
                return FaRLWeights(path, _timm_names(backbone), _below(loaded, "head."))
    raise UserError(f"farl_head.weights: {path} holds no FaRL model. {HELP}")


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries below a prefix, without it."""
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}


def _timm_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a transformer's weights from CLIP's names to timm's."""
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in _RENAMED:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    renamed["cls_token"] = renamed["cls_token"].reshape(1, 1, -1)
    renamed["pos_embed"] = renamed["pos_embed"][None]
    return renamed


def _block(key: str) -> int:
    """Return the number of the block that a weight belongs to; -1 if to none."""
    found = re.match(r"blocks\.(\d+)\.", key)
    return int(found.group(1)) if found else -1
