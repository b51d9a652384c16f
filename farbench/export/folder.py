"""Exports a trained cell as a folder: weights, mask network, ``farbench.json``, model card."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from farbench.errors import UserError
from farbench.export.card import model_card
from farbench.export.description import describe
from farbench.masks.network import WEIGHTS as MASK_WEIGHTS
from farbench.running.trained import TrainedCell
from farbench.running.trained_masks import mask_weights
from farbench.running.trained_record import EXPORTED
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import write_json, write_text, write_with
from farbench.store.cells import WEIGHTS

CARD = "README.md"


def export_folder(trained: TrainedCell, folder: Path, store: ArtifactStore) -> list[Path]:
    """Write all that ``farbench predict`` needs, and a card for people.

    Args:
        trained: The cell.
        folder: New, empty, or of an earlier export, which is replaced.
        store: The cache that holds its mask network.

    Returns:
        The files written.

    Raises:
        UserError: The folder holds something else, or the cell lacks something.
    """
    if folder.is_file() or (folder.is_dir() and not _ours(folder)):
        raise UserError(f"-o {folder}: this holds something else; name a new or an empty folder.")
    if folder.resolve() == trained.folder.resolve():  # an exported cell
        raise UserError(f"-o {folder}: a cell cannot be exported into itself.")
    trained.check_decodes()
    copies = {WEIGHTS: trained.folder / WEIGHTS}
    if trained.request is not None:
        copies[MASK_WEIGHTS] = mask_weights(trained, store)
    about = describe(trained)
    folder.mkdir(parents=True, exist_ok=True)
    # The record is written last, so that half an export is none.
    for name in (EXPORTED, MASK_WEIGHTS):
        (folder / name).unlink(missing_ok=True)
    for name, source in copies.items():
        write_with(folder / name, functools.partial(_copy, source))
    write_text(folder / CARD, model_card(about, folder.name))
    write_json(folder / EXPORTED, about)
    return [folder / name for name in (*copies, CARD, EXPORTED)]


def _ours(folder: Path) -> bool:
    return (folder / EXPORTED).is_file() or not any(folder.iterdir())


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
