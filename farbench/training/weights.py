"""The weights of a stage: where they start, which of them are trained, and how they are stored."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from farbench.errors import CellFailed


def hand_on(network: nn.Module, weights: dict[str, Tensor]) -> int:
    """Copy the parameters and buffers of modules where names and shapes agree; return how many.

    A module is copied whole or not at all: the last layer of a head is worth nothing behind a
    first layer that starts afresh because its shape differs. A network whose modules have other
    names than those they start from has a method ``adopt(weights)``, which returns the weights
    under its own names.
    """
    adopt = getattr(network, "adopt", None)
    if adopt is not None:
        weights = adopt(weights)
    target = network.state_dict()
    differing = {
        key.rpartition(".")[0]
        for key, value in target.items()
        if key not in weights or weights[key].shape != value.shape
    }
    shared = {key: weights[key] for key in target if key.rpartition(".")[0] not in differing}
    network.load_state_dict(shared, strict=False)
    return len(shared)


def freeze(network: nn.Module, frozen: tuple[str, ...]) -> list[nn.Parameter]:
    """Stop the training of submodules and return the parameters that are trained.

    Raises:
        CellFailed: The network has no such submodule.
    """
    children = dict(network.named_children())
    for name in frozen:
        if name not in children:
            raise CellFailed(
                f"the stage freezes '{name}', but the network has only {', '.join(children)}"
            )
        children[name].requires_grad_(False)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def set_to_train(network: nn.Module, frozen: tuple[str, ...]) -> None:
    """Put what is trained into training mode, and what is frozen into eval mode."""
    network.train()
    for name in frozen:
        network.get_submodule(name).eval()


def save_weights(network: nn.Module, path: Path) -> None:
    """Write parameters and buffers as safetensors, in the usual memory order."""
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, path)
