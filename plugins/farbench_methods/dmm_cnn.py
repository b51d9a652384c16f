"""DMM-CNN in spirit: subjective attributes get a deeper branch, landmarks are learned along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class DMMCNN(Peer):
    """A ResNet-50 with a shallow branch for objective and a deep one for subjective attributes.

    Known, from the abstract: attributes and facial landmarks are learned together; objective and
    subjective attributes have different architectures; the loss weight of each attribute changes
    during training; thresholds adapt to imbalance. Formulas, layers and the members of the two
    groups were not found. Hence *in spirit*.

    This project's reading: the objective branch is the averaged map and one layer, the subjective
    one has two convolutions more, a spatial pyramid of maxima and two layers. Landmarks get a
    branch where the protocol has such a task; the paper learns 72 points, of which CelebA has 5.
    Which attributes are subjective is told by `farbench show dmm_cnn`. Left out: dynamic weights
    (a task weighting of the protocol can be set) and adaptive thresholds, which belong to scoring.
    """

    name: ClassVar[str] = "dmm_cnn"
    source: ClassVar[str] = (
        "Mao, Yan, Xue and Wang, Deep Multi-task Multi-label CNN for Effective Facial Attribute "
        "Classification (IEEE TAC 2022, arXiv 2002.03683), in spirit."
    )
    task_kinds: ClassVar[tuple[str, ...]] = ("attributes", "landmarks")

    backbone: str = Field("resnet50", description="Any timm backbone with intermediate maps.")
    grouping: str = Field("dmm_cnn", description="See `farbench list groupings`.")
    subjective: tuple[str, ...] = Field(
        ("Subjective",), description="Groups that get the deeper branch."
    )
    channels: int = Field(512, ge=1, description="Of the deeper branch's convolutions.")
    pyramid: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 2, 4), min_length=1, description="Sides of the grids that its map is pooled to."
    )
    hidden: int = Field(512, ge=1, description="Size of fully connected layers.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Before the last layers.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.dmm_cnn_network import DMMCNNNetwork

        return DMMCNNNetwork(problem, self)
