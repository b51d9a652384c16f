"""`farbench baseline`: keeps a benchmark's numbers in a small file, for `farbench check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farbench.cli.options import ResultsFolder


def baseline(
    folder: ResultsFolder,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The JSON file to write.", show_default=False
        ),
    ],
) -> None:
    """Keep a benchmark's numbers, and what they were made of, as a baseline.

    The file is small and sorted, to be committed. It holds no predictions, images or paths.
    """
    from farbench.gate.baseline import write_baseline
    from farbench.gate.check import take

    write_baseline(output, take(folder))
    typer.echo(f"wrote {output}")
    typer.echo(f"Compare with it: farbench check {folder} --baseline {output}")
