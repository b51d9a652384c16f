"""The data sets that ship with farbench; an ordinary plugin package."""

from __future__ import annotations

from collections.abc import Sequence

from farbench.plugins.dataset import Dataset
from farbench.plugins.specs import hookimpl


@hookimpl
def farbench_datasets() -> Sequence[type[Dataset]]:
    """Provide public face data sets, anybody's own folder, and the faces that farbench draws."""
    from farbench_datasets.celeba import CelebA
    from farbench_datasets.fairface import FairFace
    from farbench_datasets.fer2013 import FER2013
    from farbench_datasets.image_folder import ImageFolder
    from farbench_datasets.keypoints68 import Keypoints68
    from farbench_datasets.lfwa import LFWA
    from farbench_datasets.rafdb import RAFDB
    from farbench_datasets.synthetic_faces import SyntheticFaces
    from farbench_datasets.utkface import UTKFace

    return [
        *(CelebA, LFWA, FairFace, UTKFace, FER2013, RAFDB, Keypoints68),
        *(ImageFolder, SyntheticFaces),
    ]
