"""The attribute groupings of the papers, as data."""

from __future__ import annotations

from farbench.plugins.grouping import Grouping
from farbench.tasks.attributes import CELEBA_ATTRIBUTES


def _columns(*numbers: int) -> tuple[str, ...]:
    """Return attribute names for CelebA's column numbers, counted from 0."""
    return tuple(CELEBA_ATTRIBUTES[number] for number in numbers)


MGMTN = Grouping(
    name="mgmtn",
    source="MGMTN (arXiv 2601.01408), Table 1: seven parts and Object.",
    groups={
        "Mouth": _columns(0, 6, 21, 36, 22, 24),
        "Ear": _columns(34),
        "Lower Face": _columns(14, 16, 37, 38),
        "Cheeks": _columns(19, 29, 30),
        "Nose": _columns(7, 27),
        "Eyes": _columns(1, 3, 12, 23, 15),
        "Hair": _columns(4, 5, 8, 9, 11, 17, 28, 32, 33, 35),
        "Object": _columns(2, 10, 13, 18, 20, 25, 26, 31, 39),
    },
    regions={
        "Mouth": "mouth",
        "Ear": "ear",
        "Lower Face": "lower_face",
        "Cheeks": "cheeks",
        "Nose": "nose",
        "Eyes": "eyes",
        "Hair": "hair",
        "Object": "face",
    },
)

PS_MCNN = Grouping(
    name="ps_mcnn",
    source="PS-MCNN-LC (Cao, Li, Zhang, CVPR 2018), four groups by position; the index list is the "
    "one of the official code of SPL-Net (github.com/pida0/spl_net, datasets/lfwa.py), which uses "
    "the same four. No masks in either paper, so no regions.",
    groups={
        "Upper": _columns(1, 3, 4, 5, 8, 9, 11, 12, 15, 17, 23, 28, 35),
        "Middle": _columns(7, 19, 27, 29, 30, 34),
        "Lower": _columns(6, 14, 16, 21, 22, 24, 36, 37, 38),
        "Whole": _columns(0, 2, 10, 13, 18, 20, 25, 26, 31, 32, 33, 39),
    },
    regions={},
)

MCNN_AUX = Grouping(
    name="mcnn_aux",
    source="MCNN-AUX (Hand and Chellappa, AAAI 2017), nine groups: names as quoted by MGMTN "
    "(section 2.2), membership from memory, not checked against the paper; a public "
    "re-implementation has the same for its 35 attributes. Regions are farbench's.",
    groups={
        "Gender": _columns(20),
        "Nose": _columns(7, 27),
        "Mouth": _columns(6, 31, 36, 21),
        "Eyes": _columns(1, 3, 12, 23, 15),
        "Face": _columns(2, 10, 25, 26, 39, 18),
        "Around Head": _columns(8, 9, 11, 17, 4, 28, 5, 35, 32, 33, 34, 37, 38),
        "Facial Hair": _columns(0, 22, 24, 30, 16),
        "Cheeks": _columns(19, 29),
        "Fat": _columns(13, 14),
    },
    regions={
        "Gender": "head",
        "Nose": "nose",
        "Mouth": "mouth",
        "Eyes": "eyes",
        "Face": "face",
        "Around Head": "head",
        "Facial Hair": "face",
        "Cheeks": "cheeks",
        "Fat": "lower_face",
    },
)

APS = Grouping(
    name="aps",
    source="APS (Chen et al., JVCIR 90:103745, 2023), partial and general attributes. A public "
    "summary has Male, Young, Attractive, Oval_Face, Pale_Skin, Chubby and Smiling as general; "
    "that Heavy_Makeup and Blurry are too, and no others, is farbench's reading: it makes them "
    "MGMTN's Object. No masks, so no regions.",
    groups={
        "Partial": tuple(name for name in CELEBA_ATTRIBUTES if name not in MGMTN.groups["Object"]),
        "General": MGMTN.groups["Object"],
    },
    regions={},
)

DMM_CNN = Grouping(
    name="dmm_cnn",
    source="DMM-CNN (Mao et al., IEEE TAC 2022), objective and subjective attributes; the members "
    "were not found. farbench's reading: subjective is what needs a judgement of degree (big, "
    "narrow, chubby, young, wavy), objective what is there or is not. No masks, so no regions.",
    groups={
        "Objective": _columns(
            *(0, 4, 5, 8, 9, 11, 15, 16, 17, 20, 21, 22, 24, 30, 31, 34, 35, 36, 37, 38)
        ),
        "Subjective": _columns(
            *(1, 2, 3, 6, 7, 10, 12, 13, 14, 18, 19, 23, 25, 26, 27, 28, 29, 32, 33, 39)
        ),
    },
    regions={},
)

SINGLE = Grouping(
    name="single",
    source="No grouping: one head for all 40 attributes (MGMTN's baseline, Table 3).",
    groups={"All": CELEBA_ATTRIBUTES},
    regions={"All": "face"},
)

GROUPINGS: tuple[Grouping, ...] = (MGMTN, PS_MCNN, MCNN_AUX, APS, DMM_CNN, SINGLE)
"""Every grouping that ships with farbench."""
