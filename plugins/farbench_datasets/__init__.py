"""The data sets that ship with farbench; an ordinary plugin package."""

from __future__ import annotations

from collections.abc import Sequence

from farbench.plugins.dataset import Dataset
from farbench.plugins.specs import hookimpl


@hookimpl
def farbench_datasets() -> Sequence[type[Dataset]]:
    """Provide CelebA and the faces that farbench draws."""
    from farbench_datasets.celeba import CelebA
    from farbench_datasets.synthetic_faces import SyntheticFaces

    return [CelebA, SyntheticFaces]
