"""Dynamic multi-task learning: a reduced Inception-ResNet-v1 with one branch a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, NonNegativeInt

from farbench import Method, Problem

if TYPE_CHECKING:
    from torch import nn


class DynamicMTL(Method):
    """The network of Ming et al.: identity and expression on one trunk, for any tasks.

    Read from the official code: the trunk is Inception-ResNet-v1 up to ``Mixed_7a``, with one
    ``block35`` and one ``block17`` instead of 5 and 10; a task's branch is one ``block8``, another
    without ReLU, average pooling and dropout. Identity is predicted by the pooled feature itself
    (1792 numbers), other tasks by 128 units with ReLU and a linear layer. Each image is brought to
    mean 0 and standard deviation 1. It is trained from scratch: no pretrained weights fit.

    This project's readings:

    * An identity embedding of another size than 1792 gets a linear layer of its own. The embedding
      is not normalised here; the classifier over identities and the centre loss are the task's
      loss (``softmax_centre``).
    * Outputs have no ReLU. The code has one on the expression's logits, which then cannot fall.
    * The trunk pads nothing in its stem and reductions, as in the code, and so needs 75 pixels;
      smaller images are enlarged to 75 (bilinear).
    * BatchNorm has PyTorch's momentum 0.1 and a scale. The code's 0.005 is made for trainings of
      many thousand steps.

    The dynamic weights are a task weighting (``protocol.weighting``). They look at the network's
    features: ``Mixed_7a``, averaged over positions, or flattened as in the code.
    """

    name: ClassVar[str] = "dynamic_mtl"
    source: ClassVar[str] = (
        "Ming et al., Dynamic Multi-Task Learning for Face Recognition with Facial Expression "
        "(arXiv 1911.03281, ICCVW 2019); github.com/hengxyz/Dynamic_multi-task-learning, "
        "src/models/inception_resnet_v1_expression_simple.py."
    )

    repeats: tuple[NonNegativeInt, NonNegativeInt] = Field(
        (1, 1), description="Number of block35 and block17: (1, 1) is the code's, (5, 10) the full."
    )
    branch_repeats: int = Field(
        1, ge=0, description="Number of block8 with ReLU in each branch; 5 in the full network."
    )
    hidden: int = Field(
        128, ge=0, description="Middle layer of a head (not identity's); 0 for none."
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="On each task's pooled feature.")
    flat_features: bool = Field(
        False,
        description="Give weightings the flattened Mixed_7a, as in the code, not its average.",
    )

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.dynamic_mtl_network import DynamicMTLNetwork

        return DynamicMTLNetwork(problem, self)
