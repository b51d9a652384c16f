"""Finds, without a GPU, what would make the host wait for the device in a training step."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from farbench.testing.checks import Broken, NotTried, place

META = torch.device("meta")
"""The device whose tensors have shapes and no values: what reads a value there is an error."""

CONTRACT = "A step never waits for the device: no value is read back, nothing is copied there."
WHY = "A GPU has nothing to do while the host waits, in each step."
MEND = (
    "Keep decisions on the device: `torch.where(mask, x, 0.0)` instead of `if` and boolean "
    "indexing, no .item(), float() or nonzero(); make constants once, as buffers, not "
    "torch.tensor([...]) in each step."
)

T = TypeVar("T")


@contextmanager
def no_waiting() -> Iterator[None]:
    """Refuse, among operations on meta tensors, those that would stop the host on a GPU.

    A meta tensor stands for one on a GPU. Values that are read back (``item``, ``float``, ``bool``,
    ``nonzero``, boolean indexing) and copies from the host's memory are what
    ``torch.cuda.set_sync_debug_mode("error")`` refuses on a real one.

    Raises:
        Broken: Something waits; the message names the operation and the line.
        NotTried: An operation cannot be tried on meta tensors.
    """
    try:
        with _Watch():  # type: ignore[no-untyped-call]
            yield
    except (NotImplementedError, RuntimeError, TypeError) as error:
        text = " ".join(str(error).split())
        if any(words in text for words in ("meta tensor", "meta device", "data-dependent")):
            frames = traceback.extract_tb(error.__traceback__)
            raise Broken(f"a value is read back from the device{place(frames)}") from error
        if isinstance(error, NotImplementedError):
            raise NotTried(f"it cannot be tried without values: {text[:120]}") from error
        raise


def on_meta(value: T) -> T:
    """Return a tensor or module on the meta device; the rest as it is."""
    moves = isinstance(value, Tensor | torch.nn.Module)
    return value.to(META) if moves else value  # type: ignore[attr-defined]


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation."""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__  # type: ignore[attr-defined]
        told = _waits(name, args, kwargs or {})
        if told:
            raise Broken(f"{told}{place(traceback.extract_stack())}")
        return func(*args, **(kwargs or {}))


def _waits(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return why an operation waits, or nothing."""
    first = args[0] if args else None
    if name in ("_local_scalar_dense", "nonzero", "masked_select", "_unique2") and _there(first):
        return "a value is read back from the device"
    if name in ("index", "index_put", "index_put_") and _there(first):
        for index in args[1]:
            if isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8):
                return "boolean indexing asks the device how many entries there are"
            if isinstance(index, Tensor) and not _there(index):
                return "an index is copied to the device"
    if name == "lift_fresh" and _there(first):
        return "a tensor is made from Python numbers on the device"
    if name == "_to_copy" and torch.device(kwargs.get("device") or "cpu") == META:
        return "" if _there(first) else "a tensor is copied to the device"
    if name == "_to_copy" and _there(first) and kwargs.get("device") is not None:
        return "a tensor is copied back from the device"
    if name == "copy_" and _there(first) != _there(args[1]):
        return "a tensor is copied between host and device"
    return ""


def _there(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device == META
