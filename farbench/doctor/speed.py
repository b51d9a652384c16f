"""Does the network wait for images, or do images wait for the network?"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from farbench.errors import UserError
from farbench.plugins.dataset import Dataset
from farbench.plugins.health import Diagnosis, Machine

if TYPE_CHECKING:
    from farbench.bench.workload import Workload
    from farbench.data.source import Source

STEPS = 4
"""Batches that are made, and steps that are taken, after some that warm up."""
SECONDS, IMAGES = 1.0, 64
"""Decoding is measured for so long, or for so many images."""
DRAWN = "synthetic_faces"


class Rates(NamedTuple):
    """Images a second: of batches made from packed images, and of training steps."""

    batches: float
    steps: float


def check_speed(machine: Machine) -> Iterator[Diagnosis]:
    """Measure how fast images are decoded, batches are made and a network is trained.

    The network's images are noise; decoded are those of the first data set that is on disk.
    """
    from farbench.bench.workload import make_ready, plan_method
    from farbench.data.workers import worker_count

    # The time of a step does not depend on the weights, so none are fetched.
    cell = plan_method(
        machine.method,
        machine.registry,
        protocol=machine.protocol,
        dataset=DRAWN,
        steps=STEPS,
        sets=["protocol.pretrained=false"],
        device=machine.device,
    )
    source, workers = _images(machine), worker_count()
    decoded = workers * decode_rate(source, cell.row.protocol.resize)
    yield Diagnosis(
        "decoding",
        "ok",
        f"about {decoded:,.0f} images/s of {source.dataset.name} with {workers} processes; once, "
        "then they are packed",
    )
    yield told(training_rates(make_ready(cell)), machine)


def decode_rate(source: Source, side: int) -> float:
    """Return the images a second that one process decodes and resizes to ``side`` pixels."""
    from farbench.data.pack import resize

    started, done = time.perf_counter(), 0
    for position in range(min(IMAGES, len(source))):
        resize(source.read(position), side)
        done += 1
        if time.perf_counter() - started > SECONDS:
            break
    return done / (time.perf_counter() - started)


def training_rates(work: Workload) -> Rates:
    """Measure batches alone and steps alone; in training they overlap."""
    from farbench.bench.profile import take_step
    from farbench.running.costs import wait_for

    compute, size = work.forward.compute, work.run.protocol.batch_size
    full = next(work.batches())
    take_step(work, full)
    wait_for(compute)
    started = time.perf_counter()
    for _ in range(STEPS):
        take_step(work, full)
    wait_for(compute)
    steps = time.perf_counter() - started
    started = time.perf_counter()
    made = sum(len(batch.positions) for batch in work.batches())
    wait_for(compute)
    return Rates(made / (time.perf_counter() - started), STEPS * size / steps)


def told(rates: Rates, machine: Machine) -> Diagnosis:
    """Compare the two rates."""
    what = f"{machine.method} under {machine.protocol}"
    if rates.batches < rates.steps:
        return Diagnosis(
            "training",
            "warning",
            f"you are input bound: batches are made at {rates.batches:,.0f} images/s, and {what} "
            f"could train {rates.steps:,.0f}",
            "Fewer cells at once (--jobs); on a GPU --set protocol.input=resident; "
            f"`farbench profile {machine.method} --protocol {machine.protocol}` shows the parts",
        )
    return Diagnosis(
        "training",
        "ok",
        f"{what} trains {rates.steps:,.0f} images/s, and batches are made at {rates.batches:,.0f}",
    )


def _images(machine: Machine) -> Source:
    """Return the first data set that can be read from disk, else the drawn faces."""
    from farbench.benchmark.schema import Images
    from farbench.data.source import open_source

    known = {name: entry.value for name, entry in machine.registry.datasets.items()}
    on_disk = [cls for cls in known.values() if cls.needs_root and machine.data_root is not None]
    few = Images(train=IMAGES, valid=1, test=1)
    for cls in itertools.chain(on_disk, [known[DRAWN]]):
        try:
            dataset: Dataset = cls()
            return open_source(dataset, machine.data_root, few)
        except (UserError, ValueError):
            continue  # not there, broken, or in need of options: the data sets' own check tells
    raise UserError("no data set can be read")
