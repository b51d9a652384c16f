"""The data set `celeba`: aligned CelebA in its official, zipped or Kaggle layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from farbench.errors import UserError, did_you_mean
from farbench.plugins.dataset import Dataset, DatasetInfo, FaceIndex, Framing
from farbench.tasks.attributes import CELEBA_ATTRIBUTES, BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench_datasets.folder_dataset import examples

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from farbench_datasets.celeba_images import CelebAImages

_HOW_TO_GET = """\
1. Ask for the data at https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and accept its terms
   (non-commercial research), or get the Kaggle copy `jessicali9530/celeba-dataset`.
2. Put these into one folder `celeba/` (sub-folders Img, Anno and Eval may stay as downloaded):
     img_align_celeba/ or img_align_celeba.zip   the aligned images
     list_attr_celeba.txt (or .csv)              the 40 attributes
     list_eval_partition.txt (or .csv)           the official split
     list_landmarks_align_celeba.txt (or .csv)   five landmarks an image; optional
     identity_CelebA.txt                         identities; optional
3. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""


class CelebA(Dataset):
    """CelebA, aligned and cropped: 202,599 faces, 40 binary attributes, the official partition.

    Five landmarks and identities are tasks as well, with labels where their files are there.
    """

    name = "celeba"
    default_tasks: ClassVar[tuple[str, ...]] = ("attributes",)
    source = "Liu, Luo, Wang, Tang: Deep Learning Face Attributes in the Wild. ICCV 2015."
    info = DatasetInfo(
        title="CelebA",
        citation="Z. Liu, P. Luo, X. Wang, X. Tang: Deep Learning Face Attributes in the Wild. "
        "ICCV 2015.",
        licence="non-commercial research and education only, no redistribution of images",
        homepage="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        how_to_get=_HOW_TO_GET,
        expected_counts={"train": 162_770, "valid": 19_867, "test": 19_962},
        # Medians of dlib's points over 1,300 of the aligned images; eyes vary by 2 pixels.
        framing=Framing(
            (178, 218),
            ((69.3, 112.5), (107.7, 112.7), (88.0, 135.0), (71.0, 153.0), (106.0, 153.0)),
        ),
    )

    attributes: tuple[str, ...] = Field(
        (), description="Only these of the 40 attributes, in this order; empty is all of them."
    )
    landmarks: str | None = Field(
        None,
        description="Five landmarks an image from this CSV (columns image_id, lefteye_x, ... "
        "rightmouth_y; rows whose dlib_face_found is 0 stay unknown) instead of "
        "list_landmarks_align_celeba. A relative path is below the data set's folder.",
    )
    partition: str | None = Field(
        None,
        description="Another partition file (image and 0, 1 or 2), instead of "
        "list_eval_partition. A relative path is below the data set's folder.",
    )
    on_mismatch: Literal["skip", "error"] = Field(
        "skip",
        description="What to do where labels, images and partition do not cover each other: "
        "skip leaves the images out and says how many, error stops.",
    )

    @field_validator("attributes")
    @classmethod
    def _known_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in CELEBA_ATTRIBUTES:
                raise ValueError(
                    f"CelebA has no attribute '{name}'.{did_you_mean(name, CELEBA_ATTRIBUTES)}"
                )
        if len(set(names)) < len(names):
            raise ValueError("an attribute is named twice")
        return names

    def tasks(self) -> tuple[Task, ...]:
        """Return the attributes, the five landmarks and the identity."""
        return (
            BinaryAttributes("attributes", self.attributes or CELEBA_ATTRIBUTES),
            Landmarks("landmarks", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES),
            Identity("identity"),
        )

    def locate(self, data_root: Path) -> Path | None:
        """Return CelebA's folder: ``data_root`` itself, known by its files, or one just below."""
        from farbench_datasets import celeba_files as files

        candidates = [data_root, data_root / "celeba", data_root / "CelebA", data_root / "Celeba"]
        for folder in candidates:
            if files.find(folder, files.ATTRIBUTES) is not None:
                return folder
        # A folder of the right name without labels: `index` says which file is missing.
        for folder in candidates:
            if folder.is_dir() and folder.name.lower() == "celeba":
                return folder
        return None

    def index(self, root: Path | None) -> FaceIndex:
        """Read labels, partition, landmarks and identities, and see which images are there.

        Image ids are the official file names ("000001.jpg") in every layout, so that results from
        a folder and from the zip can be joined.

        Raises:
            UserError: A required file is missing, a row is malformed, or nothing matches.
        """
        import numpy as np

        from farbench_datasets import celeba_files as files
        from farbench_datasets.celeba_images import find_images

        root = self._root(root)
        labels_path = self._required(root, files.ATTRIBUTES, "the 40 attributes")
        partition_path = self._chosen(root, self.partition, "partition") or self._required(
            root, files.PARTITION, "the official partition"
        )
        images = find_images(root)
        if images is None:
            raise UserError(
                f"CelebA's images are not in {root}: found neither a folder img_align_celeba/ "
                f"with images in it nor img_align_celeba.zip (also looked below Img/).\n"
                f"{_HOW_TO_GET}"
            )

        notes: list[str] = []
        labels = files.read_attributes(labels_path, notes)
        partition = files.read_partition(partition_path)
        present = labels.index.isin(images.names)
        split = partition.reindex(labels.index)
        self._report(labels, images.names, present, split, labels_path.name, notes)
        keep = present & split.notna().to_numpy()
        if not keep.any():
            raise UserError(
                f"no image of {images.where} is named in both {labels_path.name} and "
                f"{partition_path.name}: images look like {examples(sorted(images.names)[:2])}, "
                f"label rows like {examples(list(labels.index[:2]))}. "
                "Check that labels and images come from the same release."
            )
        labels, split = labels[keep], split[keep]

        frame = labels.set_axis([f"attributes.{name}" for name in labels.columns], axis=1)
        frame.insert(0, "image", labels.index.to_numpy())
        frame.insert(1, "split", split.to_numpy())
        frame.insert(2, "identity", self._identities(root, labels).to_numpy())
        frame = frame.reset_index(drop=True)
        frame["identity"] = frame["identity"].astype("string")

        points: dict[str, NDArray[np.float32]] = {}
        landmarks_path = self._chosen(root, self.landmarks, "landmarks") or files.find(
            root, files.LANDMARKS
        )
        if landmarks_path is not None:
            points["landmarks5"] = files.read_landmarks(landmarks_path, labels.index)
            unknown = int(np.isnan(points["landmarks5"]).any(axis=(1, 2)).sum())
            if unknown:
                notes.append(f"{landmarks_path.name}: no landmarks for {unknown:,} images.")
        return FaceIndex(frame, points, [f"celeba: {note}" for note in notes])

    def sizes(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the bytes of each image in the folder or the zip."""
        return self._images(root).sizes(images)

    def stamps(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return when each image was last changed; of the zip, the checksums that it holds."""
        return self._images(root).stamps(images)

    def checksums(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Return the CRC-32 of each image in the folder or the zip."""
        return self._images(root).checksums(images)

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Return one image, uint8 ``(218, 178, 3)`` in RGB, from the folder or out of the zip."""
        return self._images(root).read(str(row.image))

    def _images(self, root: Path | None) -> CelebAImages:
        from farbench_datasets.celeba_images import find_images

        images = find_images(self._root(root))
        if images is None:
            raise UserError(f"CelebA's images are no longer in {root}.")
        return images

    def _root(self, root: Path | None) -> Path:
        if root is None:
            raise UserError(f"data set 'celeba' needs a data root.\n{_HOW_TO_GET}")
        return root

    def _chosen(self, root: Path, option: str | None, what: str) -> Path | None:
        """Return the file that an option names, or None where the option is not set."""
        if option is None:
            return None
        path = root / Path(option).expanduser()
        if not path.is_file():
            raise UserError(
                f"celeba: the option `{what}` names {path}, which is not there. Give a path "
                f"below {root}, or an absolute one."
            )
        return path

    def _required(self, root: Path, names: tuple[str, ...], what: str) -> Path:
        """Return the first of ``names`` that exists, or say which file is missing."""
        from farbench_datasets import celeba_files as files

        path = files.find(root, names)
        if path is None:
            raise UserError(
                f"CelebA's {names[0]} ({what}) is missing in {root}; looked for "
                f"{', '.join(names)}.\n{_HOW_TO_GET}"
            )
        return path

    def _identities(self, root: Path, labels: pd.DataFrame) -> pd.Series[Any]:
        """Return "celeba/<number>" for each image, NA where the identity is not known."""
        import pandas as pd

        from farbench_datasets import celeba_files as files

        path = files.find(root, files.IDENTITY)
        if path is None:
            return pd.Series(pd.NA, index=labels.index, dtype="string")
        return files.read_identities(path).reindex(labels.index)

    def _report(
        self,
        labels: pd.DataFrame,
        names: frozenset[str],
        present: NDArray[np.bool_],
        split: pd.Series[Any],
        label_file: str,
        notes: list[str],
    ) -> None:
        """Count and list what does not fit together; raise if the user wants that."""
        gaps = {
            f"label rows of {label_file} have no image": list(labels.index[~present]),
            f"images have no row in {label_file}": sorted(names.difference(labels.index)),
            "labelled images are in no split of the partition": list(
                labels.index[present & split.isna().to_numpy()]
            ),
        }
        found = [
            f"{len(missing):,} {what} and are left out: {examples(missing)}."
            for what, missing in gaps.items()
            if missing
        ]
        if found and self.on_mismatch == "error":
            raise UserError(
                "celeba: " + " ".join(found) + " Set on_mismatch: skip to go on without them."
            )
        notes.extend(found)
