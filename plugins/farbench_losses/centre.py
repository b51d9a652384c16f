"""The torch side of softmax with centre loss: a classifier over identities, and their centres."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear, normalize

from farbench_losses.reduction import reduce_known


class SoftmaxCentreModule(nn.Module):
    """Cross-entropy of a linear classifier plus centre loss, ``(N, E), (N,) -> scalar``.

    The classifier (``weight`` and ``bias``) is trained. ``centres`` ``(K, E)`` start at 0 and are
    moved in each training step, after the loss was taken, towards the mean embedding of the
    identities in the batch.
    """

    centres: Tensor

    def __init__(
        self, embedding: int, identities: int, centre_weight: float, alpha: float, unit_length: str
    ) -> None:
        """Create classifier and centres.

        Args:
            embedding: E, size of an embedding.
            identities: K.
            centre_weight: Factor on the centre loss.
            alpha: How much of a centre stays: it moves ``1 - alpha`` of the way.
            unit_length: Which of the two sees the embedding scaled to unit length: "centre",
                "both" or "none".
        """
        super().__init__()
        self.centre_weight, self.alpha, self.unit_length = centre_weight, alpha, unit_length
        self.weight = nn.Parameter(torch.empty(identities, embedding))
        # TensorFlow's truncated normal ends at two standard deviations.
        nn.init.trunc_normal_(self.weight, std=0.1, a=-0.2, b=0.2)
        self.bias = nn.Parameter(torch.zeros(identities))
        self.register_buffer("centres", torch.zeros(identities, embedding))

    def forward(self, embeddings: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over known identities; targets are -1 where unknown."""
        known, labels = targets >= 0, targets.clamp(min=0)
        unit = normalize(embeddings, dim=1, eps=1e-5)
        classified = unit if self.unit_length == "both" else embeddings
        centred = embeddings if self.unit_length == "none" else unit
        values = cross_entropy(linear(classified, self.weight, self.bias), labels, reduction="none")
        centres = self.centres[labels]
        values = values + self.centre_weight * (centred - centres).square().sum(1) / 2
        if self.training:
            self._move(centred.detach(), centres, labels, known)
        return reduce_known(values, known, "mean")

    @torch.no_grad()
    def _move(self, embeddings: Tensor, centres: Tensor, labels: Tensor, known: Tensor) -> None:
        same = (labels[:, None] == labels) & known
        mean = same.float() @ embeddings / same.sum(1, keepdim=True).clamp(min=1)
        shift = (1 - self.alpha) * (mean - centres)
        # One image an identity moves its centre: additions in any order would differ in the last
        # bits on a GPU. The rest, and unknown identities, add zeros.
        first = known & ~same.tril(-1).any(1)
        self.centres.index_add_(0, labels, torch.where(first[:, None], shift, 0.0))
