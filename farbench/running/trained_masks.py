"""The masks of a finished cell that is loaded again: those that are stored, or its mask network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from farbench.benchmark.identity import Identity
from farbench.data.mask_bits import StoredMasks, load_masks
from farbench.errors import UserError
from farbench.masks.network import WEIGHTS as MASK_WEIGHTS
from farbench.masks.trained import TrainedMasks, load_mask_network
from farbench.running.trained import TrainedCell
from farbench.running.trained_record import AGAIN, made_by, training_recipe
from farbench.store.artifacts import ArtifactStore
from farbench.store.cells import CELL
from farbench.store.shapes import Shape, check_shape

RECIPE: Shape = {"groups!": [[str]], "protocol!": {"stored_size!": int}}
"""What of a mask network's recipe is needed to have its masks."""


def stored_masks(trained: TrainedCell, store: ArtifactStore) -> StoredMasks | None:
    """Return the masks of all images of its data set, or None if it takes no masks.

    Raises:
        UserError: The cache does not hold them, or none are stored.
    """
    if trained.request is None:
        return None
    if trained.protocol.masks.online:
        raise UserError(
            f"{trained.folder} predicts its masks anew on every image that it is given "
            "(protocol.masks.online), so no masks of its own are stored. Run the row with "
            "--set protocol.masks.online=false."
        )
    recipe, key = mask_recipe(trained), _network_key(trained)
    if trained.request.area != 1:
        identity = trained.record["identity"]
        made = training_recipe(trained.record)["masks"]["made"]
        key = Identity(made, identity["code"]["masks"], identity["numerics"]).key
    if store.meta("masks", key) is None or store.damage("masks", key) is not None:
        raise _not_held(trained, store)
    groups = tuple(str(name) for name, _ in recipe["groups"])
    return load_masks(store.folder("masks", key), groups, recipe["protocol"]["stored_size"])


def mask_network(trained: TrainedCell, store: ArtifactStore) -> TrainedMasks | None:
    """Return its mask network, for images that are not of its data set; None without masks.

    Raises:
        UserError: It is not to be had.
    """
    if trained.request is None:
        return None
    recipe = mask_recipe(trained)
    recipe["protocol"] = {**recipe["protocol"], "online": trained.protocol.masks.online}
    weights = mask_weights(trained, store)
    return load_mask_network(weights, recipe, trained.request.area, trained.compute)


def mask_weights(trained: TrainedCell, store: ArtifactStore) -> Path:
    """Return the file of its mask network: beside its own weights, else in the cache.

    Raises:
        UserError: It is in neither.
    """
    beside = trained.folder / MASK_WEIGHTS
    if beside.is_file():
        return beside
    key = _network_key(trained)
    path = store.folder("masks", key) / MASK_WEIGHTS
    whole = store.meta("masks", key) is not None and store.damage("masks", key) is None
    if not whole or not path.is_file():
        raise _not_held(trained, store)
    return path


def mask_recipe(trained: TrainedCell) -> dict[str, Any]:
    """Return the recipe of the mask network, whatever the area of its masks.

    Raises:
        UserError: It was trained without masks, or its record is damaged.
    """
    _network_key(trained)
    made: dict[str, Any] = training_recipe(trained.record)["masks"]["made"]
    recipe = dict(made.get("masks", made))
    name = "identity.recipe.training.masks.made"
    check_shape(trained.folder / CELL, recipe, RECIPE, AGAIN, name)
    return recipe


def _network_key(trained: TrainedCell) -> str:
    """Return the identity of its mask network."""
    masks = trained.record.get("masks")
    if not masks or "masks" not in training_recipe(trained.record):
        raise UserError(
            f"{trained.folder} was trained without masks, and method '{trained.method.name}' now "
            f"asks for them: {made_by(trained.record)}. Run the cell again."
        )
    return str(masks["key"])


def _not_held(trained: TrainedCell, store: ArtifactStore) -> UserError:
    return UserError(
        f"{trained.folder} needs its mask network, and the cache {store.root} does not hold it, or "
        f"not whole (masks/{_network_key(trained)[:8]}...). Set FARBENCH_CACHE to the cache that "
        "the cell was run with, or run the benchmark again."
    )
