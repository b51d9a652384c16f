"""Which GPUs take part, as told by what torch sees."""

from __future__ import annotations

import pytest
import torch

from farbench.executors.memory import gpus_to_use


@pytest.fixture
def gpus(monkeypatch):
    """Return a function that makes torch see GPUs of these names."""

    def see(*names, visible=None):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(names))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: names[number])
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return see


def test_none_on_a_processor(gpus):
    gpus("H100", "H100")
    assert gpus_to_use("cpu") == []
    gpus()
    assert gpus_to_use("auto") == []
    assert gpus_to_use("cuda") == []


def test_one_that_is_named_or_alone_is_left_as_it_is(gpus):
    gpus("H100", "H100")
    assert gpus_to_use("cuda:1") == [None]
    gpus("H100")
    assert gpus_to_use("cuda") == [None]


def test_all_of_the_first_kind(gpus):
    gpus("H100", "T4", "H100")
    assert gpus_to_use("cuda") == ["0", "2"]
    assert gpus_to_use("auto") == ["0", "2"]


def test_numbers_are_those_of_the_variable_where_it_is_set(gpus):
    gpus("H100", "H100", visible="3,GPU-abc")
    assert gpus_to_use("cuda") == ["3", "GPU-abc"]
