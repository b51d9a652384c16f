"""Softmax over the train identities with centre loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss, UserError

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class SoftmaxCentre(Loss):
    """Cross-entropy over the train identities, and the distance of embeddings to their centres.

    The mean over images of ``CE + centre_weight * |f - c|^2 / 2``, as in the official code of
    Dynamic Multi-Task Learning. CE is of a linear classifier on the embedding that belongs to the
    loss and is trained with the network (weights start at a truncated normal of 0.1, biases at
    0). Centres start at 0, and after each step c becomes ``c - (1 - alpha) (c - mean f)`` with
    the mean over the identity's images in the batch. In that code the classifier sees the
    embedding as it is and the centre loss sees it scaled to unit length, as verification does.
    """

    name: ClassVar[str] = "softmax_centre"
    source: ClassVar[str] = (
        "Wen et al., A Discriminative Feature Learning Approach for Deep Face Recognition, ECCV "
        "2016; details: hengxyz/Dynamic_multi-task-learning (Ming et al., ICCVW 2019), "
        "metrics_loss.py."
    )
    tasks: ClassVar[tuple[str, ...]] = ("identity",)

    centre_weight: float = Field(0.1, ge=0, description="Factor on the centre loss.")
    alpha: float = Field(
        0.5, ge=0, le=1, description="How much of a centre stays in a step; 1: centres rest at 0."
    )
    unit_length: Literal["centre", "both", "none"] = Field(
        "centre",
        description="Which of the two sees the embedding scaled to unit length: the centre loss, "
        "both (the classifier too), or none.",
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`.

        Raises:
            UserError: The train split has fewer than two identities.
        """
        from farbench_losses.centre import SoftmaxCentreModule

        if statistics.identities < 2:
            raise UserError(
                f"loss '{self.name}' of {task.wording()} tells the identities of the train split "
                f"apart, and it has {statistics.identities}. Take more images (`images.train`), a "
                "data set with identities (`farbench list datasets`), or other tasks."
            )
        return SoftmaxCentreModule(
            task.outputs, statistics.identities, self.centre_weight, self.alpha, self.unit_length
        )
