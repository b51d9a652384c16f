"""What a training stage is: its epochs, and its identity, which never mentions the row."""

from __future__ import annotations

from typing import Any

from farbench.benchmark.identity import Identity, code_identity, digest
from farbench.benchmark.resolve import ResolvedRow
from farbench.benchmark.schema import Protocol
from farbench.data.source import Source
from farbench.errors import UserError
from farbench.masks.plan import MaskPlan
from farbench.nn.pretrained import pretrained_identity
from farbench.plugins.method import Problem, Stage
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
    """Build a stage with its identity, which never mentions the row."""
    protocol, method = row.protocol, stage.method
    request = method.mask_request()
    losses = {task.name: row.loss_of(task) for task in problem.tasks}
    learning_rate = protocol.stage_learning_rate.get(stage.name, protocol.learning_rate)
    dumped = protocol.model_dump(mode="json")
    recipe: dict[str, Any] = {
        "stage": stage.name,
        "method": {"name": method.name, "options": method.identity()},
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
    if protocol.parts_of is not None:
        recipe["micro_batch"] = protocol.parts_of  # BatchNorm sees so many images
    modules = [
        "farbench.data.pack",
        "farbench.training.train",
        *method.modules(),
        *(module for loss in losses.values() for module in loss.modules()),
        *source.dataset.modules(),
    ]
    if len(plan_terms(problem, row.weighting)) > 1:
        # With a single term there is nothing to weigh, so rows may share it.
        options = row.weighting.options()
        recipe["weighting"] = {"name": row.weighting.name, "options": options}
        if row.weighting.over == "groups":
            weighed = problem.groups(row.weighting.grouping)
            recipe["weighting"]["groups"] = [[g.name, list(g.columns)] for g in weighed]
        modules += row.weighting.modules()
    if protocol.selection == "best_valid":
        # Here a score decides which weights are kept, so its definition is part of the recipe.
        recipe["metric_version"] = METRIC_VERSION
    grouping = getattr(method, "grouping", None)
    if grouping is not None:
        groups = problem.groups(grouping)
        recipe["groups"] = [[group.name, list(group.columns)] for group in groups]
    backbone = getattr(method, "backbone", None)
    if protocol.pretrained and parent is None and isinstance(backbone, str):
        # A later stage starts from its parent's weights; whose the first ones are is data.
        recipe["pretrained"] = pretrained_identity(backbone)
    if request is not None and masks is not None:
        recipe["masks"] = {
            "made": masks.at(request.area).recipe,
            "warp": protocol.mask_warp,
        }
        if protocol.masks.online:
            recipe["masks"]["online"] = True
            modules.append("farbench.masks.online")
    code = code_identity(modules)
    if request is not None and masks is not None:
        code["masks"] = masks.network.code
    if parent is not None:
        code["parent"] = digest(parent.identity.code)
    numerics = compute.numerics()
    if compute.warp != "opencv":
        numerics["warp"] = compute.warp
    images = len(source.positions("train", problem.tasks))
    if compute.ranks > 1:
        numerics["ranks"] = compute.ranks  # sums in another order
        check_batches(images, protocol.batch_size, compute.ranks)
    speedups = choose_speedups(protocol, compute.device, epochs * images, compute.ranks)
    identity = Identity(recipe, code, numerics | speedups.numerics())
    return StageRun(
        stage=stage,
        problem=problem,
        protocol=protocol,
        losses=losses,
        weighting=row.weighting,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        identity=identity,
        parent=parent,
        speedups=speedups,
    )
