"""DMM-CNN in spirit: the deep branch, landmarks beside the attributes."""

from __future__ import annotations

import pytest
import torch
from peer_parts import ATTRIBUTES, FEW, build, built_without_memory, faces, parameters, peer_problem

from farbench import CELEBA_ATTRIBUTES, BinaryAttributes, Landmarks, UserError
from farbench_methods.dmm_cnn import DMMCNN
from farbench_methods.dmm_cnn_network import PyramidPool

SMALL = DMMCNN(backbone="resnet10t", channels=16, hidden=8)
FIVE = Landmarks("landmarks", "landmarks5", 5, (1, 0, 2, 4, 3), ((0,), (1,)))


def test_sizes_with_the_papers_backbone() -> None:
    network = built_without_memory(DMMCNN())
    objective, subjective = network.branches
    assert parameters(objective) == 512 * 2049
    pyramid = 512 * (1 + 4 + 16)
    convolutions = 9 * 512 * (2048 + 512) + 4 * 512
    assert parameters(subjective) == convolutions + 512 * (pyramid + 1) + 512 * 513


def test_the_pyramid_holds_the_maxima_of_its_cells() -> None:
    maps = torch.randn(2, 3, 4, 4)
    found = PyramidPool((1, 2))(maps)
    assert found.shape == (2, 3 * 5)
    torch.testing.assert_close(found[:, :3], maps.amax((2, 3)))
    quarter = maps[:, :, :2, 2:].amax((2, 3))
    torch.testing.assert_close(found[:, 3:].view(2, 3, 2, 2)[:, :, 0, 1], quarter)


def test_an_attribute_trains_its_own_branch() -> None:
    for attribute, branch in (("Eyeglasses", 0), ("Young", 1)):
        network = build(SMALL).train()
        network(faces(4))["attributes"][:, CELEBA_ATTRIBUTES.index(attribute)].sum().backward()
        used = [
            number
            for number, part in enumerate(network.branches)
            if any(v.grad is not None and v.grad.any() for v in part.parameters())
        ]
        assert used == [branch]


def test_landmarks_are_learned_along() -> None:
    network = build(SMALL, peer_problem([ATTRIBUTES, FIVE]))
    outputs = network(faces())
    assert outputs["landmarks"].shape == (2, 10)
    assert outputs["attributes"].shape == (2, 40)
    assert SMALL.task_kinds == ("attributes", "landmarks")


def test_subjective_groups_are_named() -> None:
    network = build(
        DMMCNN(**{**SMALL.model_dump(), "grouping": "mgmtn", "subjective": ("Object",)})
    )
    deep = [len(branch) for branch in network.branches]
    assert deep == [4] * 7 + [7]
    with pytest.raises(UserError, match="Object"):
        build(DMMCNN(**{**SMALL.model_dump(), "grouping": "mgmtn", "subjective": ("Objekt",)}))
    with pytest.raises(UserError, match="Subjective"):
        build(SMALL.model_copy(update={"subjective": ("subjective",)}))
    # A data set without subjective attributes has no such branch.
    assert len(build(SMALL, peer_problem([FEW])).branches) == 1
    assert len(build(SMALL, peer_problem([BinaryAttributes("one", ("Young",))])).branches) == 1
