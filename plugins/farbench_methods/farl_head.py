"""FaRL as an attribute model: a vision transformer and facer's head on its last layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from farbench import Problem
from farbench.plugins.model_file import file_digest
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class FaRLHead(Peer):
    """Mean, maximum and class token of a ViT's layer, mixed by three learned weights.

    Known, from the code of facer 0.0.5: ViT-B/16 in CLIP's form at 224 px, features of layer 11
    alone: mean of the patches, maximum of the patches, class token; a LayerNorm each; their sum by
    softmax weights; one linear layer. facer aligns faces to five standard points and gives 92.066%
    on CelebA. How it was fine-tuned is not published: the protocol's training is used.

    ``weights`` names a file: ``face_attribute.farl.celeba.pt`` (github.com/FacePerceiver/facer,
    release models-v1) or ``FaRL-Base-Patch16-LAIONFace20M-ep16.pth`` or ``-ep64.pth``
    (github.com/FacePerceiver/FaRL, release pretrained_weights). The first one was TRAINED ON
    CELEBA'S ATTRIBUTES: what it reaches there is not transfer and must not be called
    zero-training; for other labels its head is used where it knows the attribute. The other two
    have seen no attribute. A cell's identity has the digest of what is in the file, not its path.

    With another ``backbone`` and no file the backbone's own timm weights are taken. Images of
    other sizes are padded to whole patches, and position embeddings interpolated. Tasks of any
    kind get a linear layer each.
    """

    name: ClassVar[str] = "farl_head"
    source: ClassVar[str] = (
        "Zheng et al., General Facial Representation Learning in a Visual-Linguistic Manner (FaRL, "
        "CVPR 2022, arXiv 2112.03109); head as in github.com/FacePerceiver/facer."
    )
    task_kinds: ClassVar[tuple[str, ...]] = ()
    untested_options: ClassVar[dict[str, str]] = {"weights": "it names a file of weights"}

    backbone: str = Field(
        "vit_base_patch16_clip_quickgelu_224", description="Any timm ViT with a class token."
    )
    weights: str | None = Field(
        None,
        description="File of facer's attribute model or of a FaRL backbone; not read where the "
        "protocol has `pretrained: false`.",
    )
    layers: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (11,), min_length=1, description="Blocks whose features are used, counted from 0."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Before the linear layers.")

    def identity(self) -> dict[str, Any]:
        """Return the options, with the digest of the weights in place of their path."""
        path = Path(self.weights).expanduser() if self.weights else None
        if path is None or not path.is_file():  # building tells what is missing, if it is read
            return self.options()
        return {**self.options(), "weights": file_digest(path)}

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.farl_head_network import FaRLNetwork

        return FaRLNetwork(problem, self)
