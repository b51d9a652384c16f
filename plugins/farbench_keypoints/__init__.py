"""The keypoint models that ship with farbench; an ordinary plugin package."""

from __future__ import annotations

from collections.abc import Sequence

from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.specs import hookimpl


@hookimpl
def farbench_keypoints() -> Sequence[type[KeypointModel]]:
    """Provide every model; none of them imports its library before it is used."""
    from farbench_keypoints.auto import Auto
    from farbench_keypoints.canonical import Canonical
    from farbench_keypoints.celeba5 import CelebA5
    from farbench_keypoints.dlib68 import Dlib68
    from farbench_keypoints.exact import Exact
    from farbench_keypoints.farl98 import Farl98

    return [Auto, Exact, CelebA5, Dlib68, Farl98, Canonical]
