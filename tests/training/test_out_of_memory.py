"""A stage that runs out of memory fails its cell, says what takes less, and frees what it held."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from test_stage import make_run, train
from tiny_parts import TinyNet
from torch import Tensor, nn

from farbench import Loss, Task, TrainStatistics
from farbench.errors import CellFailed
from farbench.training.memory import is_out_of_memory


def too_large() -> RuntimeError:
    """What torch raises on this machine where there is not enough memory."""
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60, dtype=torch.uint8)
    return error.value


class Greedy(Loss):
    """Asks for more memory than there is in its third step."""

    name = "greedy"
    inside: ClassVar[list[weakref.ref[Tensor]]] = []

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        class Module(nn.Module):
            steps = 0

            def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
                self.steps += 1
                Greedy.inside.append(weakref.ref(logits))
                if self.steps == 3:
                    torch.empty(2**60, dtype=torch.uint8)
                return logits.square().sum()

        return Module()


class Odd(Loss):
    """Fails for another reason."""

    name = "odd"

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        class Module(nn.Module):
            def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
                raise RuntimeError("shapes do not match")

        return Module()


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[nn.Module]]:
    """Every tiny network that is built."""
    found: list[weakref.ref[nn.Module]] = []
    init = TinyNet.__init__

    def remember(self: TinyNet, *args: Any) -> None:
        init(self, *args)
        found.append(weakref.ref(self))

    monkeypatch.setattr(TinyNet, "__init__", remember)
    return found


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ({}, r"8 images of 112 px at once.*batch_size=4\).*micro_batch=4\)"),
        ({"micro_batch": 6}, r"6 images of 112 px.*batch_size=4\).*micro_batch=3\)"),
        ({"micro_batch": 2}, r"2 images.*protocol\.crop"),
    ],
)
def test_the_message_names_what_takes_less(
    protocol: dict[str, Any],
    said: str,
    networks: list[weakref.ref[nn.Module]],
    tmp_path: Path,
) -> None:
    with pytest.raises(CellFailed, match=r"not enough memory for stage 'joint'.*" + said) as raised:
        train(make_run(loss=Greedy(), batch_size=8, **protocol), tmp_path)
    assert "\n" not in str(raised.value)
    del raised
    gc.collect()
    assert len(networks) == 1
    assert networks[0]() is None
    train(make_run(epochs=1), tmp_path / "next")


def test_what_the_steps_held_is_free_before_the_error_is_handled(tmp_path: Path) -> None:
    Greedy.inside.clear()
    try:
        train(make_run(loss=Greedy(), batch_size=8), tmp_path)
    except CellFailed:
        assert [held() for held in Greedy.inside] == [None] * 3
    assert len(Greedy.inside) == 3


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(make_run(loss=Odd()), tmp_path)


def test_what_is_out_of_memory() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert is_out_of_memory(too_large())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
