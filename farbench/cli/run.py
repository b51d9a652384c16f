"""`farbench run`: trains and evaluates every cell of a benchmark, and prints its table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from farbench.cli.options import DataRoot, Device, Plugins, Strict, comma_list, load_registry

if TYPE_CHECKING:
    from farbench.benchmark.resolve import ResolvedBenchmark
    from farbench.plugins.registry import Registry
    from farbench.running.progress import Progress
    from farbench.running.work import Evaluate
    from farbench.store.artifacts import ArtifactStore


def run(
    benchmark: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="A benchmark file, or the name of a shipped one (`farbench list benchmarks`).",
            show_default=False,
        ),
    ],
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="P",
            help="A name (`farbench list protocols`) or file, in place of the benchmark's own.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="D",
            help="A data set, in place of the benchmark's; several by commas.",
            show_default=False,
        ),
    ] = None,
    data_root: DataRoot = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows", metavar="A,B", help="Run these rows only, by id.", show_default=False
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", metavar="0,1,2", help="In place of the benchmark's.", show_default=False
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change one thing: protocol.KEY, rows.ID.OPTION, method.OPTION, dataset.OPTION; "
            "repeatable.",
            show_default=False,
        ),
    ] = None,
    results: Annotated[
        Path, typer.Option("--results", metavar="DIR", help="Where results are kept.")
    ] = Path("runs"),
    device: Device = "auto",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            metavar="N",
            min=1,
            help="Cells side by side, each in a process of its own; the results are the same. "
            "Else one; on a cluster, as many as it takes.",
            show_default=False,
        ),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            metavar="local|ray|slurm|FILE",
            help="Where cells run: on this machine or on a cluster (docs/cluster.md). FILE is "
            "YAML: `executor: slurm`, and its options.",
        ),
    ] = "local",
    executor_options: Annotated[
        list[str] | None,
        typer.Option(
            "--executor-option",
            metavar="KEY=VALUE",
            help="What a cell asks of the cluster: cpus=4, partition=gpu, time=8:00:00; "
            "repeatable.",
            show_default=False,
        ),
    ] = None,
    plugins: Plugins = None,
    loggers: Annotated[
        list[str] | None,
        typer.Option(
            "--logger",
            metavar="NAME",
            help="Follow the run with tensorboard, mlflow or a logger of yours "
            "(`farbench plugins`); repeatable. Results are the same.",
            show_default=False,
        ),
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Go on without images that do not decode.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and stop: train and write nothing.")
    ] = False,
    strict: Strict = False,
) -> None:
    """Train and evaluate a benchmark, then print its table.

    What is finished is not run again. Without a protocol of its own a benchmark runs under
    `quick`: synthetic faces, minutes on a CPU.
    """
    # OpenMP threads that spin while they wait starve one another where cores are shared (measured:
    # twenty times slower with two runs on two cores); alone, sleeping costs a few per cent. To be
    # set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from farbench.benchmark.loading import load_benchmark
    from farbench.benchmark.resolve import resolve_benchmark

    if _processes() > 1:  # torchrun has begun this process, with others
        from farbench.errors import UserError
        from farbench.running.ranks import take_part

        if take_part(device):
            return
        if executor != "local" or (jobs or 1) > 1:
            raise UserError(
                "torchrun trains one cell in several processes; leave --jobs and --executor out."
            )

    loaded = load_benchmark(
        benchmark,
        protocol=protocol,
        dataset=dataset,
        rows=comma_list(rows),
        seeds=_seeds(seeds),
        sets=sets or (),
        plugins=plugins or (),
    )
    registry = load_registry(loaded.benchmark.plugins, strict, loggers or ())
    resolved = resolve_benchmark(loaded, registry)
    _check_device(device, executor)

    from farbench.executors.choose import make_executor
    from farbench.running.prepare import Preparation
    from farbench.running.progress import Progress
    from farbench.running.run import BenchmarkRun
    from farbench.store.artifacts import ArtifactStore, default_cache

    progress = Progress()
    store = ArtifactStore(default_cache(), progress.line)
    preparation = Preparation(
        registry, store, results, data_root, device, progress, skip_broken=skip_broken
    )
    place_of_cells = make_executor(
        executor,
        executor_options or (),
        jobs,
        device,
        max(row.protocol.threads for row in resolved.rows),
        results / loaded.benchmark.name,
        (results, store.root),
    )
    if dry_run:
        from farbench.running.plan_text import describe_plan
        from farbench.running.rates import Rates

        typer.echo(describe_plan(preparation.plan(resolved), store, Rates(store)))
        return
    evaluator = None if resolved.robustness is None else _evaluator
    benchmark_run = BenchmarkRun(preparation, evaluator=evaluator, executor=place_of_cells)
    planned, failed = benchmark_run.execute(resolved)

    from farbench.cli.table import print_terminal
    from farbench.tables.files import write_all
    from farbench.tables.from_store import build

    write_all(planned.folder, typer.echo)
    print_terminal(build(planned.folder, "main"))
    typer.echo(f"Tables: {planned.folder / 'tables'}    Again: farbench table {planned.folder}")
    if failed:
        typer.echo(f"{failed} of {len(planned.cells)} cells failed.", err=True)
        raise typer.Exit(1)


def _processes() -> int:
    """Return in how many processes torchrun has begun this command.

    Raises:
        UserError: What says so is no number.
    """
    from farbench.errors import UserError

    text = os.environ.get("WORLD_SIZE", "1")
    if not (text.isascii() and text.isdecimal()):
        raise UserError(
            f"WORLD_SIZE is '{text}', no number of processes. torchrun sets it; without torchrun "
            "unset it."
        )
    return int(text)


def _seeds(text: str | None) -> list[int] | None:
    """Read ``0,1,2``.

    Raises:
        UserError: A part is not an integer of at least 0.
    """
    from farbench.errors import UserError

    parts = comma_list(text)
    if parts is None:
        return None
    for part in parts:
        if not (part.isascii() and part.isdecimal()):
            raise UserError(f"--seeds: expected integers with commas, such as 0,1,2; got '{part}'.")
        if len(part) > 18:  # seeds are in the names of folders
            raise UserError(f"--seeds: a seed has at most 18 digits, got {len(part)}.")
    if not parts:
        raise UserError("--seeds: no seed given, such as 0,1,2.")
    return [int(part) for part in parts]


def _evaluator(
    benchmark: ResolvedBenchmark,
    registry: Registry,
    store: ArtifactStore,
    device: str,
    progress: Progress,
) -> Evaluate | None:
    """Make what evaluates finished cells under corruptions; None if the benchmark asks for none."""
    from farbench.robustness.run import RobustnessRun

    if benchmark.robustness is None:
        return None
    return RobustnessRun(benchmark.robustness, registry, store, device, progress).trained


def _check_device(device: str, executor: str) -> None:
    """Refuse a device name that is not one, before anything is loaded.

    Raises:
        UserError: It is none of auto, cpu, cuda and cuda:N, nor cuda=NAME for another machine's.
    """
    from farbench.errors import UserError

    kind, _, index = device.partition(":")
    elsewhere = device.startswith("cuda=") and len(device) > len("cuda=")
    named = device in ("auto", "cpu", "cuda") or elsewhere
    if not named and not (kind == "cuda" and index.isdecimal()):
        raise UserError(f"--device: expected auto, cpu, cuda or cuda:1, got '{device}'.")
    if elsewhere and executor == "local":
        raise UserError(
            f"--device {device} is for GPUs of other machines, with --executor ray or slurm. Type "
            "--device cuda."
        )
