"""Exports a trained cell as one ONNX file, and compares it with torch before it is kept."""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from farbench.errors import CellFailed, UserError
from farbench.export.compare import Comparison, compare
from farbench.export.description import describe
from farbench.export.graph import MASKS, PictureGraph
from farbench.export.onnx_operators import REPLACED
from farbench.running.trained import TrainedCell
from farbench.running.trained_masks import mask_network
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import write_with

INPUT = "images"
LARGEST_BATCH = 4096
"""What the exporter is told; the file itself has no limit."""
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPSET = 18
"""The first whose operators (Resize, pooling, GroupNorm's parts) all of the networks here need."""


def check_installed() -> None:
    """Refuse before anything is loaded.

    Raises:
        UserError: A package is missing; the message says how to get it.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--format onnx needs {', '.join(missing)}. Install with: pip install 'farbench[onnx]'"
        )


def export_onnx(
    trained: TrainedCell,
    path: Path,
    store: ArtifactStore,
    data_root: Path | None,
    tolerance: float,
) -> Comparison:
    """Write the file, if it agrees with torch.

    Args:
        trained: The cell, on the CPU.
        path: Where to.
        store: The cache that holds its mask network.
        data_root: Where the data set is, to compare on its test images too.
        tolerance: The largest difference that passes.

    Returns:
        What the comparison found.

    Raises:
        UserError: The network cannot be exported.
        CellFailed: The outputs differ by more than the tolerance.
    """
    # The graph counts in float32, whatever the protocol says of autocast.
    trained = replace(trained, compute=replace(trained.compute, precision="float32"))
    masks = mask_network(trained, store)
    graph = PictureGraph(trained, masks).eval()
    program = _to_onnx(graph, trained)
    program.model.metadata_props.update(_metadata(trained))
    found: list[Comparison] = []

    def write(temporary: Path) -> None:
        program.save(temporary, external_data=False)
        comparison = compare(temporary, graph, trained, masks, data_root)
        if not comparison.largest <= tolerance:
            raise CellFailed(
                f"{path} is not written: ONNX and torch differ by {comparison.largest:.2g}, more "
                f"than --tolerance {tolerance:g}. " + " ".join(comparison.lines())
            )
        found.append(comparison)

    write_with(path, write)
    return found[0]


def _to_onnx(graph: PictureGraph, trained: TrainedCell) -> Any:
    """Return the exported program, its batch free.

    Raises:
        UserError: torch cannot translate the network.
    """
    example = torch.rand(2, 3, graph.side, graph.side)
    names = [task.name for task in trained.tasks] + ([MASKS] if graph.masks is not None else [])
    batch = torch.export.Dim("N", min=1, max=LARGEST_BATCH)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the exporter's own libraries
            traced = torch.export.export(graph, (example,), dynamic_shapes={INPUT: {0: batch}})
            return torch.onnx.export(
                traced.run_decompositions(REPLACED),
                input_names=[INPUT],
                output_names=names,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = str(cause).strip().split("\n")[0].rstrip(".")
        raise UserError(
            f"method '{trained.method.name}' cannot be exported as ONNX "
            f"({type(cause).__name__}: {reason}). Export it as safetensors."
        ) from error


def _metadata(trained: TrainedCell) -> Mapping[str, str]:
    """Return what the file says of itself; JSON where a value is more than a text."""
    about = describe(trained)
    side = trained.protocol.resize
    return {
        "farbench": about["farbench"],
        "name": about["name"],
        "cell": trained.record["identity"]["key"],
        "input": f"{INPUT}: the whole picture resized to a square, RGB in [0, 1], float "
        f"(N, 3, {side}, {side})",
        "tasks": json.dumps([task.record() for task in trained.tasks]),
        "dataset": about["dataset"]["title"],
        "licence": about["dataset"]["licence"],
    }
