"""Refuses networks with a layer of width 0, of which torch says little and training nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from torch import nn


class EmptyParameter(Exception):
    """A network has a parameter without elements; the message says which, and its shape."""


def build_without_empty_layers(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network and look at its parameters.

    A layer of width 0 (``channels // reduction`` with a large reduction) gives zeros whatever it
    sees, so that the network trains as if it were not there.

    Args:
        build: Returns a new network.

    Raises:
        EmptyParameter: A parameter has no elements.
    """
    with warnings.catch_warnings():
        # torch warns of the same with a line of its own; what is raised below names the parameter.
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        network = build()
    if isinstance(network, nn.Module):
        for name, value in network.named_parameters():
            if not value.numel():
                raise EmptyParameter(f"parameter {name} is empty: {tuple(value.shape)}")
    return network
