"""Notes which line of the contract each broken method breaks; the methods are in other files."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from farbench import Method

BROKEN: dict[type[Method], tuple[str, str]] = {}
"""Method -> the check that must fail, and a part of what it says (a regular expression)."""


def breaks(check: str, words: str) -> Callable[[type[Method]], type[Method]]:
    """Note which check a method breaks."""

    def note(method: type[Method]) -> type[Method]:
        BROKEN[method] = (check, words)
        return method

    return note


def altered(network: nn.Module, change: Callable[..., dict[str, Tensor]]) -> nn.Module:
    """Change what a network returns: ``change(outputs, images)``."""
    forward = network.forward
    network.forward = lambda *inputs: change(forward(*inputs), *inputs)
    return network
