"""The data set `lfwa`: LFW with the attributes of CelebA's authors, in its official layout."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import DatasetInfo, FaceIndex
from farbench.tasks.attributes import CELEBA_ATTRIBUTES, BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.identity import Identity
from farbench_datasets.folder_dataset import FolderDataset, examples, sub_folders
from farbench_datasets.splits import carve_valid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from farbench_datasets.mat_files import MatFile

_HOW_TO_GET = """\
1. Get LFWA (lfw_att_40.mat, lfw_att_73.mat, indices_train_test.mat) where CelebA's authors link
   it: https://liuziwei7.github.io/projects/FaceAttributes.html; non-commercial research.
2. Get the images of LFW (250 x 250), as they come with LFWA, deep-funneled or funneled:
   http://vis-www.cs.umass.edu/lfw/
3. Put them into one folder `lfwa/`: the .mat files, and lfw/, lfw-deepfunneled/ or lfw_funneled/
   with a folder a person.
4. Type: pip install h5py (the files are MATLAB 7.3).
5. Pass the folder, or the one above it, as --data-root or in FARBENCH_DATA."""

_IMAGE_FOLDERS = ("lfw", "lfw-deepfunneled", "lfw_funneled", "lfw-funneled")

LFWA_ATTRIBUTES: tuple[str, ...] = tuple(
    """Male Asian White Black Baby Child Youth Middle_Aged Senior Black_Hair Blond_Hair Brown_Hair
    Bald No_Eyewear Eyeglasses Sunglasses Mustache Smiling Frowning Chubby Blurry Harsh_Lighting
    Flash Soft_Lighting Outdoor Curly_Hair Wavy_Hair Straight_Hair Receding_Hairline Bangs Sideburns
    Fully_Visible_Forehead Partially_Visible_Forehead Obstructed_Forehead Bushy_Eyebrows
    Arched_Eyebrows Narrow_Eyes Eyes_Open Big_Nose Pointy_Nose Big_Lips Mouth_Closed
    Mouth_Slightly_Open Mouth_Wide_Open Teeth_Not_Visible No_Beard Goatee Round_Jaw Double_Chin
    Wearing_Hat Oval_Face Square_Face Round_Face Color_Photo Posed_Photo Attractive_Man
    Attractive_Woman Indian Gray_Hair Bags_Under_Eyes Heavy_Makeup Rosy_Cheeks Shiny_Skin Pale_Skin
    5_o_Clock_Shadow Strong_Nose-Mouth_Lines Wearing_Lipstick Flushed_Face High_Cheekbones
    Brown_Eyes Wearing_Earrings Wearing_Necktie Wearing_Necklace""".split()  # noqa: SIM905
)
"""The 73 attributes of lfw_att_73.mat: those of Kumar et al. (ICCV 2009), in their order."""

_NAME = re.compile(r"[^./\\][^/\\]*/[^./\\][^/\\]*\.jpg")
"""Person/Person_0001.jpg: one folder deep, so that a name never points out of it."""


class LFWA(FolderDataset):
    """LFWA: LFW's faces with 40 (or 73) binary attributes, the official train and test.

    Train and test share no person. There is no official valid split: a share of the train
    *persons* is taken, by a hash of their names. Papers often tune on test instead.
    """

    name = "lfwa"
    source = "Liu, Luo, Wang, Tang: Deep Learning Face Attributes in the Wild. ICCV 2015."
    folders = ("lfwa", "LFWA", "LFWA+")
    default_tasks = ("attributes",)
    info = DatasetInfo(
        title="LFWA",
        citation="Z. Liu, P. Luo, X. Wang, X. Tang: Deep Learning Face Attributes in the Wild. "
        "ICCV 2015. Images: G. Huang et al.: Labeled Faces in the Wild. 2007.",
        licence="non-commercial research only",
        homepage="https://liuziwei7.github.io/projects/FaceAttributes.html",
        how_to_get=_HOW_TO_GET,
    )

    attributes: Literal[40, 73] = Field(
        40, description="CelebA's 40 attributes, or the 73 of lfw_att_73.mat."
    )
    images: str | None = Field(
        None,
        description="The folder with a folder a person in it, below the data set's; else the first "
        f"of {', '.join(_IMAGE_FOLDERS)}.",
    )
    valid_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the train persons that are valid instead."
    )
    split_seed: int = Field(0, ge=0, description="Another seed, other valid persons.")

    def tasks(self) -> tuple[Task, ...]:
        """Return the attributes and the identity."""
        return (BinaryAttributes("attributes", self._names()), Identity("identity"))

    def base(self, root: Path) -> Path | None:
        """Return the folder that holds a folder a person."""
        names = (self.images,) if self.images else _IMAGE_FOLDERS
        for name in names:
            # Kaggle's copies nest the folder once.
            for folder in (root / name / Path(name).name, root / name):
                if sub_folders(folder):
                    return folder
        return None

    def recognises(self, folder: Path) -> bool:
        """Return whether LFWA lies in a folder of any name."""
        return (folder / f"lfw_att_{self.attributes}.mat").is_file()

    def index(self, root: Path | None) -> FaceIndex:
        """Read attributes and split; sizes are what the files hold.

        Raises:
            UserError: A file is missing or malformed, or h5py is not installed.
        """
        import numpy as np
        import pandas as pd

        from farbench_datasets.mat_files import MatFile

        base = self.found(root)
        assert root is not None  # `found` has checked it
        path = _required(root / f"lfw_att_{self.attributes}.mat")
        file = MatFile(path, ("AttrName", "label", "name"))
        names = [name.strip().replace("\\", "/") for name in file.strings("name")]
        _check_names(path, names)
        labels = self._labels(file, names)
        split_path = _required(root / "indices_train_test.mat")
        split = _split(split_path, len(names))

        notes: list[str] = []
        here = np.array([(base / name).is_file() for name in names])
        used = split != ""
        gaps = {
            f"label rows have no image in {base.name}/": ~here,
            f"labelled images are in no split of {split_path.name}": here & ~used,
        }
        self.left_out(
            {what: [names[i] for i in np.flatnonzero(gap)] for what, gap in gaps.items()}, notes
        )
        keep = np.flatnonzero(here & used)
        if not len(keep):
            raise UserError(
                f"{self.name}: none of the images of {path.name} is in {base}; it names "
                f"{examples(names[:2])}.\n{_HOW_TO_GET}"
            )
        persons = [names[i].split("/")[0] for i in keep]
        images = [names[i] for i in keep]
        self._note_persons(persons, split[keep], notes)
        frame = pd.DataFrame(
            {
                "image": images,
                "split": carve_valid(
                    split[keep],
                    images,
                    seed=self.split_seed,
                    share=self.valid_share,
                    groups=persons,
                ),
                "identity": pd.array([f"{self.name}/{p}" for p in persons], dtype="string"),
            }
        )
        columns = [f"attributes.{name}" for name in self._names()]
        attributes = pd.DataFrame(labels[keep], columns=columns)
        return FaceIndex(pd.concat([frame, attributes], axis=1), notes=notes)

    def _names(self) -> tuple[str, ...]:
        return CELEBA_ATTRIBUTES if self.attributes == 40 else LFWA_ATTRIBUTES

    def _labels(self, file: MatFile, names: list[str]) -> NDArray[np.int8]:
        """Return int8 ``(images, attributes)`` in the order of :meth:`_names`."""
        import numpy as np

        held = {_letters(name): place for place, name in enumerate(file.strings("AttrName"))}
        missing = [name for name in self._names() if _letters(name) not in held]
        if missing:
            raise UserError(
                f"{file.path}: AttrName lacks {', '.join(missing)}. "
                f"It holds {', '.join(file.strings('AttrName'))}."
            )
        labels = file.numbers("label")
        if labels.shape != (len(names), len(held)):
            raise UserError(
                f"{file.path}: label is {' x '.join(map(str, labels.shape))}; expected "
                f"{len(names)} names x {len(held)} attributes."
            )
        labels = labels[:, [held[_letters(name)] for name in self._names()]]
        wrong = ~np.isin(labels, (0, 1))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise UserError(
                f"{file.path}: {names[row]} has the label {labels[row, column]:g} for "
                f"{self._names()[column]}; allowed are 0 and 1."
            )
        return labels.astype(np.int8)

    def _note_persons(self, persons: list[str], split: NDArray[np.str_], notes: list[str]) -> None:
        sides = {
            side: {p for p, s in zip(persons, split, strict=True) if s == side}
            for side in ("train", "test")
        }
        shared = sides["train"] & sides["test"]
        if shared:
            notes.append(f"{len(shared):,} persons are in train and in test of the official split.")
        notes.append(
            f"no official valid split: {self.valid_share:.0%} of the train persons "
            f"(split_seed {self.split_seed})."
        )


def _required(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"LFWA's {path.name} is missing in {path.parent}.\n{_HOW_TO_GET}")
    return path


def _check_names(path: Path, names: list[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise UserError(f"{path}: '{name[:60]}' is no image name (Person\\Person_0001.jpg).")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: {twice} is there twice.")


def _split(path: Path, count: int) -> NDArray[np.str_]:
    """Return train, test or nothing for each of ``count`` images."""
    import numpy as np

    from farbench_datasets.mat_files import MatFile

    variables = {"indices_img_train": "train", "indices_img_test": "test"}
    file = MatFile(path, list(variables))
    split = np.full(count, "", dtype="<U5")
    for variable, name in variables.items():
        indices = file.numbers(variable).ravel()
        wrong = (indices < 1) | (indices > count) | (indices % 1 != 0)
        if wrong.any():
            raise UserError(
                f"{path}: {variable} holds {indices[wrong][0]:g}; allowed are 1 to {count} "
                "(MATLAB counts from 1)."
            )
        places = indices.astype(np.int64) - 1
        if (split[places] != "").any():
            image = int(places[split[places] != ""][0]) + 1
            raise UserError(f"{path}: image {image} is in train and in test.")
        split[places] = name
    return split


def _letters(name: str) -> str:
    """Return what is compared of an attribute's name: letters and digits, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
