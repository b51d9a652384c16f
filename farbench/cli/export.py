"""`farbench export`: a trained cell as a folder of safetensors, or as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farbench.cli.options import DataRoot, Plugins, ResultsRoot, load_registry
from farbench.cli.trained import Cell, find_trained

FORMATS = ("safetensors", "onnx")


def export(
    cell: Cell,
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR|FILE.onnx",
            help="A folder, or with --format onnx a file.",
            show_default=False,
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="safetensors|onnx",
            help="Weights with all that `farbench predict` needs, or one graph from pictures to "
            "probabilities that needs no farbench.",
        ),
    ] = "safetensors",
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            metavar="X",
            min=0,
            help="ONNX: the largest difference to torch that passes, in probabilities, standard "
            "deviations and fractions of the picture.",
        ),
    ] = 1e-4,
    data_root: DataRoot = None,
    results: ResultsRoot = Path("runs"),
    plugins: Plugins = None,
) -> None:
    """Export a trained cell: weights with options and a model card, or ONNX checked against torch.

    An ONNX file is compared with torch on random pictures, and with --data-root on the data set's.
    """
    from farbench.errors import UserError, unknown_name

    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS, "--format")
    if (output.suffix.lower() == ".onnx") != (format == "onnx"):
        raise UserError(
            f"-o {output}: "
            + (
                "with --format onnx name a file that ends in .onnx."
                if format == "onnx"
                else "a file that ends in .onnx is written with --format onnx."
            )
        )
    folder = find_trained(cell, results)

    from farbench.running.trained import load_trained
    from farbench.store.artifacts import ArtifactStore, default_cache

    store = ArtifactStore(default_cache())
    if format == "onnx":
        from farbench.export.onnx_file import check_installed, export_onnx

        check_installed()
        trained = load_trained(folder, load_registry(plugins or (), strict=False))
        comparison = export_onnx(trained, output, store, data_root, tolerance)
        typer.echo("\n".join(comparison.lines()))
        _tell(output)
        return

    from farbench.export.folder import export_folder

    trained = load_trained(folder, load_registry(plugins or (), strict=False))
    for path in export_folder(trained, output, store):
        _tell(path)


def _tell(path: Path) -> None:
    """Say what was written and how large it is."""
    size = path.stat().st_size
    typer.echo(f"wrote {path} ({size / 1e6:.1f} MB)" if size > 1e5 else f"wrote {path}")
