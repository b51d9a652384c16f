"""A run as a worker in another process is told of it: plain data, from which it plans again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.executors.contract import Say, Work
from farbench.plugins.manager import load_plugins
from farbench.running.prepare import Preparation
from farbench.running.progress import SaidProgress
from farbench.running.work import CellWork, Evaluator
from farbench.store.artifacts import ArtifactStore


@dataclass(frozen=True)
class RunJob:
    """What a run was asked to do, after its YAML was read and its images were packed.

    Attributes:
        loaded: The benchmark as it was when the run began, whatever becomes of its file.
        results: The results root.
        data_root: Where data sets are, or None.
        cache: The store's root.
        device: "auto", "cpu", "cuda" or "cuda:N".
        skip_broken: Go on without images that do not decode.
        evaluator: Makes what looks at finished cells, or None.
        at_once: The most cells that share a machine.
        live: Whether somebody watches steps.
        here: The work itself, in the process that planned it; it does not travel.
        loggers: Names of the loggers that follow the run.
    """

    loaded: LoadedBenchmark
    results: Path
    data_root: Path | None
    cache: Path
    device: str
    skip_broken: bool
    evaluator: Evaluator | None
    at_once: int
    live: bool
    here: Work | None = None
    loggers: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the work behind: it holds live objects."""
        return {**self.__dict__, "here": None}

    def open(self, say: Say) -> Work:
        """Load the plugins, plan the cells again and open their packed images."""
        if self.here is not None:
            return self.here
        registry = load_plugins(self.loaded.benchmark.plugins, loggers=self.loggers)
        benchmark = resolve_benchmark(self.loaded, registry)
        progress = SaidProgress(say, live=self.live)
        store = ArtifactStore(self.cache, progress.line)
        preparation = Preparation(
            registry,
            store,
            self.results,
            self.data_root,
            self.device,
            progress,
            skip_broken=self.skip_broken,
        )
        plan = preparation.plan_again(benchmark)
        evaluate = None
        if self.evaluator is not None:
            evaluate = self.evaluator(benchmark, registry, store, self.device, progress)
        return CellWork(plan, preparation, self.at_once, evaluate)
