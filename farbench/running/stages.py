"""What a training stage is: its epochs, and its identity, which never mentions the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from farbench.benchmark.identity import Identity, code_identity, digest
from farbench.benchmark.resolved_row import ResolvedRow
from farbench.benchmark.schema import Protocol
from farbench.data.source import Source
from farbench.errors import UserError
from farbench.masks.plan import MaskPlan
from farbench.nn.pretrained import pretrained_identity
from farbench.plugins.grouping import Group
from farbench.plugins.method import Method, Problem, Stage
from farbench.plugins.weighting import TaskWeighting
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.training.device import Compute
from farbench.training.distributed import check_batches
from farbench.training.faster_steps import choose_speedups
from farbench.training.stage import StageRun
from farbench.training.terms import plan_terms

STAGE_PROTOCOL = (
    "crop",
    "augmentation",
    "pretrained",
    "start_at_prior",
    "optimizer",
    "weight_decay",
    "momentum",
    "schedule",
    "batch_size",
    "selection",
)
"""The keys of a protocol that change what a stage learns, beside its epochs, rate and loss."""


def epochs_of(stage: Stage, protocol: Protocol) -> int:
    """Return the epochs of a stage before the last.

    Raises:
        UserError: The protocol does not say.
    """
    if stage.name not in protocol.stage_epochs:
        known = ", ".join(protocol.stage_epochs) or "none"
        raise UserError(
            f"method '{stage.method.name}' has a stage '{stage.name}', and the protocol does not "
            f"say how long it lasts (it knows: {known}). "
            f"Add it with --set protocol.stage_epochs.{stage.name}=1 (0 leaves the stage out)."
        )
    return protocol.stage_epochs[stage.name]


def plan_stage(
    row: ResolvedRow,
    stage: Stage,
    epochs: int,
    problem: Problem,
    source: Source,
    masks: MaskPlan | None,
    seed: int,
    compute: Compute,
    parent: StageRun | None,
) -> StageRun:
    """Build a stage with its identity, which never mentions the row.

    Args:
        row: A row that asks for the stage.
        stage: As its method has it.
        epochs: How long it is trained.
        problem: What its network is built for.
        source: Its images.
        masks: How its masks are made, if the row's method asks for any.
        seed: Of all its random numbers.
        compute: Device and precision.
        parent: The stage whose weights it starts from, or None.

    Raises:
        UserError: A loss is missing, or a batch cannot be shared by the ranks.
    """
    protocol = row.protocol
    losses = {task.name: row.loss_of(task) for task in problem.tasks}
    learning_rate = protocol.stage_learning_rate.get(stage.name, protocol.learning_rate)
    dumped = protocol.model_dump(mode="json")
    weighed = len(plan_terms(problem, row.weighting)) > 1  # else there is nothing to weigh
    seen = masks if stage.method.mask_request() is not None else None
    recipe: dict[str, Any] = {
        "stage": stage.name,
        "method": {"name": stage.method.name, "options": stage.method.identity()},
        "frozen": list(stage.frozen),
        "epochs": epochs,
        "learning_rate": learning_rate,
        "tasks": [task.record() for task in problem.tasks],
        "losses": {
            task: {"name": loss.name, "options": loss.options()} for task, loss in losses.items()
        },
        "protocol": {key: dumped[key] for key in STAGE_PROTOCOL},
        "seed": seed,
        "data": {
            "dataset": source.dataset.name,
            "options": source.dataset.options(),
            "manifest": source.manifest,
            "resize": protocol.resize,
        },
        "parent": parent.identity.recipe if parent else None,
    }
    if protocol.part_size is not None:
        recipe["micro_batch"] = protocol.part_size  # BatchNorm sees so many images
    if weighed:
        recipe["weighting"] = _weighting_recipe(row.weighting, problem)
    if protocol.selection == "best_valid":
        # Here a score decides which weights are kept, so its definition is part of the recipe.
        recipe["metric_version"] = METRIC_VERSION
    recipe |= _network_recipe(stage.method, problem, is_first=parent is None)
    if seen is not None:
        recipe["masks"] = _masks_recipe(seen, stage.method, protocol)
    modules = [
        "farbench.data.pack",
        "farbench.training.train",
        *stage.method.modules(),
        *(module for loss in losses.values() for module in loss.modules()),
        *source.dataset.modules(),
        *(row.weighting.modules() if weighed else ()),
        *(["farbench.masks.online"] if seen is not None and protocol.masks.online else ()),
    ]
    code = code_identity(modules)
    if seen is not None:
        code["masks"] = seen.network.code
    if parent is not None:
        code["parent"] = digest(parent.identity.code)
    images = len(source.positions("train", problem.tasks))
    if compute.ranks > 1:
        check_batches(images, protocol.batch_size, compute.ranks)
    speedups = choose_speedups(protocol, compute.device, epochs * images, compute.ranks)
    return StageRun(
        stage=stage,
        problem=problem,
        protocol=protocol,
        losses=losses,
        weighting=row.weighting,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        identity=Identity(recipe, code, _numerics(compute) | speedups.numerics()),
        parent=parent,
        speedups=speedups,
    )


def _weighting_recipe(weighting: TaskWeighting, problem: Problem) -> dict[str, Any]:
    """Return what the terms of the loss are joined by, with the groups that it weighs."""
    recipe: dict[str, Any] = {"name": weighting.name, "options": weighting.options()}
    if weighting.over == "groups":
        recipe["groups"] = _columns_of(problem.groups(weighting.grouping))
    return recipe


def _network_recipe(method: Method, problem: Problem, *, is_first: bool) -> dict[str, Any]:
    """Return what a network is built by beside its options: its groups, its first weights."""
    recipe: dict[str, Any] = {}
    grouping = getattr(method, "grouping", None)
    if grouping is not None:
        recipe["groups"] = _columns_of(problem.groups(grouping))
    backbone = getattr(method, "backbone", None)
    if problem.pretrained and is_first and isinstance(backbone, str):
        # A later stage starts from its parent's weights; whose the first ones are is data.
        recipe["pretrained"] = pretrained_identity(backbone)
    return recipe


def _masks_recipe(masks: MaskPlan, method: Method, protocol: Protocol) -> dict[str, Any]:
    """Return how the masks that a network looks through are made and warped."""
    request = method.mask_request()
    assert request is not None
    recipe: dict[str, Any] = {
        "made": masks.at(request.area).recipe,
        "warp": protocol.mask_warp,
    }
    if protocol.masks.online:
        recipe["online"] = True
    return recipe


def _columns_of(groups: Sequence[Group]) -> list[list[Any]]:
    return [[group.name, list(group.columns)] for group in groups]


def _numerics(compute: Compute) -> dict[str, Any]:
    """Return what of the device can change the last bits of a stage."""
    numerics = compute.numerics()
    if compute.warp != "opencv":
        numerics["warp"] = compute.warp
    if compute.ranks > 1:
        numerics["ranks"] = compute.ranks  # sums in another order
    return numerics
