"""`farbench profile`: where a method's training time goes, what it computes and holds."""

from __future__ import annotations

import json
import os
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from farbench.cli.options import (
    DataRoot,
    Device,
    Plugins,
    Strict,
    TerminalOrJson,
    check_format,
    load_registry,
)

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry
    from farbench.running.plan import PlannedCell

WIDTH = 100
"""Columns that a line may have."""
SIZES = {"image_size": 112, "batch_size": 36}
"""Without a protocol."""
MEMORY = ("parameters", "gradients", "optimizer", "activations")
"""What training holds; their sum is printed."""


def profile(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="See `farbench list methods`.")],
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME",
            help="The same as --set method.backbone=NAME.",
            show_default=False,
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="As of `farbench run`: method.OPTION, protocol.KEY; repeatable.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="P",
            help="Take loss, sizes and settings from a protocol.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset", metavar="D", help="Gives tasks and labels; its images are not read."
        ),
    ] = "synthetic_faces",
    data_root: DataRoot = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            metavar="PX",
            min=16,
            max=4096,
            help="Side of the input.  [default: 112, or the protocol's]",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch",
            metavar="N",
            min=2,
            help="Images a step.  [default: 36, or the protocol's]",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, help="Steps of a round.")
    ] = 4,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="Rounds that count.")
    ] = 3,
    device: Device = "auto",
    format: TerminalOrJson = "terminal",
    plugins: Plugins = None,
    strict: Strict = False,
) -> None:
    """Profile a training step of a method: parameters, FLOPs, time by part, MFU, memory.

    Pixels are noise, so nothing is read and nothing is kept. Each part is timed on its own, the
    device waited for; the step is timed in the training loop, where input and step overlap.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in `farbench run`

    check_format(format)
    registry = load_registry(plugins or (), strict)
    changes = [*(sets or ()), *_backbone(method, backbone, registry)]

    from farbench.bench import profile as measuring
    from farbench.bench.workload import make_ready, plan_method

    own = SIZES if protocol is None else dict.fromkeys(SIZES)
    cell = plan_method(
        method,
        registry,
        protocol=protocol,
        dataset=dataset,
        data_root=data_root,
        image_size=image_size or own["image_size"],
        batch_size=batch or own["batch_size"],
        steps=steps,
        sets=changes,
        device=device,
    )
    _announce(cell, protocol, backbone)
    found = measuring.profile(make_ready(cell), rounds).as_dict()
    typer.echo(json.dumps(found, indent=2) if format == "json" else "\n".join(_lines(found)))


def _announce(cell: PlannedCell, protocol: str | None, backbone: str | None) -> None:
    """Say on stderr what is about to be measured, and what is quicker."""
    settings, method = cell.row.protocol, cell.row.method
    network = getattr(method, "backbone", "a network of its own")
    told = (
        f"{method.name}, {network}, {settings.crop} px, batch {settings.batch_size}, on "
        f"{cell.compute.device.type}."
    )
    if cell.compute.device.type == "cpu" and protocol is None and backbone is None:
        told += " With a large network it takes minutes; --protocol quick is small."
    typer.echo(told, err=True)


def _backbone(method: str, backbone: str | None, registry: Registry) -> list[str]:
    """Return ``--backbone`` as a ``--set``.

    Raises:
        UserError: The method has no such option.
    """
    from farbench.errors import UserError

    if backbone is None:
        return []
    entry = registry.methods.get(method)
    if entry is not None and "backbone" not in entry.value.model_fields:
        raise UserError(
            f"--backbone: method '{method}' has no option 'backbone'. `farbench show {method}` "
            "lists its options."
        )
    return [f"method.backbone={backbone}"]


def _lines(found: dict[str, Any]) -> list[str]:
    """Return the profile as aligned lines."""
    device, memory = found["device"], found["memory"]
    options = ", ".join(f"{key} {value}" for key, value in found["method"].items() if key != "name")
    threads = f", {device['threads']} threads" if device["device"] == "cpu" else ""
    lines = [
        *textwrap.wrap(f"{found['method']['name']} ({options})", WIDTH, subsequent_indent="  "),
        f"{device['device']}, {device['precision']}{threads}; {found['image_size']} px, "
        f"batch {found['batch_size']}",
        "",
        f"parameters        {found['parameters'] / 1e6:10.2f} M",
        f"training FLOPs    {found['flops_per_image'] / 1e9:10.2f} G an image, "
        "forward and backward",
        "",
        "part of a step            ms   share of the parts",
    ]
    total = found["parts_sum_ms"]
    for name, taken in found["parts_ms"].items():
        lines.append(f"{name:<16}  {taken:10.2f}   {100 * taken / total:5.1f} %")
    share = f"{100 * found['mfu']:10.1f} % of"
    if found["mfu"] > 1:
        share = "at least 100 %: the peak was measured too low, at"
    peak = f"{found['peak']['flops'] / 1e12:.2f} TFLOP/s ({found['peak']['source']})"
    lines += [
        f"all parts         {total:10.2f}",
        f"step of the loop  {found['step_ms']:10.2f}   "
        f"{found['step_ms'] / total:.2f} of all parts; waits for input "
        f"{100 * found['input_share']:.1f} % of the time",
        "",
        f"images a second   {found['images_per_second']:10.1f}",
        *textwrap.wrap(f"MFU               {share} {peak}", WIDTH, subsequent_indent=" " * 20),
        f"memory            {sum(memory[key] for key in MEMORY):10.1f} MB: "
        + ", ".join(f"{key} {memory[key]:.1f}" for key in MEMORY),
    ]
    if memory["peak"] is not None:
        lines.append(f"peak memory       {memory['peak']:10.1f} MB, measured")
    return lines
