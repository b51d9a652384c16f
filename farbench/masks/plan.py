"""What the masks of a source will be made of: the identities of points, network and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farbench.benchmark.identity import Identity, code_identity
from farbench.benchmark.schema import MaskProtocol
from farbench.data.source import Source
from farbench.errors import UserError
from farbench.masks.network import encoder_weights
from farbench.plugins.grouping import Group
from farbench.plugins.keypoints import KeypointModel
from farbench.training.device import Compute


@dataclass(frozen=True)
class MaskPlan:
    """What the masks of a source will be made of.

    Attributes:
        groups: The groups in channel order, each with a region (:func:`plan_masks` checks it).
        keypoints: The keypoint model, resolved (never "auto").
        protocol: Settings of the mask network.
        pretrained: Whether its encoder starts from ImageNet weights.
        points: Identity of the keypoints.
        network: Identity of the mask network and its masks at area 1.
    """

    groups: tuple[Group, ...]
    keypoints: KeypointModel
    protocol: MaskProtocol
    pretrained: bool
    points: Identity
    network: Identity

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the groups in channel order."""
        return tuple(group.name for group in self.groups)

    @property
    def regions(self) -> tuple[str, ...]:
        """The face region of each group, in channel order."""
        return tuple(str(group.region) for group in self.groups)

    def at(self, area: float) -> Identity:
        """Return the identity of the masks scaled to an area."""
        if area == 1:
            return self.network
        recipe = {"masks": self.network.recipe, "area": area}
        return Identity(recipe, self.network.code, self.network.numerics)


def plan_masks(
    source: Source,
    packed_side: int,
    grouping: str,
    groups: Sequence[Group],
    keypoints: KeypointModel,
    protocol: MaskProtocol,
    compute: Compute,
    *,
    pretrained: bool,
) -> MaskPlan:
    """Work out the identities of the masks without making anything.

    Raises:
        UserError: A group has no region, or the keypoint model cannot serve this data set.
    """
    bare = [group.name for group in groups if group.region is None]
    if bare:
        raise UserError(
            f"grouping '{grouping}' gives no face region for {', '.join(bare)}, so masks cannot be "
            "made. Use a grouping with regions, such as mgmtn."
        )
    reason = keypoints.unavailable(source.index)
    if reason:
        raise UserError(
            f"the masks need keypoints, and the keypoint model '{keypoints.name}' cannot give them "
            f"for data set '{source.dataset.name}': {reason}"
        )
    keypoints = keypoints.resolve(source.index)
    points = Identity(
        {
            "keypoints": {"name": keypoints.name, "identity": keypoints.identity()},
            "data": source.manifest,
        },
        code_identity([*keypoints.modules(), *source.dataset.modules()]),
        {},
    )
    network = Identity(
        {
            "points": points.recipe,
            "groups": [[group.name, group.region] for group in groups],
            "resize": packed_side,
            # Where its masks are predicted is the stage's matter: both ways share the network.
            "protocol": protocol.model_dump(mode="json", exclude={"online"}),
            "pretrained": encoder_weights(protocol, pretrained),
        },
        code_identity(["farbench.masks.artifact", *keypoints.modules(), *source.dataset.modules()]),
        compute.numerics(),
    )
    return MaskPlan(tuple(groups), keypoints, protocol, pretrained, points, network)
